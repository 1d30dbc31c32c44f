from pathlib import Path

import pandas as pd
import pytest

from bench.results.estimates import estimate
from bench.store.frame import load_frame
from bench.store.record import Record, Value
from bench.store.shards import append_records
from tests.factories import record


def frame(tmp_path: Path, *records: Record) -> pd.DataFrame:
    append_records(tmp_path / "records.jsonl", records)
    return load_frame(tmp_path)


def timed(role: str, cell: str, repeat: int, samples: tuple[float, ...]) -> Record:
    return record(Value("latency", "s", samples), role=role, cell=cell, repeat=repeat)


def test_ratios_are_paired_by_round_within_a_process(tmp_path: Path) -> None:
    loaded = frame(
        tmp_path,
        timed("baseline", "none", 0, (1.0, 2.0, 4.0)),
        timed("variant", "simam", 0, (1.5, 3.0, 6.0)),
        timed("baseline", "none", 1, (10.0, 10.0, 10.0)),
        timed("variant", "simam", 1, (15.0, 15.0, 15.0)),
    )
    baseline, variant = estimate(loaded)
    assert baseline.ratio is None
    assert variant.ratio is not None
    assert (variant.ratio.point, variant.ratio.low, variant.ratio.high) == pytest.approx((1.5, 1.5, 1.5))
    assert variant.absolute.point == pytest.approx((3.0 + 15.0) / 2)


def test_process_without_a_baseline_is_left_out(tmp_path: Path) -> None:
    loaded = frame(
        tmp_path,
        timed("baseline", "none", 0, (1.0, 1.0)),
        timed("variant", "simam", 0, (2.0, 2.0)),
        timed("variant", "simam", 1, (9.0, 9.0)),
    )
    variant = estimate(loaded)[1]
    assert variant.ratio is not None and variant.ratio.point == pytest.approx(2.0)
    assert variant.ratio.low is None


def test_exact_values_stay_exact(tmp_path: Path) -> None:
    loaded = frame(
        tmp_path,
        record(Value("params", "1", (100,)), measure="complexity"),
        record(Value("params", "1", (150,)), measure="complexity", cell="simam", role="variant"),
    )
    variant = estimate(loaded)[1]
    assert (variant.absolute.point, variant.absolute.method) == (150, "exact")
    assert variant.ratio is not None and variant.ratio.point == 1.5


def test_folder_without_records(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no records"):
        load_frame(tmp_path)


def test_unreadable_samples_are_left_out_in_pairs(tmp_path: Path) -> None:
    loaded = frame(
        tmp_path,
        timed("baseline", "none", 0, (1.0, float("nan"), 4.0)),
        timed("variant", "simam", 0, (2.0, 9.0, float("inf"))),
        timed("control", "none", 0, (float("nan"),) * 3),
    )
    _, variant = estimate(loaded)
    assert variant.ratio is not None and variant.ratio.point == pytest.approx(2.0)
    assert loaded["reason"].tolist() == ["not a finite number"] * 3


def seeded(role: str, seed: int, top1: float) -> Record:
    value = Value("top1", "1", (top1,))
    return record(value, measure="accuracy", role=role, cell=role, repeat=seed, seed=seed)


def test_paired_difference_over_seeds(tmp_path: Path) -> None:
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


def test_runs_are_estimated_separately(tmp_path: Path) -> None:
    for name, ratio in (("a", 1.05), ("b", 3.0)):
        (tmp_path / name / "out").mkdir(parents=True)
        rounds = (1.0,) * (2 if name == "a" else 3)
        records = [timed("baseline", "none", 0, rounds), timed("variant", "simam", 0, tuple(ratio * s for s in rounds))]
        append_records(tmp_path / name / "out" / "records.jsonl", records)
    members = estimate(load_frame(tmp_path / "a/out", tmp_path / "b/out"))
    assert [member.ratio.point for member in members if member.ratio] == pytest.approx([1.05, 3.0])


def test_compile_time_has_no_ratio(tmp_path: Path) -> None:
    # The baseline compiles first in its process, so a ratio would compare places in the queue.
    def compiled(role: str, repeat: int, seconds: float) -> Record:
        value = Value("compile_time", "s", (seconds,))
        return record(value, role=role, cell=role, repeat=repeat)

    times = {("baseline", 0): 30.0, ("variant", 0): 9.0, ("baseline", 1): 2.0, ("variant", 1): 1.0}
    members = estimate(frame(tmp_path, *(compiled(*key, seconds) for key, seconds in times.items())))
    assert [(member.role, member.absolute.point, member.ratio, member.difference) for member in members] == [
        ("baseline", 16.0, None, None),
        ("variant", 5.0, None, None),
    ]
