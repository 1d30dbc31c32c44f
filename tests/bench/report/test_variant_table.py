"""Tables with chosen columns: their numbers, their text and their LaTeX."""

import io
import shutil
import subprocess
from math import expm1, log
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import InputError
from bench.report.data import ReportData, analyse
from bench.report.formats import TABLE_FORMATS
from bench.report.variant_table import VariantTable, default_table, variant_table
from tests.bench.report.example_run import EVIL, example_run, records
from tests.factories import stored_run


def example() -> ReportData:
    return analyse([example_run()])


def content(table: VariantTable, form: str) -> str | bytes:
    [(_, text)] = TABLE_FORMATS[form](table)
    return text


def csv(table: VariantTable) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(str(content(table, "csv"))))


def test_rows_join_costs_and_accuracies() -> None:
    table = variant_table(example(), ["params", "flops", "latency_ms", "top1", "top1_delta", "verdict"]).table
    assert list(table.headings) == [
        "network",
        "module",
        "params (k)",
        "FLOPs (M)",
        "latency (ms)",
        "top-1 (%)",
        "Δ top-1 (pp) [95 % CI]",
        "verdict",
    ]
    rows = {row[1].text: [cell.text for cell in row[2:]] for row in table.rows}
    # Seeds 90.0, 90.0, 90.0 and 90.5, 90.6, 90.7; a difference of 0.6 with t(0.975, 2) 0.1 / √3 = 0.248
    assert rows["plain"] == ["1.000", "1.000", "10.00", "90.00 ± 0.00", "baseline", "baseline"]
    assert rows["SE"][:5] == ["1.002", "1.000", "10.40", "90.60 ± 0.10", "+0.60 [0.35, 0.85]"]
    assert rows["SE"][5] == "more accurate; slower"


def test_frame_has_numbers_with_intervals() -> None:
    frame = csv(variant_table(example(), ["latency_us", "latency_delta", "top1", "peak_bytes_kib", "macs_delta"]))
    assert list(frame.columns)[-10:] == [
        "latency_us",
        "latency_delta",
        "latency_delta_low",
        "latency_delta_high",
        "top1",
        "top1_sd",
        "peak_bytes_kib",
        "macs_delta",
        "macs_delta_low",
        "macs_delta_high",
    ]
    se = frame[frame["attention"] == "se"].iloc[0]
    assert se["latency_us"] == pytest.approx(10400.0, rel=1e-3) and se["top1_sd"] == pytest.approx(0.1)
    # log ratios of the processes: log 1.04, twice out of five with a factor of 1.002
    mean = log(1.04) + 0.4 * log(1.002)
    assert se["latency_delta"] == pytest.approx(100 * expm1(mean), abs=1e-3)
    assert se["latency_delta_low"] < se["latency_delta"] < se["latency_delta_high"]
    # 4000 bytes of parameters, 2000 · 3 of activations and 100 others
    assert se["peak_bytes_kib"] == pytest.approx(10100 / 1024) and se["macs_delta"] == 0
    assert frame["batch"].tolist()[:4] == [1] * 4


def test_conditions_that_vary_stand_beside_the_network() -> None:
    from msgspec.structs import replace

    second = [
        replace(record, cell=f"{record.cell}/b8", group="b8", axes={**record.axes, "batch": 8})
        for record in records()
        if record.measure == "latency"
    ]
    table = variant_table(analyse([stored_run(Path("r"), [*records(), *second])]), ["latency_ms"])
    assert list(table.block_names.values()) == ["ResNet-18, batch 1", "ResNet-18, batch 8"]
    assert "inference" in table.caption and "batch" not in table.caption


def test_values_of_two_runs_stand_in_one_row() -> None:
    every = list(records())
    runs = [
        stored_run(Path("a"), [record for record in every if record.measure == "accuracy"]),
        stored_run(Path("b"), [record for record in every if record.measure == "latency"]),
    ]
    frame = csv(variant_table(analyse(runs), ["latency_ms", "top1"]))
    assert frame[["latency_ms", "top1"]].notna().all(axis=1).sum() == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latncy", "no such column; did you mean 'latency'?"),
        ("latency_parsec", "write latency_s, latency_ms, latency_us or latency_delta"),
        ("latency_", "no such column; did you mean 'latency'?"),
        ("wall_ms", "the runs have no wall"),
    ],
)
def test_wrong_column_names_the_right_ones(name: str, message: str) -> None:
    with pytest.raises(InputError, match="--columns") as error:
        variant_table(example(), [name])
    assert message in str(error.value)


def test_latex_joins_the_rows_of_a_network() -> None:
    text = str(content(variant_table(example(), ["params", "latency_delta"]), "latex"))
    assert r"\label{tab:runs-example}" in text and r"\multirow{" in text and text.count(r"\midrule") == 1
    assert r"\textless{}script\textgreater{}" in text and EVIL not in text
    assert "document" not in text.partition("document.title")[0]  # a fragment, not a document


def test_default_table_has_what_was_measured() -> None:
    only_counts = [record for record in records() if record.measure == "complexity"]
    table = default_table(analyse([stored_run(Path("r"), only_counts)]))
    assert table is not None and [column.name for column in table.columns] == ["params", "flops"]
    assert default_table(analyse([stored_run(Path("r"), [next(records())])])) is None


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    table = default_table(example())
    assert table is not None
    (tmp_path / "table.tex").write_text(str(content(table, "latex")), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage{booktabs,multirow}
\begin{document}
\input{table.tex}
Table~\ref{tab:runs-example}.
\end{document}
""",
        encoding="utf-8",
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
    assert "undefined" not in done.stdout.lower()
