"""Environment and commands of a report."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.report.blocks import Block, BulletList, Code
from bench.report.data import analyse
from bench.report.sections.environment import environment
from bench.report.sections.reproduce import reproduce
from bench.store.environment import Environment
from bench.store.stored_run import StoredRun
from tests.bench.report.opened import opened
from tests.bench.report.timed_run import timed_records, with_axes
from tests.factories import FACTS, stored_run


def run(name: str = "a", dataset: str | None = None, data_root: str | None = None) -> StoredRun:
    records = [with_axes(record, dataset=dataset) for record in timed_records()]
    return stored_run(Path(name), records, suite="name: t\n", data_root=data_root)


def code(*runs: StoredRun) -> list[Code]:
    return [block for block in opened(reproduce(analyse(runs))) if isinstance(block, Code)]


def test_commands_and_suite() -> None:
    commands, suite = code(run())
    assert commands.text.splitlines() == [
        "git checkout abc",
        "pip install -e .",
        "python -m bench run suite.yaml --device cpu",
    ]
    assert suite == Code("yaml", "name: t\n")


def test_uncommitted_changes_are_named() -> None:
    dirty = replace(run(), environments={"e": Environment({**FACTS, "dirty": True}, {"load": None})})
    assert "uncommitted" in code(dirty)[0].text


def test_several_runs_have_one_report_command() -> None:
    report, *commands = code(run("a b"), run("c"))
    assert report.text == "python -m bench report 'a b' c --out DIR\n" and len(commands) == 4


@pytest.mark.parametrize(
    ("dataset", "data_root", "needed"),
    [(None, None, False), ("digits", None, False), ("cifar10", None, True), ("cifar10", "mine", False)],
)
def test_folder_of_the_data_sets(dataset: str | None, data_root: str | None, needed: bool) -> None:
    assert ("export BENCH_DATA=" in code(run(dataset=dataset, data_root=data_root))[0].text) == needed


def lines(*blocks: Block) -> list[str]:
    return [item for block in blocks if isinstance(block, BulletList) for item in block.items]


def test_environment_of_each_run() -> None:
    [line] = lines(*environment(analyse([run()])))
    for fact in ("a: A | CPU", "2 cores", "2 threads", "17.18 GB", "Python 3.11, torch 2", "0.25", "Environment id: e"):
        assert fact in line


def test_unknown_load() -> None:
    quiet = replace(run(), environments={"e": Environment(FACTS, {"load": None})})
    [line] = lines(*environment(analyse([quiet])))
    assert "unknown" in line
