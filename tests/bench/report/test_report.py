import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.report import numbers as shown
from bench.report.formats.markdown import markdown
from bench.report.page import Run, report
from bench.report.writer import report_of
from bench.store.frame import load_frame
from bench.store.record import Record, Value, append_records
from bench.results.statistics import Estimate
from tests.bench.report.invented import FACTS, LIMIT
from tests.bench.store.test_record import RECORD

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.052104, "s", "52.10 ms"),
        (11_689_512, "1", "11.69 M"),
        (1_814_073_344, "1", "1.814 G"),
        (3, "1", "3"),
        (0, "1", "0"),
        (999, "B", "999 B"),
        (1.25e-7, "s", "125.0 ns"),
        (0.0, "s", "0.000 s"),
        (2.5, "s", "2.500 s"),
    ],
)
def test_quantities_for_people(number: float, unit: str, text: str) -> None:
    assert shown.quantity(number, unit) == text


def test_ratios_for_people() -> None:
    estimate = Estimate(1.0612, 1.0541, 1.0683, "t")
    assert shown.percent(estimate) == "+6.1 % [5.4, 6.8]"
    assert shown.ratio(estimate) == "×1.061 [1.054, 1.068]"
    assert shown.percent(Estimate(0.99, 0.985, 0.995, "t")) == "−1.0 % [−1.5, −0.5]"
    assert shown.percent(Estimate(1.01, None, None, "t")) == "+1.0 % [no interval]"


def test_names_cannot_break_a_table() -> None:
    assert shown.escape("a|b<script>_c\n") == r"a\|b\<script\>\_c "


def test_brackets_that_make_no_link_stay() -> None:
    assert shown.escape("+6.1 % [5.4, 6.8] (so)") == "+6.1 % [5.4, 6.8] (so)"
    assert shown.escape("[x](y) [x][y] [x]: y") == r"[x\](y) [x\][y] [x\]: y"


def record(role: str, attention: str, repeat: int, ratio: float) -> Record:
    axes = {
        "backbone": "resnet18",
        "attention": attention,
        "placement": None if attention == "none" else "spatial",
        "mode": "inference",
        "execution": "eager",
        "batch": 1,
        "resolution": 224,
        "dtype": "fp32",
        "memory_format": "contiguous",
        "threads": None,
    }
    # Repeats scatter by ± 0.1 %, so that there is an interval to print.
    samples = (0.010 * ratio * (1 + 0.001 * (repeat % 2)), 0.010 * ratio)
    return replace(
        RECORD,
        group="g",
        cell=f"resnet18/{attention}",
        role=role,
        axes=axes,
        options={},
        repeat=repeat,
        values=(Value("latency", "s", samples),),
        details={"rounds": 2, "stopped_by": "budget"},
    )


def count(role: str, attention: str, params: int) -> Record:
    axes = {**record(role, attention, 0, 1).axes}
    axes.update(mode=None, execution=None, batch=None, dtype=None, memory_format=None)
    return replace(
        record(role, attention, 0, 1), measure="complexity", axes=axes, values=(Value("params", "1", (params,)),)
    )


def page(tmp_path: Path, *records: Record) -> str:
    for each in records:
        append_records(tmp_path / "records.jsonl", [each])
    environments = {"env": {"facts": FACTS, "state": {"load": [0.25, 0, 0]}}}
    return render(load_frame(tmp_path), Run(tmp_path, "T", "name: t\n", LIMIT, environments))


def render(frame: pd.DataFrame, *runs: Run) -> str:
    return markdown(report(frame, runs).page)


def timed(simam: float, control: float) -> list[Record]:
    return [
        each
        for repeat in range(5)
        for each in (
            record("baseline", "none", repeat, 1.0),
            record("variant", "simam", repeat, simam),
            record("control", "none", repeat, control),
        )
    ]


def test_the_sentence_says_what_it_costs(tmp_path: Path) -> None:
    text = page(tmp_path, *timed(1.061, 1.0))
    assert (
        "- SimAM costs +6.1 % [6.1, 6.1] latency over plain ResNet-18 (inference, eager, batch 1, 224 px, fp32).\n"
        in text
    )
    assert "ResNet-18 (inference, eager, batch 1, 224 px, fp32): +0.00 % [0.00, 0.00], passes at ±1 %." in text
    assert "\n## ResNet-18\n\nAll rows: inference, eager, batch 1, 224 px, fp32.\n" in text
    assert "5 fresh processes a group, 2 rounds in each" in text


def test_threads_left_out_are_a_choice_of_their_own(tmp_path: Path) -> None:
    records = timed(1.061, 1.0)
    alone = [
        replace(each, group="t1", cell=f"{each.cell}/t1", axes={**each.axes, "threads": 1})
        for each in records
        if each.axes["attention"] == "none"
    ]
    text = page(tmp_path, *records, *alone)
    assert "| plain    | –           |           | " in text and "| plain    | –           | 1         | " in text
    assert (
        "| SimAM    | spatial     |           | " in text
        and "All rows: inference, eager, batch 1, 224 px, fp32.\n" in text
    )


