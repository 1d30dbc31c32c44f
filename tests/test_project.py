"""The project's own promises about itself."""

import ast
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.suite.load import load_suite
from bench.suite.plan import expand
from simam.registry import ATTENTION, BACKBONES

ROOT = Path(__file__).parent.parent


def requirements() -> dict[str, str]:
    """Package → its floor, as pyproject.toml has it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(re.findall(r'"([\w.-]+)>=([\w.]+)"', text.partition("[project]")[2]))


def test_ci_runs_the_floors_of_every_requirement() -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", (ROOT / ".ci/floors.txt").read_text(), re.MULTILINE))
    floors = {name: floor for name, floor in requirements().items() if name not in ("torch", "torchvision")}
    assert pinned.keys() == floors.keys()
    for name, floor in floors.items():
        assert pinned[name] == floor or pinned[name].startswith(f"{floor}.")


def test_ci_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^pip install .*&&.*$", readme, re.MULTILINE)
    assert commands[1] in (ROOT / ".ci/run").read_text().splitlines()


def test_the_readme_quotes_the_committed_report() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    report = (ROOT / "reports/latency/report.md").read_text(encoding="utf-8").splitlines()
    quoted = [line for line in readme.splitlines() if line.startswith("|") or " latency over plain " in line]
    assert len(quoted) == 1 + 7  # what was found, and the table
    assert all(line in report for line in quoted)


def test_the_index_of_reports_quotes_them() -> None:
    folder = ROOT / "reports"
    entries = re.split(r"^- ", (folder / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    linked = {match[1]: entry for entry in entries if (match := re.match(r"\[.*?\]\((.*?)/report\.md\)", entry))}
    assert sorted(linked) == sorted(path.parent.name for path in folder.glob("*/report.md"))
    for name, entry in linked.items():
        page = (folder / name / "report.md").read_text(encoding="utf-8")
        quotes = [" ".join(quote.split()) for quote in re.findall(r"`([^`]*)`", entry)]
        missing = [quote for quote in quotes if " " in quote and quote not in page]  # one word is a command's name
        assert quotes and not missing, name


@pytest.mark.parametrize("folder", sorted((ROOT / "reports").glob("fused*")), ids=lambda path: path.name)
def test_the_page_of_the_fused_operator_is_what_its_records_say(folder: Path) -> None:
    from tests.perf import fused

    assert fused.render(folder) == (folder / "report.md").read_text(encoding="utf-8")
    device = fused.facts_of(folder)["device"]
    assert len(fused.lines_of(folder / "operator.jsonl")) == len(fused.cases(device))


def test_a_mean_of_ratios_has_the_interval_of_independent_ones() -> None:
    from tests.perf.fused import geometric_mean

    # Four ratios of e^2 ± e^0.4, three processes each: se = 0.4 ÷ 4.3027; of the mean half of it, times t(8) = 2.3060.
    ratio = {"point": math.exp(2), "low": math.exp(1.6), "high": math.exp(2.4)}
    mean = geometric_mean([ratio] * 4, freedom=2)
    half = 2.3060 * 0.4 / 4.3027 / 2
    assert math.log(mean["point"]) == pytest.approx(2)
    assert math.log(mean["low"]) == pytest.approx(2 - half, abs=1e-4)
    assert math.log(mean["high"]) == pytest.approx(2 + half, abs=1e-4)
    # Without few processes both quantiles are the normal's, and cancel.
    assert math.log(geometric_mean([ratio] * 4, math.inf)["high"]) == pytest.approx(2.2)


def test_the_complexity_suite_has_every_network_and_module() -> None:
    grids = load_suite(ROOT / "suites/complexity.yaml").grids
    assert {str(choice) for grid in grids for choice in grid["backbone"]} == set(BACKBONES)
    for grid in grids:
        assert {str(choice) for choice in grid["attention"]} == set(ATTENTION)
        assert grid["mode"] == ("inference", "training")
        assert [len(grid[axis]) for axis in ("placement", "batch", "resolution")] == [2, 2, 2]


@pytest.mark.parametrize("path", sorted((ROOT / "suites").glob("*.yaml")), ids=lambda path: path.name)
def test_every_suite_expands(path: Path) -> None:
    suite = load_suite(path)
    assert suite.name == path.stem and suite.title
    assert expand(suite).groups


def test_help_and_plan_import_nothing_heavy() -> None:
    code = "import sys, bench.cli; sys.exit(bool({'torch', 'pandas', 'pydantic', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


ROOMS_MAY_IMPORT = {
    "suite": {"errors", "suite"},
    "run": {"errors", "suite", "run", "measure", "results"},
    "measure": {"measure", "results"},
    "results": {"results"},
    "report": {"report", "results"},
}


def test_arrows_between_rooms_run_one_way() -> None:
    for room, allowed in ROOMS_MAY_IMPORT.items():
        for path in (ROOT / "bench" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench."):
                    assert (node.module or "").split(".")[1] in allowed, f"{path}: {node.module}"


def test_simam_does_not_know_bench() -> None:
    for path in (ROOT / "simam").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) bench", path.read_text(encoding="utf-8"), re.MULTILINE), path
