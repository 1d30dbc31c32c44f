"""Accuracies of two runs whose differences are known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from bench.report.verdicts import markdown
from bench.results.compare import compare_runs, exit_code
from bench.store.record import Record, Value
from bench.results.gated import Verdict
from bench.store.stored_run import read_run
from tests.factories import record, store


def accuracy(cell: str, seed: int, top1: float, **details: Any) -> Record:
    made = record("baseline", cell, seed, Value("top1", "1", (top1,)), measure="accuracy", group=cell)
    return Record(**{**made.__dict__, "seed": seed, "details": {"eval_on": "test", **details}})


def run(folder: Path, gate: str, first: int = 0, details: Any = (), **cells: Sequence[float]) -> Any:
    records = [
        accuracy(cell, first + seed, each, **dict(details))
        for cell, shares in cells.items()
        for seed, each in enumerate(shares)
    ]
    return read_run(store(folder, records, f"top1: {gate}"))


def compared(folder: Path, old: Sequence[float], new: Sequence[float], gate: str = "0.005") -> Verdict:
    [verdict] = compare_runs(run(folder / "old", gate, a=old), run(folder / "new", gate, a=new))
    return verdict


OLD = (0.90, 0.91, 0.905, 0.903)


def moved_by(moved: Sequence[float]) -> list[float]:
    return [old + each for old, each in zip(OLD, moved, strict=True)]


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
    verdict = compared(tmp_path, OLD, moved_by(moved))
    assert verdict.kind == kind and exit_code([verdict]) == code
    assert verdict.change is not None and verdict.change.point == pytest.approx(sum(moved) / 4)
    side = "less" if sum(moved) < 0 else "greater"
    limit = -0.005 if side == "less" else 0.005
    assert verdict.p == pytest.approx(stats.ttest_1samp(moved, limit, alternative=side).pvalue)


def test_a_family_is_adjusted_by_holm(tmp_path: Path) -> None:
    falls = {"a": (-0.02, -0.03, -0.01, -0.02), "b": (-0.02, -0.02, -0.03, -0.04)}
    old, new = run(tmp_path / "old", "0.005", a=OLD, b=OLD), {cell: moved_by(each) for cell, each in falls.items()}
    verdicts = {verdict.cell: verdict for verdict in compare_runs(old, run(tmp_path / "new", "0.005", **new))}
    raw = {cell: stats.ttest_1samp(each, -0.005, alternative="less").pvalue for cell, each in falls.items()}
    low, high = sorted(raw, key=lambda cell: raw[cell])
    assert verdicts[low].p == pytest.approx(2 * raw[low])
    assert verdicts[high].p == pytest.approx(max(2 * raw[low], raw[high]))


def test_how_many_seeds_would_settle_it(tmp_path: Path) -> None:
    moved = (-0.02, 0.01, -0.03, 0.005)
    reason = compared(tmp_path, OLD, moved_by(moved)).reason or ""
    seeds = int(reason.split(" by ")[1].split()[0])
    mean, spread = abs(float(sum(moved) / 4)), float(stats.tstd(moved))

    def p(seeds: int) -> float:
        return float(stats.t.sf((mean - 0.005) / (spread / seeds**0.5), seeds - 1))

    assert p(seeds) < 0.05 <= p(seeds - 1)


def test_exact_means_not_a_single_image_less_on_any_seed(tmp_path: Path) -> None:
    image = 0.0001
    assert compared(tmp_path / "a", OLD, OLD, "exact").kind == "unchanged"
    assert compared(tmp_path / "b", OLD, moved_by((0, 0, 0, -image)), "exact").kind == "regressed"
    assert compared(tmp_path / "c", OLD, moved_by((5 * image, 5 * image, 0, -image)), "exact").kind == "regressed"
    assert compared(tmp_path / "d", OLD, moved_by((0, 0, 0, image)), "exact").kind == "improved"


def test_one_seed_and_seeds_that_move_alike_say_nothing_of_the_spread(tmp_path: Path) -> None:
    for number, new in enumerate([(0.8,), (0.9001,)]):
        alone = compared(tmp_path / f"a{number}", OLD[:1], new)
        assert (alone.kind, alone.reason) == ("inconclusive", "a single seed says nothing of the spread")
    alike = compared(tmp_path / "b", OLD, moved_by((-0.02,) * 4))
    assert (alike.kind, alike.p) == ("inconclusive", None)
    assert compared(tmp_path / "c", OLD[:1], OLD[:1]).kind == "unchanged"


@pytest.mark.parametrize(
    ("gate", "details", "first", "reason"),
    [
        ("0.005", {}, 1, "the two have other seeds"),
        ("0.005", {"eval_on": "held_out"}, 0, "the two differ in judge"),
        ("0.005", {"recipe": {"epochs": 3}, "weights": "a.pt"}, 0, "the two differ in recipe, weights"),
        ("exact", {"threads": 1}, 0, "the two differ in threads"),
    ],
)
def test_what_was_not_made_alike_cannot_be_compared(
    tmp_path: Path, gate: str, details: dict[str, Any], first: int, reason: str
) -> None:
    new = run(tmp_path / "new", gate, first, details, a=OLD)
    [verdict] = compare_runs(run(tmp_path / "old", gate, a=OLD), new)
    assert (verdict.kind, verdict.reason) == ("incomparable", reason) and exit_code([verdict]) == 3


def test_threads_may_differ_where_a_threshold_allows_for_chance(tmp_path: Path) -> None:
    new = run(tmp_path / "new", "0.005", 0, {"threads": 1}, a=OLD)
    [verdict] = compare_runs(run(tmp_path / "old", "0.005", a=OLD), new)
    assert verdict.kind == "unchanged"


def test_people_read_points(tmp_path: Path) -> None:
    page = markdown([compared(tmp_path, OLD, [each - 0.02 - 0.001 * (each > 0.904) for each in OLD])])
    assert "| regressed | top1" in page and "−2.05 points [" in page and "90.45 %" in page


def test_when_networks_were_trained_makes_no_times_incomparable(tmp_path: Path) -> None:
    from bench.results.compare import facts_of

    made = accuracy("a", 0, 0.9)
    elsewhere = Record(**{**made.__dict__, "environment": "f", "values": (Value("epoch_time", "s", (9.0,)),)})
    folder = store(tmp_path / "run", [record("baseline", "n", 0, Value("latency", "s", (1.0,))), elsewhere])
    assert facts_of(read_run(folder))["cpu"] == ["Model T"]
