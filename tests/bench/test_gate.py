"""The gate in CI: output and exit codes."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bench.cli import app
from bench.run.messages import Message
from bench.run.runner import Runner
from bench.run.worker import Job, run_job
from bench.run.workload import _skeleton
from bench.store.record import Record
from tests.factories import QUIET, counts, failed, group, store, times
from tests.helpers import plan


def bench(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return store(tmp_path / "base", group())


def with_biased_control(folder: Path, name: str, step: int) -> Path:
    """A run whose A/A control differs from its baseline by 2 %, so that its time is inconclusive."""
    base, control = times("baseline", "n", 0.1, (0.0,) * 6), times("control", "n", 0.102, QUIET[::step])
    records = [*base, *times("variant", "v", 0.2, QUIET[::step]), *control]
    return store(folder / name, [*records, counts("v", 1)], "latency_ratio: 0.01, params: exact")


@pytest.mark.parametrize(
    ("records", "code"),
    [
        (group(), 0),  # the run itself
        (group(1.0005, QUIET), 0),
        (group(1.05, QUIET), 1),
        (group(params=101), 1),
        (group()[:-1], 3),  # a cell vanished
        ([*group(), failed(role="variant", cell="net/new")], 3),
        ([*group(1.05, QUIET), failed(role="variant", cell="net/new")], 1),  # outranks 3
    ],
)
def test_exit_codes_of_compare(tmp_path: Path, base: Path, records: Sequence[Record], code: int) -> None:
    done = bench("compare", base, store(tmp_path / "new", records))
    assert done.exit_code == code, done.output


def test_single_inconclusive_values(tmp_path: Path) -> None:
    noisy = (0.05, -0.05) * 3
    runs = [
        store(tmp_path / name, [*group(1.0), *times("variant", "net/se", 0.2, noisy[::step])])
        for name, step in (("base", 1), ("new", -1))
    ]
    runs[1] = store(tmp_path / "other", [*group(1.0005, QUIET), *times("variant", "net/se", 0.2, noisy[::-1])])
    codes = {
        policy: bench("compare", *runs, "--on-inconclusive", policy).exit_code for policy in ("fail", "warn", "pass")
    }
    assert codes == {"fail": 3, "warn": 0, "pass": 0}


def test_inconclusive_times_are_not_hidden_by_unchanged_counts(tmp_path: Path) -> None:
    runs = with_biased_control(tmp_path, "base", 1), with_biased_control(tmp_path, "new", -1)
    for policy in ("fail", "warn", "pass"):
        done = bench("compare", *runs, "--on-inconclusive", policy)
        assert done.exit_code == 3 and "1 inconclusive, 1 unchanged" in done.output


def test_defect_exits_3(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.results.compare.compare_runs", lambda *arguments: 1 / 0)
    assert bench("compare", base, base).exit_code == 3


def test_accepted_differences(tmp_path: Path, base: Path) -> None:
    new = store(tmp_path / "new", group(1.05, QUIET), cpu="another")
    refused, accepted = bench("compare", base, new), bench("compare", base, new, "--accept", "cpu")
    assert refused.exit_code == 3 and "--accept cpu" in refused.output
    assert accepted.exit_code == 1 and "regressed" in accepted.output


def test_json_output(tmp_path: Path, base: Path) -> None:
    done = bench("compare", base, store(tmp_path / "new", group(1.05, QUIET)), "--format", "json")
    output = json.loads(done.stdout)
    assert output["exit_code"] == done.exit_code == 1
    worst = output["verdicts"][0]
    assert worst["kind"] == "regressed" and worst["change"]["point"] == pytest.approx(1.05)


def test_github_summary_and_annotations(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "summary.md"
    page.write_text("earlier steps\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    done = bench("compare", base, store(tmp_path / "new", group(1.05, QUIET)), "--github")
    assert "::error title=regressed%3A latency_ratio of net/simam::" in done.stdout
    assert page.read_text(encoding="utf-8").startswith("earlier steps\n**1 regressed, 1 unchanged. ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "nowhere"), "nowhere holds no run"),
        (("{base}", "{base}", "--accept", "torhc"), "did you mean 'torch'?"),
        (("{base}", "{base}", "--github"), "GITHUB_STEP_SUMMARY"),
        (("{base}", "{base}", "--github", "--format", "json"), "not JSON"),
    ],
)
def test_bad_input_exits_2(
    base: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    done = bench("compare", *(argument.format(base=base) for argument in arguments))
    assert done.exit_code == 2 and message in done.output and "Traceback" not in done.output


def test_damaged_run_exits_2(tmp_path: Path, base: Path) -> None:
    broken = store(tmp_path / "broken", group())
    (broken / "environment.json").write_text("{", encoding="utf-8")
    done = bench("compare", base, broken)
    assert done.exit_code == 2 and "environment.json is damaged" in done.output


def test_ab_rejects_bad_input_before_measuring(tmp_path: Path) -> None:
    suite = Path(__file__).parents[2] / "suites/ci.yaml"
    unknown = bench("ab", "no-such-revision", "HEAD", suite, "--out", tmp_path / "out")
    assert unknown.exit_code == 2 and "has no revision 'no-such-revision'" in unknown.output
    elsewhere = subprocess.run(
        [sys.executable, "-m", "bench", "ab", "HEAD", "HEAD", str(suite)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(suite.parents[1]), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert elsewhere.returncode == 2 and "Traceback" not in elsewhere.stderr
    assert not (tmp_path / "out").exists()


EXACT = """
    name: exact
    axes:
      backbone: ["tests.helpers:tiny"]
      attention: [none, "tests.helpers:Grown"]
      placement: [{layers: "0"}]
    baseline: {attention: none}
    measures: {complexity: {}, memory: {}}
"""


@pytest.mark.parametrize(
    ("by", "value"), [("parameter", "params"), ("operator", "operators"), ("saved byte", "saved_bytes")]
)
def test_any_increase_of_a_count_regresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, value: str
) -> None:
    def here(job: Job, timeout: float) -> Iterator[Message]:
        messages: list[Message] = []
        run_job(job, messages.append)
        return iter(messages[:-1])  # the last says that the job is done

    runs = []
    for grown in ("", by):
        monkeypatch.setenv("GROWN_BY", grown)
        _skeleton.cache_clear()
        units = Runner(here, "cpu", "e", lambda *arguments: None).run(plan(tmp_path, EXACT), {})
        records = [record for _, records in units for record in records]
        assert {record.status for record in records} == {"ok"}
        runs.append(store(tmp_path / f"by {grown}", records, f"{value}: exact"))
    assert bench("compare", runs[0], runs[0]).exit_code == 0
    done = bench("compare", *runs, "--format", "json")
    assert done.exit_code == 1
    [worst] = [verdict for verdict in json.loads(done.output)["verdicts"] if verdict["kind"] == "regressed"]
    assert worst["value"] == value and "Grown" in worst["cell"]
