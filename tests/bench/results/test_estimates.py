from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.results.estimates import estimate
from bench.store.frame import AXES, COLUMNS, load_frame
from bench.store.record import Record, Value, append_records
from bench.suite.axes import CELL_AXES
from tests.bench.store.test_record import RECORD

SIMAM = {"backbone": "resnet18", "attention": "simam", "placement": "spatial", "batch": 1}


def frame(tmp_path: Path, *records: Record) -> pd.DataFrame:
    for record in records:
        append_records(tmp_path / "records.jsonl", [record])
    return load_frame(tmp_path)


def timed(role: str, cell: str, repeat: int, samples: tuple[float, ...]) -> Record:
    return replace(RECORD, role=role, cell=cell, repeat=repeat, values=(Value("latency", "s", samples),))


def test_columns_are_the_documented_ones(tmp_path: Path) -> None:
    found = frame(tmp_path, RECORD)
    assert list(found.columns) == list(COLUMNS)
    assert tuple(AXES) == CELL_AXES
    [row] = found.to_dict("records")
    assert row["run"] == str(tmp_path)
    assert row["backbone"] == "resnet18" and row["batch"] == 1 and row["mode"] is None
    assert row["samples"] == (0.1, 0.2) and row["median"] == pytest.approx(0.15)


def test_failures_are_rows(tmp_path: Path) -> None:
    found = frame(tmp_path, replace(RECORD, status="failed", reason="it broke", values=()))
    assert found.loc[0, ["status", "reason", "value"]].tolist() == ["failed", "it broke", None]
    assert estimate(found) == []


def test_ratios_are_paired_by_round_within_a_repeat(tmp_path: Path) -> None:
    found = frame(
        tmp_path,
        timed("baseline", "none", 0, (1.0, 2.0, 4.0)),
        timed("variant", "simam", 0, (1.5, 3.0, 6.0)),
        timed("baseline", "none", 1, (10.0, 10.0, 10.0)),
        timed("variant", "simam", 1, (15.0, 15.0, 15.0)),
    )
    baseline, variant = estimate(found)
    assert baseline.ratio is None
    assert variant.ratio is not None
    assert (variant.ratio.point, variant.ratio.low, variant.ratio.high) == pytest.approx((1.5, 1.5, 1.5))
    assert variant.absolute.point == pytest.approx((3.0 + 15.0) / 2)


def test_a_repeat_without_its_baseline_is_left_out(tmp_path: Path) -> None:
    found = frame(
        tmp_path,
        timed("baseline", "none", 0, (1.0, 1.0)),
        timed("variant", "simam", 0, (2.0, 2.0)),
        timed("variant", "simam", 1, (9.0, 9.0)),
    )
    variant = estimate(found)[1]
    assert variant.ratio is not None and variant.ratio.point == pytest.approx(2.0)
    assert variant.ratio.low is None


def test_exact_values_stay_exact(tmp_path: Path) -> None:
    found = frame(
        tmp_path,
        replace(RECORD, measure="complexity", values=(Value("params", "1", (100,)),)),
        replace(RECORD, measure="complexity", cell="simam", role="variant", values=(Value("params", "1", (150,)),)),
    )
    variant = estimate(found)[1]
    assert (variant.absolute.point, variant.absolute.method) == (150, "exact")
    assert variant.ratio is not None and variant.ratio.point == 1.5


def test_a_folder_without_records_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no records"):
        load_frame(tmp_path)


def test_samples_that_could_not_be_read_are_left_out_in_pairs(tmp_path: Path) -> None:
    found = frame(
        tmp_path,
        timed("baseline", "none", 0, (1.0, float("nan"), 4.0)),
        timed("variant", "simam", 0, (2.0, 9.0, float("inf"))),
        timed("control", "none", 0, (float("nan"),) * 3),
    )
    _, variant = estimate(found)
    assert variant.ratio is not None and variant.ratio.point == pytest.approx(2.0)
    assert found["reason"].tolist() == ["not a finite number"] * 3


def seeded(role: str, seed: int, top1: float) -> Record:
    return replace(
        RECORD, measure="accuracy", role=role, cell=role, repeat=seed, seed=seed, values=(Value("top1", "1", (top1,)),)
    )


def test_replicates_give_a_paired_difference_with_an_interval(tmp_path: Path) -> None:
    # Differences 0.00, 0.02, 0.04: mean 0.02, standard error 0.02/√3, Student t for 2 degrees of freedom 4.3027
    pairs = [(0.90, 0.90), (0.91, 0.93), (0.92, 0.96)]
    records = [
        seeded(role, n, pair[k]) for n, pair in enumerate(pairs) for k, role in ((0, "baseline"), (1, "variant"))
    ]
    baseline, variant = estimate(frame(tmp_path, *records))
    assert baseline.absolute.point == pytest.approx(0.91) and baseline.difference is None
    assert variant.difference is not None and variant.ratio is None
    reach = 4.302653 * 0.02 / 3**0.5
    assert (variant.difference.point, variant.difference.low, variant.difference.high) == pytest.approx(
        (0.02, 0.02 - reach, 0.02 + reach)
    )


def test_runs_are_not_blended(tmp_path: Path) -> None:
    for name, ratio in (("a", 1.05), ("b", 3.0)):
        (tmp_path / name / "out").mkdir(parents=True)
        rounds = (1.0,) * (2 if name == "a" else 3)
        records = [timed("baseline", "none", 0, rounds), timed("variant", "simam", 0, tuple(ratio * s for s in rounds))]
        append_records(tmp_path / name / "out" / "records.jsonl", records)
    found = estimate(load_frame(tmp_path / "a/out", tmp_path / "b/out"))
    assert [each.ratio.point for each in found if each.ratio] == pytest.approx([1.05, 3.0])


def test_compile_time_stands_alone(tmp_path: Path) -> None:
    # The baseline compiles first in its process, so a ratio would compare places in the queue.
    def compiled(role: str, repeat: int, seconds: float) -> Record:
        value = Value("compile_time", "s", (seconds,))
        return replace(RECORD, role=role, cell=role, repeat=repeat, values=(value,))

    times = {("baseline", 0): 30.0, ("variant", 0): 9.0, ("baseline", 1): 2.0, ("variant", 1): 1.0}
    found = estimate(frame(tmp_path, *(compiled(role, repeat, each) for (role, repeat), each in times.items())))
    assert [(each.role, each.absolute.point, each.ratio, each.difference) for each in found] == [
        ("baseline", 16.0, None, None),
        ("variant", 5.0, None, None),
    ]
