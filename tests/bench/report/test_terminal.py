"""The result of a run in a terminal and in a pipe."""

from io import StringIO

from rich.console import Console

from bench.report.blocks import Table, TableCell
from bench.report.formats.terminal import MOST_COLUMNS, WIDTH, by_network, fitting_columns, print_report
from tests.bench.report.example_run import EVIL, example_report


def printed() -> list[str]:
    output = StringIO()
    print_report(example_report(), Console(file=output, width=WIDTH))
    return output.getvalue().splitlines()


def test_findings_and_one_table_of_plain_text() -> None:
    lines = printed()
    assert lines[0] == "Every measure" and any("more accurate" in line for line in lines)
    [header] = (line for line in lines if line.startswith("module"))
    assert header.split() == ["module", "top-1", "verdict"]
    assert any(line.startswith("SimAM ") and "more accurate; slower" in line for line in lines)
    assert not any("|" in line or "\x1b" in line or "**" in line for line in lines)


def test_lines_fit_the_width() -> None:
    assert max(map(len, printed())) <= WIDTH


def test_names_are_no_markup() -> None:
    assert EVIL[:20] in "".join(printed())


def table(*widths: int) -> Table:
    """A table with one row of cells of these widths."""
    headings = [f"h{place} (Δ)" for place in range(len(widths))]
    return Table(headings, [[TableCell("x" * width) for width in widths]])


def test_columns_that_fit() -> None:
    assert fitting_columns([table(10, 10, 10, 10)], 46) == [0, 1, 2, 3]
    assert fitting_columns([table(10, 10, 10, 10)], 45) == [0, 1, 3]
    assert fitting_columns([table(10, 10, 10, 10), table(10, 12, 10, 10)], 35) == [0, 3]
    assert fitting_columns([table(50, 50)], 10) == [0, 1]
    assert len(fitting_columns([table(*[1] * 9)], 100)) == MOST_COLUMNS


def test_networks_have_a_table_each() -> None:
    rows = [[TableCell(text) for text in row] for row in (("a", "plain"), ("a", "SE"), ("b", "plain"))]
    parts = by_network(Table(["network", "module"], rows))
    assert [(network, len(part.rows), list(part.headings)) for network, part in parts] == [
        ("a", 2, ["module"]),
        ("b", 1, ["module"]),
    ]
    alone = Table(["module"], [[TableCell("plain")]])
    assert by_network(alone) == [("", alone)]
