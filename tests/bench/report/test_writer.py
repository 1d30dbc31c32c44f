import gc
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import RunError
from bench.report.writer import build_report, save, sides_page
from bench.results.verdicts import Verdict
from bench.store.sides import ComparedRevision
from tests.bench.report.example_run import example_report, example_run
from tests.factories import stored_run


def test_report_of_a_run() -> None:
    report = build_report([example_run()])
    assert report.page == example_report().page and len(report.comparisons) > 50


def test_garbage_collection_is_as_before() -> None:
    build_report([example_run()])
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_garbage_collection_after_an_error() -> None:
    with pytest.raises(RunError, match="no records"):
        build_report([stored_run(Path("a"), ())])
    assert gc.isenabled()


def test_run_without_environment() -> None:
    with pytest.raises(RunError, match=r"example.environment\.json"):
        build_report([replace(example_run(), environments={})])


def test_files_of_several_formats(tmp_path: Path) -> None:
    report = example_report()
    save(report, tmp_path / "new" / "folder", ["csv", "parquet", "latex"])
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir()} == {"report.csv", "report.parquet", "table.tex"}
    assert len(pd.read_parquet(folder / "report.parquet")) == len(report.comparisons)


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        save(example_report(), tmp_path / "file", ["csv"])


def test_page_of_two_revisions() -> None:
    sides = {"A": ComparedRevision("main_x", "a" * 40), "B": ComparedRevision("mine", "b" * 40)}
    verdict = Verdict("unchanged", "latency", "g", "c", "latency_ratio")
    page = sides_page(replace(example_run(), sides=sides), [verdict])
    assert page.startswith("# B") and "A: main\\_x (aaaaaaaaaaaa), B: mine (bbbbbbbbbbbb)" in page
    assert "1 unchanged" in page