def test_a_failed_control_makes_it_inconclusive(tmp_path: Path) -> None:
    text = page(tmp_path, *timed(1.061, 1.02))
    assert re.search(r"Inconclusive at ±1 %: the A/A control reads \+\d\.\d\d % \[", text)
    assert "does not pass at ±1 %" in text


def test_without_a_control_it_says_that_there_is_none(tmp_path: Path) -> None:
    text = page(tmp_path, *(each for each in timed(1.061, 1.0) if each.role != "control"))
    assert "Inconclusive: no A/A control was measured beside it." in text


def test_a_condition_that_is_compared_is_named_with_each(tmp_path: Path) -> None:
    changed = {"attention": "none", "placement": None, "execution": "compile"}
    compiled = [
        replace(each, cell="resnet18/none/compile", axes={**each.axes, **changed}) if each.role == "variant" else each
        for each in timed(0.8, 1.0)
    ]
    sentence = "- plain with compile (−20.0 % [−20.0, −20.0]) saves latency against plain ResNet-18, eager "
    assert f"{sentence}(inference, batch 1, 224 px, fp32).\n" in page(tmp_path, *compiled)


def test_what_cannot_be_told_is_not_called_a_cost(tmp_path: Path) -> None:
    records = [
        each
        for repeat in range(5)
        for each in (
            record("baseline", "none", repeat, 1.0),
            record("variant", "simam", repeat, 1.0 + 0.01 * (-1) ** repeat),
            record("control", "none", repeat, 1.0),
        )
    ]
    text = page(tmp_path, *records)
    assert re.search(
        r"^- SimAM \(\+\d\.\d % \[.*\]\) cannot be told from plain ResNet-18 by latency \(inference", text, re.M
    )


def test_of_several_modules_the_same_is_said_in_one_sentence(tmp_path: Path) -> None:
    wobble = [0.01, -0.01, 0.01, -0.01, 0.0]
    times = {"se": 1.02, "cbam": 1.3, "eca": 1.01, "simam": 0.9, "mine:A": 0.8, "mine:B": 1.0, "mine:C": 1.0}
    records = [
        each
        for repeat in range(5)
        for each in (
            record("baseline", "none", repeat, 1.0),
            *(
                record("variant", name, repeat, time + (wobble[repeat] if time == 1 else 0))
                for name, time in times.items()
            ),
            record("control", "none", repeat, 1.0),
        )
    ]
    text = page(tmp_path, *records)
    where = "(inference, eager, batch 1, 224 px, fp32)."
    costs = "SE costs +2.0 % [2.0, 2.0], CBAM +30.0 % [30.0, 30.0] and ECA +1.0 % [1.0, 1.0]"
    saves = "SimAM (−10.0 % [−10.0, −10.0]) and A (−20.0 % [−20.0, −20.0]) save"
    assert (
        f"- {costs} latency over plain ResNet-18 {where}\n- {saves} latency against plain ResNet-18 {where}\n" in text
    )
    told = r"^- B \(.*\) and C \(.*\) cannot be told from plain ResNet-18 by latency \(inference"
    assert re.search(told, text, re.M)


def test_groups_that_are_called_the_same_are_not_one_sentence(tmp_path: Path) -> None:
    other = [replace(each, group=f"other {each.group}", cell=f"other {each.cell}") for each in timed(1.5, 1.0)]
    text = page(tmp_path, *timed(1.05, 1.0), *other)
    assert re.findall(r"^- SimAM costs (\S+) % \[[^]]*\] latency over plain", text, re.M) == ["+5.0", "+50.0"]


def test_too_few_repeats_are_said_to_be_too_few(tmp_path: Path) -> None:
    records = [record("baseline", "none", 0, 1.0), record("variant", "se", 0, 1.1), record("variant", "eca", 0, 1.2)]
    said = "- SE took +10.0 % [no interval] and ECA +20.0 % [no interval] latency against plain ResNet-18, from too few"
    assert said in page(tmp_path, *records)


def test_values_read_on_fewer_axes_join_the_finer_rows(tmp_path: Path) -> None:
    text = page(
        tmp_path, *timed(1.061, 1.0), count("baseline", "none", 1_000_000), count("variant", "simam", 1_000_003)
    )
    table = text.partition("## At a glance")[2].partition("\n## ")[2].partition("## Published")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 4  # heading, rule, plain, SimAM: the control and the coarser measure add no rows
    assert rows[2].split("|")[1].strip() == "plain" and "1.000 M" in rows[2] and "baseline" in rows[2]
    assert "1.000 M (+3)" in rows[3] and "×1.061" in rows[3]


