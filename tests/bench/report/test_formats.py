"""Formats of a report: Markdown, LaTeX, HTML, CSV and Parquet, with all names escaped."""

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.report.blocks import BulletList, Code, Details, Figure, Heading, Page, Paragraph, Table, TableCell
from bench.report.data import analyse
from bench.report.formats import FORMATS
from bench.report.formats.html import html
from bench.report.formats.latex import escape_latex, latex_table
from bench.report.formats.markdown import markdown_files, page_markdown
from bench.report.formats.tables import value_table
from tests.bench.report.example_run import EVIL, example_report, example_run

GOLDEN = Path(__file__).parent / "golden"
TABLE = Table(
    ["a|b", "x & y"], [[TableCell("one_two"), TableCell("×1.05 ≤ 5 %", 1.05, best=True)]], "2 of latency in r"
)
PAGE = Page(
    "T",
    [
        Heading("H#"),
        Paragraph("t*"),
        BulletList(["p"]),
        TABLE,
        Details("more", [TABLE, Details("inner", [TABLE, Figure("f", "t", {})])]),
        Code("sh", "ls\n"),
        BulletList([]),
    ],
)


@pytest.mark.parametrize("name", ["report.md", "table.tex"])
def test_pages_equal_the_golden_files(tmp_path: Path, name: str) -> None:
    """After a change of prose, run `python -m tests.bench.report.golden` and read the diff."""
    from tests.bench.report.golden import example_page

    assert example_page(name) == (GOLDEN / name).read_text(encoding="utf-8")


def test_markdown_of_every_block() -> None:
    assert page_markdown(PAGE).splitlines() == [
        "# T",
        "",
        r"## H\#",
        "",
        r"t\*",
        "",
        "- p",
        "",
        r"| a\|b     | x & y           |",
        "|----------|-----------------|",
        r"| one\_two | **×1.05 ≤ 5 %** |",
        "",
        "<details><summary>more</summary>",
        "",
        r"| a\|b     | x & y           |",
        "|----------|-----------------|",
        r"| one\_two | **×1.05 ≤ 5 %** |",
        "",
        "<details><summary>inner</summary>",
        "",
        r"| a\|b     | x & y           |",
        "|----------|-----------------|",
        r"| one\_two | **×1.05 ≤ 5 %** |",
        "",
        "</details>",
        "",
        "</details>",
        "",
        "```sh",
        "ls",
        "```",
    ]


def test_markdown_links_figures_only_with_their_files() -> None:
    page = Page("T", [Figure("f", "what it [shows]", {})])
    assert "figures/f.svg" not in page_markdown(page)
    assert "![what it [shows]](figures/f.svg)" in page_markdown(page, figures=True)


def test_long_page_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page("T", [Heading("H"), Details("Net-1: all", [TABLE]), Details("Net 2", [TABLE]), Paragraph("end")])
    assert dict(markdown_files(page)) == {"report.md": page_markdown(page)}
    monkeypatch.setattr("bench.report.formats.markdown.MAX_BYTES", 100)
    files = dict(markdown_files(page))
    assert files.keys() == {"details/01-net-1-all.md", "details/02-net-2.md", "report.md"}
    assert files["report.md"].splitlines() == [
        "# T",
        "",
        "## H",
        "",
        "- [Net-1: all](details/01-net-1-all.md)",
        "- [Net 2](details/02-net-2.md)",
        "",
        "end",
    ]
    assert files["details/02-net-2.md"].startswith("# Net 2\n\n| a")


