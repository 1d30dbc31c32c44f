"""Comparisons of accuracies whose differences are known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from bench.report.verdicts import verdicts_markdown
from bench.results.compare import compare_runs, facts_of
from bench.results.verdicts import Verdict, exit_code
from bench.store.record import Record, Value
from bench.store.stored_run import StoredRun
from tests.factories import record, store


def accuracy(cell: str, seed: int, top1: float, **details: Any) -> Record:
    return record(
        Value("top1", "1", (top1,)),
        cell=cell,
        repeat=seed,
        seed=seed,
        measure="accuracy",
        group=cell,
        details={"eval_on": "test", **details},
    )


def run(folder: Path, gate: str, first: int = 0, details: Any = (), **cells: Sequence[float]) -> Any:
    records = [
        accuracy(cell, first + seed, share, **dict(details))
        for cell, shares in cells.items()
        for seed, share in enumerate(shares)
    ]
    return StoredRun.load(store(folder, records, f"top1: {gate}"))


def compared(folder: Path, old: Sequence[float], new: Sequence[float], gate: str = "0.005") -> Verdict:
    [verdict] = compare_runs(run(folder / "old", gate, a=old), run(folder / "new", gate, a=new))
    return verdict


OLD = (0.90, 0.91, 0.905, 0.903)


def moved_by(moved: Sequence[float]) -> list[float]:
    return [old + change for old, change in zip(OLD, moved, strict=True)]


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


def test_holm_over_the_accuracies_of_a_comparison(tmp_path: Path) -> None:
    falls = {"a": (-0.02, -0.03, -0.01, -0.02), "b": (-0.02, -0.02, -0.03, -0.04)}
    old, new = run(tmp_path / "old", "0.005", a=OLD, b=OLD), {cell: moved_by(fall) for cell, fall in falls.items()}
    verdicts = {verdict.cell: verdict for verdict in compare_runs(old, run(tmp_path / "new", "0.005", **new))}
    raw = {cell: stats.ttest_1samp(fall, -0.005, alternative="less").pvalue for cell, fall in falls.items()}
    low, high = sorted(raw, key=lambda cell: raw[cell])
    assert verdicts[low].p == pytest.approx(2 * raw[low])
    assert verdicts[high].p == pytest.approx(max(2 * raw[low], raw[high]))


def test_seeds_that_would_decide(tmp_path: Path) -> None:
    moved = (-0.02, 0.01, -0.03, 0.005)
    reason = compared(tmp_path, OLD, moved_by(moved)).reason or ""
    seeds = int(reason.split()[0])
    mean, spread = abs(float(sum(moved) / 4)), float(stats.tstd(moved))

    def p(seeds: int) -> float:
        return float(stats.t.sf((mean - 0.005) / (spread / seeds**0.5), seeds - 1))

    assert p(seeds) < 0.05 <= p(seeds - 1)


def test_exact_gate_allows_no_lost_image(tmp_path: Path) -> None:
    image = 0.0001
    assert compared(tmp_path / "a", OLD, OLD, "exact").kind == "unchanged"
    assert compared(tmp_path / "b", OLD, moved_by((0, 0, 0, -image)), "exact").kind == "regressed"
    assert compared(tmp_path / "c", OLD, moved_by((5 * image, 5 * image, 0, -image)), "exact").kind == "regressed"
    assert compared(tmp_path / "d", OLD, moved_by((0, 0, 0, image)), "exact").kind == "improved"


def test_unknown_spread_is_inconclusive(tmp_path: Path) -> None:
    for number, new in enumerate([(0.8,), (0.9001,)]):
        alone = compared(tmp_path / f"a{number}", OLD[:1], new)
        assert (alone.kind, alone.reason) == ("inconclusive", "the spread is unknown: there is a single seed")
    alike = compared(tmp_path / "b", OLD, moved_by((-0.02,) * 4))
    assert (alike.kind, alike.p) == ("inconclusive", None)
    assert compared(tmp_path / "c", OLD[:1], OLD[:1]).kind == "unchanged"


@pytest.mark.parametrize(
    ("gate", "details", "first", "reason"),
    [
        ("0.005", {}, 1, "the seeds differ"),
        ("0.005", {"eval_on": "held_out"}, 0, "they differ in eval_on"),
        ("0.005", {"recipe": {"epochs": 3}, "weights": "a.pt"}, 0, "they differ in recipe, weights"),
        ("exact", {"threads": 1}, 0, "they differ in threads"),
    ],
)
def test_different_trainings_are_incomparable(
    tmp_path: Path, gate: str, details: dict[str, Any], first: int, reason: str
) -> None:
    new = run(tmp_path / "new", gate, first, details, a=OLD)
    [verdict] = compare_runs(run(tmp_path / "old", gate, a=OLD), new)
    assert (verdict.kind, verdict.reason) == ("incomparable", reason) and exit_code([verdict]) == 3


def test_threads_may_differ_under_a_threshold(tmp_path: Path) -> None:
    new = run(tmp_path / "new", "0.005", 0, {"threads": 1}, a=OLD)
    [verdict] = compare_runs(run(tmp_path / "old", "0.005", a=OLD), new)
    assert verdict.kind == "unchanged"


def test_verdict_table_shows_percentage_points(tmp_path: Path) -> None:
    page = verdicts_markdown([compared(tmp_path, OLD, [old - 0.02 - 0.001 * (old > 0.904) for old in OLD])])
    [row] = [line for line in page.splitlines() if line.startswith("| regressed")]
    assert "−2.05" in row and "90.45 %" in row


def test_environment_of_trainings_does_not_matter(tmp_path: Path) -> None:
    elsewhere = record(Value("epoch_time", "s", (9.0,)), measure="accuracy", environment="f")
    folder = store(tmp_path / "run", [record(Value("latency", "s", (1.0,))), elsewhere], cpu="Model T")
    assert facts_of(StoredRun.load(folder))["cpu"] == ["Model T"]
