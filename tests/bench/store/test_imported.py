"""Results from a table: what is read, what is refused, and what a report makes of them."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.report.formats.markdown import page_markdown
from bench.report.writer import build_report
from bench.results.accuracy import accuracy_gains
from bench.results.estimates import estimate
from bench.store.imported import UNKNOWN_DATASET, import_accuracy
from bench.store.stored_run import StoredRun

ROWS = """network,module,placement,seed,top1
my net,none,,0,76.0
my net,none,,1,76.4
my net,none,,2,76.2
my net,"simam(e_lambda=0.1,x=y)",spatial,2,77.3
my net,"simam(e_lambda=0.1,x=y)",spatial,0,77.0
my net,"simam(e_lambda=0.1,x=y)",spatial,1,77.4
"""


def imported(tmp_path: Path, text: str = ROWS, baseline: str | None = None) -> StoredRun:
    table = tmp_path / "results.csv"
    table.write_text(text, encoding="utf-8")
    import_accuracy(table, tmp_path / "run", baseline)
    return StoredRun.load(tmp_path / "run")


def test_differences_are_paired_by_seed(tmp_path: Path) -> None:
    run = imported(tmp_path)
    [gain] = accuracy_gains(estimate(run.frame))
    # Differences of the seeds: 1.0, 1.0 and 1.1
    assert gain.points.point == pytest.approx(3.1 / 3) and gain.verdict == "better"
    assert gain.variant.axes["backbone"] == "my net" and gain.variant.axes["dataset"] == UNKNOWN_DATASET
    record = run.records[3]
    assert record.options == {"attention": {"e_lambda": 0.1, "x": "y"}} and record.seed == 2


def test_report_marks_the_import(tmp_path: Path) -> None:
    page = page_markdown(build_report([imported(tmp_path)]).page)
    assert "was imported from results.csv" in page and "+1.03" in page
    assert "python -m bench import accuracy results.csv" in page


def test_fractions_synonyms_and_empty_cells(tmp_path: Path) -> None:
    text = "Model,Attention,Seed,Acc1,top5,note\nr,,0,0.5,,a\nr,SE,0,0.6,0.9,b\n"
    plain, se = imported(tmp_path, text).records
    assert plain.role == "baseline" and plain.axes["attention"] == "none"
    assert [(value.name, value.samples) for value in plain.values] == [("top1", (0.5,))]
    assert [(value.name, value.samples) for value in se.values] == [("top1", (0.6,)), ("top5", (0.9,))]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(tmp_path: Path, separator: str) -> None:
    text = "\ufeffnetwork,module,seed,top1\r\nr,none,0.0,0.5\r\n".replace(",", separator)
    [record] = imported(tmp_path, text).records
    assert record.seed == 0 and record.role == "baseline"


def test_another_baseline(tmp_path: Path) -> None:
    text = "network,module,seed,top1\nr,SE,0,90\nr,mine,0,91 %\n"
    run = imported(tmp_path, text, baseline="SE")
    assert [record.role for record in run.records] == ["baseline", "variant"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network,module,seed\nr,none,0\n", "has no column top1"),
        ("network,module,seed,top1\n", "has no rows"),
        ("network,module,seed,top1\nr,none,0,76\nr,SE,x,77\n", "line 3: seed is 'x'"),
        ("network,module,seed,top1\nr,none,0,76\nr,SE,0,high\n", "line 3: top1 is 'high'"),
        ("network,module,seed,top1\nr,none,0,76\nr,SE,0,\n", "line 3: top1 is ''"),
        ("network,module,seed,top1\nr,none,0,760\n", "line 2: top1 is 760"),
        ("network,module,seed,top1\nr,none,0,76\nr,SE,0,0.77\n", "line 3: top1 is 0.77, but other accuracies"),
        ("network,module,seed,top1,Acc1\nr,none,0,76,76\n", "two columns for top1: top1, Acc1"),
        ("network;module;seed;top1\nr;SE(r=4;0;77\n", "unbalanced brackets"),
        ("network,module,seed,top1\nr,none,0\n", "line 2: 3 cells, but 4 headings"),
        ("network,module,seed,top1\nr,none,0,inf\n", "not a finite number"),
        ("network,module,seed,top1\nr,none,0,76\nr,none,0,77\n", "line 3: none in r with seed 0 occurs twice"),
        ("network,module,seed,top1\nr,SE,0,76\n", "r has no row of the baseline none; it has SE"),
        ("network,module,seed,top1\nr,none,0,76\nr,SE,1,77\n", "SE in r has seed 1, but the baseline none does not"),
        ("", "has no column network"),
    ],
)
def test_wrong_table_is_refused_and_nothing_is_written(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        imported(tmp_path, text)
    assert message in str(error.value)
    assert not (tmp_path / "run").exists()


def test_existing_folder_is_kept(tmp_path: Path) -> None:
    run = imported(tmp_path)
    with pytest.raises(InputError, match="exists already"):
        imported(tmp_path)
    assert len(StoredRun.load(run.path).records) == 6
