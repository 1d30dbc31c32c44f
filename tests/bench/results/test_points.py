"""Accuracies of two runs whose differences are known."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from scipy import stats

from bench.report.verdicts import markdown
from bench.results.compare import compare_runs, exit_code
from bench.results.record import Record, Value
from bench.results.sides import Verdict
from bench.run.stored import read_run
from tests.invented import record, store


def accuracy(seed: int, top1: float) -> Record:
    made = record("baseline", "net/none", seed, Value("top1", "1", (top1,)), measure="accuracy")
    return Record(**{**made.__dict__, "seed": seed})


def compared(folder: Path, old: Sequence[float], new: Sequence[float], gate: str = "0.005", first: int = 0) -> Verdict:
    runs = [
        read_run(store(folder / name, [accuracy(at + seed, each) for seed, each in enumerate(shares)], f"top1: {gate}"))
        for name, shares, at in (("old", old, 0), ("new", new, first))
    ]
    [verdict] = compare_runs(*runs)
    return verdict


OLD = (0.90, 0.91, 0.905, 0.903)


@pytest.mark.parametrize(
    ("moved", "kind", "code"),
    [
        ((-0.02, -0.022, -0.019, -0.021), "regressed", 1),
        ((0.02, 0.022, 0.019, 0.021), "improved", 0),
        ((0.001, -0.001, 0.0005, 0.0), "unchanged", 0),
        ((-0.02, 0.01, -0.03, 0.02), "inconclusive", 3),
    ],
)
def test_verdicts_are_one_sided_t_tests(tmp_path: Path, moved: Sequence[float], kind: str, code: int) -> None:
    verdict = compared(tmp_path, OLD, [old + each for old, each in zip(OLD, moved, strict=True)])
    assert verdict.kind == kind and exit_code([verdict]) == code
    assert verdict.change is not None and verdict.change.point == pytest.approx(sum(moved) / 4)
    side = "less" if sum(moved) < 0 else "greater"
    limit = -0.005 if side == "less" else 0.005
    assert verdict.p == pytest.approx(stats.ttest_1samp(moved, limit, alternative=side).pvalue)


def test_exact_means_not_a_single_image_less(tmp_path: Path) -> None:
    assert compared(tmp_path / "a", OLD, OLD, "exact").kind == "unchanged"
    assert compared(tmp_path / "b", OLD, (*OLD[:3], OLD[3] - 0.0001), "exact").kind == "regressed"
    assert compared(tmp_path / "c", OLD, (*OLD[:3], OLD[3] + 0.0001), "exact").kind == "improved"


def test_other_seeds_cannot_be_compared_and_one_seed_says_little(tmp_path: Path) -> None:
    assert compared(tmp_path / "a", OLD, OLD, first=1).reason == "the two have other seeds"
    assert compared(tmp_path / "b", OLD, OLD[:2]).kind == "incomparable"
    alone = compared(tmp_path / "c", OLD[:1], (0.8,))
    assert (alone.kind, alone.reason) == ("inconclusive", "an interval needs at least two seeds")


def test_people_read_points(tmp_path: Path) -> None:
    page = markdown([compared(tmp_path, OLD, [each - 0.02 - 0.001 * (each > 0.904) for each in OLD])])
    assert "| regressed | top1" in page and "−2.05 points \\[" in page and "90.45 %" in page
