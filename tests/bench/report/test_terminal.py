"""The result of a run in a terminal and in a pipe."""

from io import StringIO

from rich.console import Console

from bench.report.blocks import Table, TableCell
from bench.report.formats.terminal import MOST_COLUMNS, WIDTH, print_report, with_columns
from tests.bench.report.example_run import EVIL, example_report


def printed() -> list[str]:
    output = StringIO()
    print_report(example_report(), Console(file=output, width=WIDTH))
    return output.getvalue().splitlines()


def test_findings_and_one_table_of_plain_text() -> None:
    lines = printed()
    assert lines[0] == "Every measure" and any("more accurate" in line for line in lines)
    [header] = (line for line in lines if line.startswith("module"))
    assert "verdict" in header and "latency" in header
    assert any(line.startswith("SimAM ") and "slower" in line for line in lines)
    assert not any("|" in line or "\x1b" in line or "**" in line for line in lines)


def test_lines_fit_the_width() -> None:
    assert max(map(len, printed())) <= WIDTH


def test_names_are_no_markup() -> None:
    assert EVIL[:20] in "".join(printed())


def test_table_has_few_columns_and_the_verdict() -> None:
    headings = [*map(str, range(8)), "verdict"]
    table = with_columns(Table(headings, [[TableCell(heading) for heading in headings]]), MOST_COLUMNS)
    assert list(table.headings) == ["0", "1", "2", "3", "4", "verdict"]
    assert [cell.text for cell in table.rows[0]] == list(table.headings)
    few = Table(["a", "verdict"], [])
    assert list(with_columns(few, MOST_COLUMNS).headings) == ["a", "verdict"]
