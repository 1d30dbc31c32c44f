"""Numbers on hand-written pages are those of the committed reports."""

import re
from pathlib import Path

import pandas as pd
import pytest

from bench.report.quotes import PAGES, QuoteError, fill

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", PAGES)
def test_pages_quote_current_numbers(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "<!-- quote " in text
    assert fill(text, ROOT) == text, "run `python -m bench.report.quotes` to fill the numbers in"


def test_index_lists_every_report_with_its_numbers() -> None:
    """Numbers in backticks are on the page of their entry; the others are filled in."""
    folder = ROOT / "reports"
    entries = re.split(r"^- ", (folder / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    linked = {match[1]: entry for entry in entries if (match := re.match(r"\[.*?\]\((.*?)/report\.md\)", entry))}
    assert sorted(linked) == sorted(path.parent.name for path in folder.glob("*/report.md"))
    for name, entry in linked.items():
        page = (folder / name / "report.md").read_text(encoding="utf-8")
        numbers = [number for number in re.findall(r"`([^`]*)`", entry) if "[" in number]
        assert [number for number in numbers if number not in page] == [], name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one results table, whose numbers are known."""
    rows = [
        {"attention": "simam", "value": "latency", "unit": "s", "ratio_point": 1.061, "ratio_low": 1.054},
        {"attention": "simam", "value": "params", "unit": "1", "ratio_point": 1.0, "ratio_low": 1.0},
        {"attention": "se", "value": "top1", "unit": "1", "ratio_point": 1.0, "ratio_low": 0.9},
    ]
    frame = pd.DataFrame(rows).assign(
        role="variant",
        ratio_high=[1.068, 1.0, 1.1],
        difference_point=[0.001, 3, -0.0167],
        difference_low=[0.0, 3, -0.0221],
        difference_high=[0.002, 3, -0.0112],
    )
    (tmp_path / "r").mkdir()
    frame.to_parquet(tmp_path / "r" / "report.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ("attention=simam value=latency as=percent", "+6.1 % [5.4, 6.8]"),
        ("attention=simam value=latency as=times", "×1.061 [1.054, 1.068]"),
        ("attention=se value=top1 as=points", "−1.67 [−2.21, −1.12]"),
    ],
)
def test_forms_of_a_quote(root: Path, conditions: str, text: str) -> None:
    page = f"It is <!-- quote r {conditions} -->old<!-- /quote -->."
    assert fill(page, root) == f"It is <!-- quote r {conditions} -->{text}<!-- /quote -->."


def test_quoted_table(root: Path) -> None:
    page = fill("<!-- quote r attention=simam as=table columns=params,latency --><!-- /quote -->", root)
    header, _, row = [line for line in page.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in header.split("|")[1:-1]] == ["module", "params Δ", "latency Δ % [95 % CI]"]
    assert [cell.strip() for cell in row.split("|")[1:-1]] == ["SimAM", "+3", "+6.1 % [5.4, 6.8]"]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("attention=simam as=percent", "selects 2 rows"),
        ("attention=eca as=percent", "selects 0 rows"),
        ("network=a as=percent", "no column network"),
        ("attention=se as=percents", "none of percent"),
    ],
)
def test_quotes_that_select_nothing_definite(root: Path, conditions: str, message: str) -> None:
    with pytest.raises(QuoteError, match=message):
        fill(f"<!-- quote r {conditions} -->x<!-- /quote -->", root)
