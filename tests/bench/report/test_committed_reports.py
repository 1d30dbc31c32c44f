"""Committed reports agree with the records they were made from."""

import io
import math
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.report.data import analyse
from bench.report.formats.tables import ABSOLUTE, DIFFERENCE, value_table
from bench.store.stored_run import StoredRun
from tests.bench.report.example_run import example_run

ROOT = Path(__file__).parents[3]
TOLERANCE = 1e-9
"""Relative tolerance of numbers that are not counts: other builds of numpy and scipy may round them differently."""
COUNTED = {*ABSOLUTE.values(), *DIFFERENCE.values()}
"""Columns that are compared exactly in the rows of counts."""


STUDIES = {"busy_machine", "calibration"}
"""Folders of runs whose page is written by a study."""


def committed() -> dict[str, list[str]]:
    """Folder of a committed report → its runs: the folder itself, or the runs in it in the order of their names."""
    reports: dict[str, list[str]] = {}
    for page in sorted(ROOT.glob("reports/**/report.md")):
        inside = sorted(path.parent for path in page.parent.glob("*/records.jsonl"))
        alone = (page.parent / "records.jsonl").exists()
        runs = [page.parent] if alone else [run for run in inside if not (run / "report.md").exists()]
        if runs and page.parent.name not in STUDIES:
            reports[str(page.parent.relative_to(ROOT))] = [str(run.relative_to(ROOT)) for run in runs]
    return reports


REPORTS = committed()


def command(folder: str) -> str:
    """The command that writes the report."""
    return f"python -m bench report {' '.join(REPORTS[folder])} --out {folder} --format md,parquet"


def test_reports_are_there() -> None:
    assert len(REPORTS) >= 8


@pytest.mark.parametrize("folder", REPORTS)
def test_numbers_follow_from_the_records(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # the table names the runs by the relative paths of the command
    path = Path(folder) / "report.parquet"
    assert path.exists(), f"{path} is missing; run `{command(folder)}`"
    computed = _through_parquet(value_table(analyse([StoredRun.load(run) for run in REPORTS[folder]])))
    wrong = list(islice(differences(computed, pd.read_parquet(path)), 5))
    assert not wrong, f"{path} differs from its records; run `{command(folder)}`"


def differences(computed: pd.DataFrame, stored: pd.DataFrame) -> Iterator[str]:
    """A description of each difference between two tables, row by row."""
    if list(computed.columns) != list(stored.columns) or len(computed) != len(stored):
        yield f"{len(computed)} rows of {list(computed)}, not {len(stored)} of {list(stored)}"
        return
    for ours, theirs in zip(computed.to_dict("records"), stored.to_dict("records"), strict=True):
        counted = ours["unit"] in ("1", "B") and float(ours["point"]).is_integer()
        for column, value in ours.items():
            if not _equal(value, theirs[column], 0.0 if counted and column in COUNTED else TOLERANCE):
                yield f"{ours['cell']}, {ours['role']}, {ours['value']}: {column} is {value}, not {theirs[column]}"


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=tolerance)
    return bool(one == other)


def test_differences_are_found() -> None:
    table = value_table(analyse([example_run()]))
    changed = table.assign(
        point=table["point"].where(table.index != 3, (1 + 1e-6) * table["point"]),
        role=table["role"].where(table.index != 5, "nobody"),
    )
    assert list(differences(table, table.copy())) == []
    assert len(list(differences(table, changed))) == 2
    assert len(list(differences(table, table.iloc[1:]))) == 1


def test_counts_are_compared_exactly() -> None:
    table = value_table(analyse([example_run()]))
    macs = table[table["value"] == "macs"].index[0]
    large = table.assign(point=table["point"].where(table.index != macs, 1.8e9))
    one_more = table.assign(point=table["point"].where(table.index != macs, 1.8e9 + 1))
    [difference] = differences(large, one_more)
    assert "macs: point" in difference


def _through_parquet(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the types that a file gives it."""
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return pd.read_parquet(file)


@pytest.mark.parametrize("folder", REPORTS)
def test_figures_of_the_page_exist(folder: str) -> None:
    text = (ROOT / folder / "report.md").read_text(encoding="utf-8")
    figures = re.findall(r"\]\((figures/[^)]*)\)", text)
    missing = [path for path in figures if not (ROOT / folder / path).is_file()]
    assert not missing, f"{folder}/report.md has missing figures {missing}; run `{command(folder)}`"
