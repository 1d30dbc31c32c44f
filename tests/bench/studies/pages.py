"""Committed reports and the records that they are made from."""

import re
from pathlib import Path

REPORTS = Path(__file__).parents[3] / "reports"


def assert_numbers_agree(rendered: str, folder: Path, command: str) -> None:
    """Assert that a committed report has the numbers of its records, in the same order; its wording may differ."""
    committed = (folder / "report.md").read_text(encoding="utf-8")
    assert _numbers(committed) == _numbers(rendered), f"{folder}/report.md is out of date: run `{command}`"


def _numbers(text: str) -> list[str]:
    return re.findall(r"[−+]?\d+(?:\.\d+)?", text)