def test_latex_has_rules_groups_and_escapes() -> None:
    best = TableCell("×1.05 ≤ 5 %", 1.05, best=True)
    table = Table(
        ["network", "a|b", "x & y"],
        [[TableCell("n_1"), TableCell("m"), best], [TableCell("n_1"), TableCell("o"), best], [TableCell("n2")] * 3],
    )
    assert latex_table(table, "50 %", "my run").splitlines() == [
        r"% \usepackage{booktabs,multirow}",
        r"\begin{table}",
        r"\centering",
        r"\caption{50 \%}",
        r"\label{tab:my-run}",
        r"\begin{tabular}{llr}",
        r"\toprule",
        r"network & a\textbar{}b & x \& y \\",
        r"\midrule",
        r"\multirow{2}{*}{n\_1} & m & \textbf{$\times$1.05 $\leq$ 5 \%} \\",
        r" & o & \textbf{$\times$1.05 $\leq$ 5 \%} \\",
        r"\midrule",
        r"n2 & n2 & n2 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_characters_unknown_to_latex_are_replaced() -> None:
    assert escape_latex("λ σ 模 é – …") == r"$\lambda$ ? ? é – …"


def test_html_escapes_names_and_sorts_by_numbers(tmp_path: Path) -> None:
    text = html(example_report().page)
    assert EVIL not in text and "&lt;script&gt;document.title" in text
    assert r"\u003cscript\u003e" in text  # in the data of figures
    assert '<td data-order="0.0" class="best">10.00 ms</td>' in text
    assert "default-src 'none'" in text
    # In a column with numbers every cell has a sorting key, which is empty if the cell has no number.
    assert '<td data-order="">–</td>' in text and "<td>plain</td>" in text


def test_html_without_figures_needs_no_vega() -> None:
    page = Page("T", [Heading("H#"), TABLE])
    assert "vegaEmbed" not in html(page)
    assert '<h2 id="H#">H#</h2>' in html(page) and '<td data-order="1.05" class="best">×1.05 ≤ 5 %</td>' in html(PAGE)


def test_csv_and_parquet_have_a_row_for_each_value(tmp_path: Path) -> None:
    made = example_report()
    files = {form: dict(FORMATS[form](made)) for form in ("csv", "parquet")}
    csv = pd.read_csv(io.StringIO(str(files["csv"]["report.csv"])))
    parquet = pd.read_parquet(io.BytesIO(bytes(files["parquet"]["report.parquet"])))  # type: ignore[arg-type]
    assert len(csv) == len(parquet) == len(made.comparisons)
    se = csv[(csv["measure"] == "latency") & (csv["attention"] == "se")].iloc[0]
    assert (se["value"], se["unit"], se["role"], se["repeats"], se["batch"]) == ("latency", "s", "variant", 5, 1)
    assert se["ratio_low"] < se["ratio_point"] < se["ratio_high"] and se["point"] == pytest.approx(0.0104)
    params = parquet[(parquet["value"] == "params") & (parquet["attention"] == "se")].iloc[0]
    assert (params["difference_point"], params["difference_low"], params["ratio_point"]) == (2, 2, 1.002)


def test_csv_has_verdicts_and_options_in_columns() -> None:
    table = value_table(analyse([example_run()]))
    of = {
        (value, attention): row
        for value, attention, row in zip(table["value"], table["attention"], table.to_dict("records"), strict=True)
        if row["role"] == "variant"
    }
    slow, gain = of["latency", "se"], of["top1", "simam(e_lambda=0.1)"]
    assert slow["verdict"] == "slower" and slow["verdict_resolution"] == pytest.approx(0.01) and pd.isna(slow["p"])
    assert (
        gain["attention.e_lambda"] == 0.1
        and 0 <= gain["p"] <= 1
        and gain["verdict"] in ("better", "worse", "inconclusive")
    )
    assert pd.isna(of["params", "se"]["verdict"]) and pd.isna(slow["attention.e_lambda"])


def test_empty_table_has_all_columns() -> None:
    counts = analyse([example_run()])
    nothing = value_table(replace(counts, comparisons=[], gains=[], times=[]))
    assert len(nothing) == 0 and {"run", "attention", "point", "ratio_low", "repeats"} <= set(nothing.columns)
    assert str(nothing["batch"].dtype) == "Int64"


def test_markdown_writes_its_figures(tmp_path: Path) -> None:
    files = dict(FORMATS["md"](example_report()))
    assert set(files) == {
        "report.md",
        *(
            f"figures/{name}.svg"
            for name in ("forest", "pareto-1", "lambda-1", "curves-1", "memory", "roofline-1", "trace")
        ),
    }