def test_compile_time_has_a_column_and_is_not_compared(tmp_path: Path) -> None:
    compiled = [
        replace(each, values=(*each.values, Value("compile_time", "s", (2.0,)), Value("graph_breaks", "1", (0,))))
        for each in timed(1.061, 1.0)
    ]
    text = page(tmp_path, *compiled).partition("Records that the tables")[0]
    heading, _, _, simam = [line for line in text.splitlines() if line.startswith("|")]
    assert [name.strip() for name in heading.split("|")[-3:-1]] == ["compile time (p5–p95)", "graph breaks"]
    assert [cell.strip() for cell in simam.split("|")[-3:-1]] == ["2.000 s (2.000 s–2.000 s)", "0 (+0)"]
    sentences = [line for line in text.splitlines() if line.startswith(("- SimAM", "- ResNet-18"))]
    assert len(sentences) == 2  # of the latency, and of its control


def test_failures_are_told(tmp_path: Path) -> None:
    failed = replace(record("variant", "simam", 0, 1), status="failed", reason="it <broke>", values=())
    text = page(tmp_path, record("baseline", "none", 0, 1.0), failed)
    assert "- resnet18/simam, latency, repeat 0: failed: it \\<broke\\>" in text


EVIL = "a|b`c*<script>[x](y)_[/red]::error::"


def test_names_of_users_stay_text_everywhere(tmp_path: Path) -> None:
    rows = [
        replace(each, axes={**each.axes, "attention": EVIL}, cell=EVIL) if each.role == "variant" else each
        for each in timed(1.061, 1.0)
    ]
    failed = replace(rows[1], repeat=9, status="failed", reason=f"{EVIL}\n# heading", values=())
    for each in [*rows, failed]:
        append_records(tmp_path / "records.jsonl", [each])
    environments = {"env": {"facts": {**FACTS, "cpu": EVIL}, "state": {"load": None}}}
    text = render(load_frame(tmp_path), Run(tmp_path, EVIL, f"name: t # ```{EVIL}\n", LIMIT, environments))
    prose, fence, block = text.partition("````yaml\n")
    assert fence and "\n````\n" in block
    for line in prose.splitlines():
        assert "<script>" not in line.replace("\\<script\\>", "")
        assert not line.startswith("# heading")
    table = [line for line in prose.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def committed() -> dict[Path, list[Path]]:
    """Folder of a committed report → the runs that it is made of: itself, or those in it by their names' order."""
    found: dict[Path, list[Path]] = {}
    for path in sorted(Path("reports").glob("*/report.md")):
        inside = sorted(
            each.parent for each in path.parent.glob("*/records.jsonl") if not (each.parent / "report.md").exists()
        )
        runs = [path.parent] if (path.parent / "records.jsonl").exists() else inside
        if runs and path.parent.name != "calibration":
            found[path.parent] = runs
    return found


def test_the_committed_reports_are_what_their_records_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # a page of several runs tells their paths
    assert len(committed()) > 4
    for folder, runs in committed().items():
        text = markdown(report_of(runs).page, figures=True)
        assert text == (folder / "report.md").read_text(encoding="utf-8"), folder
        assert all((folder / path).is_file() for path in re.findall(r"\]\((figures/[^)]*)\)", text))


def test_the_page_says_where_and_how(tmp_path: Path) -> None:
    text = page(tmp_path, *timed(1.061, 1.0))
    assert "A \\| CPU, 2 cores" in text and "Load at the start: 0.25" in text
    assert "git checkout abc\n" in text and "name: t\n```" in text


@pytest.mark.parametrize(
    ("dataset", "suite", "told"),
    [
        (None, "name: t\n", False),
        ("digits", "name: t\n", False),
        ("cifar10", "name: t\n", True),
        ("cifar10", "data: {download: true}\n", True),
        ("cifar10", "data: {root: mine}\n", False),
    ],
)
def test_the_page_says_that_the_images_have_a_place(
    tmp_path: Path, dataset: str | None, suite: str, told: bool
) -> None:
    rows = [replace(each, axes={**each.axes, "dataset": dataset}) for each in timed(1.061, 1.0)]
    append_records(tmp_path / "records.jsonl", rows)
    environments = {"env": {"facts": FACTS, "state": {"load": None}}}
    text = render(load_frame(tmp_path), Run(tmp_path, "T", suite, LIMIT, environments))
    assert ("\nexport BENCH_DATA=" in text.partition("python -m bench run suite.yaml")[0]) == told


def test_each_run_keeps_its_own_threshold_and_tables(tmp_path: Path) -> None:
    runs = []
    for name, threshold in (("a", 0.03), ("b", 0.01)):
        (tmp_path / name).mkdir()
        append_records(tmp_path / name / "records.jsonl", timed(1.061, 1.02))
        runs.append(
            Run(
                tmp_path / name,
                "T",
                "name: t\n",
                {"latency_ratio": threshold},
                {"env": {"facts": FACTS, "state": {"load": None}}},
            )
        )
    text = render(load_frame(*(run.path for run in runs)), *runs)
    sentences = [line for line in text.splitlines() if line.startswith("- SimAM costs")]
    assert ["Inconclusive" in line for line in sentences] == [False, True]
    assert text.count("## ResNet-18, ") == 2
