"""How often a gate cries wolf on identical code, and what it finds, from long records of identical code.

Every trial is boiled down to one number: the smallest slow-down that the rule would have called a regression. It is 0
for a false alarm, and infinite where nothing would do. Rates, powers and the smallest detectable change follow from it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.results.compare import Stored, Verdict, compare_runs, compare_sides
from bench.results.statistics import LEVEL, Estimate, log_ratios, ratio_of
from bench.results.verdicts import SIGNIFICANCE

Samples: TypeAlias = NDArray[np.float64]
LEVELS = (0.01, 0.02, 0.03, 0.05, 0.10)
"""Slow-downs whose power is told."""
GATE: Mapping[str, float | None] = {"latency_ratio": 0.01}
POWER = 0.95
_GRID = tuple(step / 1000 for step in range(201))
"""Slow-downs that are tried, as fractions."""


@dataclass(frozen=True)
class Rate:
    """A share of trials with its exact binomial interval (Clopper and Pearson), for trials worth ``effective``."""

    share: float
    low: float
    high: float
    trials: int
    effective: float


def rate(hits: int, trials: int, worth: float) -> Rate:
    """A share of trials.

    Args:
        hits: of the trials.
        trials: how many there were.
        worth: what one trial counts, 1 where all are independent.
    """
    from scipy.special import betaincinv

    n, k = trials * worth, hits * worth
    low = float(betaincinv(k, n - k + 1, (1 - LEVEL) / 2)) if hits else 0.0
    high = float(betaincinv(k + 1, n - k, (1 + LEVEL) / 2)) if hits < trials else 1.0
    return Rate(hits / trials, low, high, trials, n)


def windows(frame: pd.DataFrame, seconds: float) -> list[pd.DataFrame]:
    """Cut every process of a comparison into stretches of so many measured seconds of variant and baseline together.

    Args:
        frame: of one group's latency.
        seconds: of one process.

    Returns:
        Frames like the given one; the i-th has the i-th stretch of every process.
    """
    cuts = {repeat: _cuts(rows, seconds) for repeat, rows in frame.groupby("repeat")}
    return [_stretch(frame, cuts, number) for number in range(min(map(len, cuts.values())))]


def _cuts(rows: pd.DataFrame, seconds: float) -> list[slice]:
    """Where one process is cut, in rounds."""
    pair = rows[rows["role"].isin(["baseline", "variant"])].to_dict("records")
    spent = np.cumsum(sum(np.asarray(row["samples"]) * row["details"]["iterations"] for row in pair))
    count = int(spent[-1] / seconds + 1e-9)
    # Like a repeat, a window ends with the round in which its seconds run out.
    ends = [int(np.searchsorted(spent, seconds * number - 1e-9)) + 1 for number in range(1, count + 1)]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _stretch(frame: pd.DataFrame, cuts: Mapping[Any, list[slice]], number: int) -> pd.DataFrame:
    cut = frame.copy()
    places = zip(frame["repeat"], frame["samples"], strict=True)
    cut["samples"] = [samples[cuts[repeat][number]] for repeat, samples in places]
    return cut


def slowed(frame: pd.DataFrame, slowdown: float) -> pd.DataFrame:
    """The frame with its variants that much slower."""
    changed = frame.copy()
    pairs = zip(frame["role"], frame["samples"], strict=True)
    changed["samples"] = [
        tuple(each * (1 + slowdown) for each in samples) if role == "variant" else samples for role, samples in pairs
    ]
    return changed


def needed_by_ab(frame: pd.DataFrame) -> float:
    """Of one comparison of revisions, the smallest slow-down that is called a regression."""
    return _first(lambda slowdown: compare_sides(slowed(frame, slowdown), GATE, ("A", "B")))


def needed_by_compare(base: Stored, new: Stored) -> float:
    """Of two stored runs, the smallest slow-down of the later one that is called a regression."""

    def verdicts(slowdown: float) -> list[Verdict]:
        return compare_runs(base, Stored(new.name, slowed(new.frame, slowdown), new.environments, new.gate))

    return _first(verdicts)


def _first(verdicts: Callable[[float], list[Verdict]]) -> float:
    """The first step of the grid that regresses, by halving: what is called a regression stays one when it grows."""

    def alarm(step: int) -> bool:
        return any(verdict.kind == "regressed" for verdict in verdicts(_GRID[step]))

    low, high = -1, len(_GRID) - 1
    if not alarm(high):
        return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if alarm(middle) else (middle, high)
    return _GRID[high]


def sequential(
    processes: Sequence[tuple[Samples, Samples]], seconds: float, each: float
) -> Iterator[tuple[Samples, Samples]]:
    """Identical code timed one after the other: A in some processes, then B in the next ones, so long together.

    Args:
        processes: (A, B) samples of each, in the order measured.
        seconds: of A and B together.
        each: measured seconds of A and B together in one process.
    """
    count = max(1, round(seconds / each))
    share = min(1.0, seconds / each)
    for start in range(0, len(processes) - 2 * count + 1, 2 * count):
        first, second = processes[start : start + count], processes[start + count : start + 2 * count]
        yield (
            np.concatenate([own[: max(2, int(len(own) * share))] for own, _ in first]),
            np.concatenate([own[: max(2, int(len(own) * share))] for _, own in second]),
        )


def needed_by_mean(a: Samples, b: Samples) -> float:
    """pytest-benchmark's ``--benchmark-compare-fail=mean:5%``."""
    return max(0.0, 1.05 / float(np.mean(b) / np.mean(a)) - 1)


def needed_by_asv(a: Samples, b: Samples) -> float:
    """Asv's default: a Mann–Whitney test at p < 0.002, and medians that differ by a factor of 1.1."""
    from scipy.stats import mannwhitneyu

    by_factor = 1.1 / float(np.median(b) / np.median(a)) - 1
    # Beyond the factor the test is all but certain; it is asked at the first slow-down that passes the factor.
    certain = mannwhitneyu(a, b * (1 + max(0.0, by_factor))).pvalue < 0.002
    return max(0.0, by_factor) if certain else math.inf


def needed_by_criterion(a: Samples, b: Samples, draws: int = 1000) -> float:
    """criterion.rs: the bootstrap interval of the change of the mean wholly beyond its noise threshold of 1 %."""
    rng = np.random.default_rng(0)
    ratios = rng.choice(b, (draws, len(b))).mean(axis=1) / rng.choice(a, (draws, len(a))).mean(axis=1)
    return max(0.0, 1.01 / float(np.quantile(ratios, (1 - LEVEL) / 2)) - 1)


PEERS: Mapping[str, Callable[[Samples, Samples], float]] = {
    "pytest-benchmark, mean +5 %": needed_by_mean,
    "asv, Mann–Whitney p < 0.002 and factor 1.1": needed_by_asv,
    "criterion, interval beyond ±1 %": needed_by_criterion,
}
"""What others gate on, all of them on times taken one after the other."""


def worth_of(figures: Sequence[Sequence[float]]) -> float:
    """What a trial is worth where windows of one process are alike: 1 / (1 + (k − 1) ρ).

    ρ is the intraclass correlation of figures of one process (Kish, *Survey Sampling*, section 5.4), at least 0.

    Args:
        figures: of each process those of its windows, the same number for all.
    """
    table = np.asarray(figures, dtype=float)
    processes, k = table.shape
    if k < 2 or processes < 2:
        return 1.0
    within = float(np.mean(np.var(table, axis=1, ddof=1)))
    between = float(np.var(np.mean(table, axis=1), ddof=1)) - within / k
    correlation = max(0.0, between) / (max(0.0, between) + within) if within or between > 0 else 0.0
    return float(1 / (1 + (k - 1) * correlation))


@dataclass(frozen=True)
class Trials:
    """One rule at one budget, on identical code.

    Args:
        rule: its name.
        seconds: measured, of both sides of a pair together.
        needed: of each trial the smallest slow-down that is called a regression.
        worth: what one trial counts, 1 where all are independent.
        estimates: of each trial the log ratio that it came to, in truth 0.
        freedom: degrees of freedom of the test; None for a rule that is none.
        unchanged: how many trials were called unchanged; None for a rule that never says so.
    """

    rule: str
    seconds: float
    needed: tuple[float, ...]
    worth: float
    estimates: tuple[float, ...]
    freedom: float | None = None
    unchanged: Rate | None = None

    @property
    def error(self) -> float:
        """Standard deviation of the estimates."""
        return float(np.std(self.estimates, ddof=1)) if len(self.estimates) > 1 else math.nan

    def found(self, slowdown: float) -> Rate:
        """In how many trials a slow-down is found; of 0, how many are false alarms."""
        hits = sum(each <= slowdown + 1e-9 for each in self.needed)
        return rate(hits, len(self.needed), self.worth)

    def expected(self, slowdown: float) -> float | None:
        """How often the test finds a slow-down if estimates are normal with the spread seen (noncentral t)."""
        from scipy.stats import nct, t

        if self.freedom is None:
            return None
        away = (math.log1p(slowdown) - math.log1p(GATE["latency_ratio"] or 0.0)) / self.error
        return float(nct.sf(t.ppf(1 - SIGNIFICANCE, self.freedom), self.freedom, away))

    def smallest(self, draws: int = 2000) -> tuple[float, float, float]:
        """The slow-down found in 95 % of trials, with a bootstrap interval over trials."""
        values = np.asarray(self.needed)
        again = np.random.default_rng(0).choice(values, (draws, len(values)))
        ends = np.quantile(again, POWER, axis=1, method="higher")
        low, high = np.quantile(ends, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
        return float(np.quantile(values, POWER, method="higher")), float(low), float(high)


def ab_trials(comparisons: Sequence[pd.DataFrame], seconds: float) -> Trials:
    """The gate of ``ab`` on windows of comparisons of identical code."""
    cut = [windows(frame, seconds / frame["repeat"].nunique()) for frame in comparisons]
    trials = [trial for stretches in cut for trial in stretches]
    judged = [compare_sides(trial, GATE, ("A", "B"))[0] for trial in trials]
    worth = worth_of([figures for stretches in cut for figures in _by_process(stretches)])
    needed = tuple(needed_by_ab(trial) for trial in trials)
    freedom = comparisons[0]["repeat"].nunique() - 1
    return Trials("ab", seconds, needed, worth, _points(judged), freedom, _unchanged(judged, worth))


def compare_trials(runs: Sequence[Stored], seconds: float) -> Trials:
    """The gate of ``compare`` on windows of neighbouring runs of identical code."""
    cut = [windows(run.frame, seconds / run.frame["repeat"].nunique()) for run in runs]
    pairs = [
        (replace(runs[number], frame=base), replace(runs[number + 1], frame=new))
        for number in range(0, len(runs) - 1, 2)
        for base, new in zip(cut[number], cut[number + 1], strict=False)
    ]
    judged = [compare_runs(base, new)[0] for base, new in pairs]
    worth = worth_of([figures for stretches in cut for figures in _by_process(stretches)])
    needed = tuple(needed_by_compare(base, new) for base, new in pairs)
    # Variant and control have one degree of freedom less than repeats on each side, and share their baseline.
    freedom = 4 * (runs[0].frame["repeat"].nunique() - 1) / 1.25
    return Trials("compare", seconds, needed, worth, _points(judged), freedom, _unchanged(judged, worth))


def peer_trials(comparisons: Sequence[pd.DataFrame], seconds: float) -> list[Trials]:
    """What the peers make of identical code timed one after the other, for as long."""
    processes = [process for frame in comparisons for process in _processes(frame)]
    each = float(np.mean([spent for _, _, spent in processes]))
    pairs = list(sequential([(a, b) for a, b, _ in processes], seconds, each))
    estimates = tuple(float(np.log(np.mean(b) / np.mean(a))) for a, b in pairs)
    return [Trials(name, seconds, tuple(rule(a, b) for a, b in pairs), 1.0, estimates) for name, rule in PEERS.items()]


@dataclass(frozen=True)
class Slowed:
    """What ``ab`` made of revisions that do more work in truth.

    Args:
        seconds: measured, of both sides of a pair together.
        found: how often it called them a regression.
        injected: how often it does so where identical code is made that much slower by calculation.
    """

    seconds: float
    found: Rate
    injected: Rate


def slowed_trials(comparisons: Sequence[pd.DataFrame], same: Trials, truth: float) -> Slowed:
    """Judge windows of comparisons with real extra work of a known size, as a fraction, beside those of ``same``."""
    cut = [windows(frame, same.seconds / frame["repeat"].nunique()) for frame in comparisons]
    judged = [compare_sides(trial, GATE, ("A", "B"))[0] for stretches in cut for trial in stretches]
    worth = worth_of([figures for stretches in cut for figures in _by_process(stretches)])
    hits = sum(verdict.kind == "regressed" for verdict in judged)
    return Slowed(same.seconds, rate(hits, len(judged), worth), same.found(truth))


def true_slowdown(comparisons: Sequence[pd.DataFrame]) -> Estimate:
    """The ratio over all processes of all comparisons."""
    return ratio_of([figure for frame in comparisons for [figure] in _by_process([frame])])


def _processes(frame: pd.DataFrame) -> Iterator[tuple[Samples, Samples, float]]:
    """A's samples, B's samples and the measured seconds of each process, in the order measured."""
    for _, rows in frame.groupby("repeat"):
        sides = {row["role"]: row for row in rows.to_dict("records")}
        a, b = (np.asarray(sides[role]["samples"]) for role in ("baseline", "variant"))
        spent = (
            a.sum() * sides["baseline"]["details"]["iterations"] + b.sum() * sides["variant"]["details"]["iterations"]
        )
        yield a, b, float(spent)


def _by_process(stretches: Sequence[pd.DataFrame]) -> list[list[float]]:
    """Of each process the log ratio of each of its windows."""
    table = [[float(np.median(log_ratios(b, a))) for a, b, _ in _processes(stretch)] for stretch in stretches]
    return [list(process) for process in zip(*table, strict=True)]


def _points(judged: Sequence[Verdict]) -> tuple[float, ...]:
    return tuple(math.log(verdict.change.point) for verdict in judged if verdict.change is not None)


def _unchanged(judged: Sequence[Verdict], worth: float) -> Rate:
    return rate(sum(verdict.kind == "unchanged" for verdict in judged), len(judged), worth)


@dataclass(frozen=True)
class Calibration:
    """All of it.

    Args:
        trials: of the gate on both its paths and of the peers, at every budget, on identical code.
        truth: how much more work the slowed revision does, as a ratio.
        slowed: what ``ab`` made of it, at every budget.
    """

    trials: tuple[Trials, ...]
    truth: Estimate
    slowed: tuple[Slowed, ...]

    def of(self, rule: str, seconds: float) -> Trials:
        """The trials of one rule at one budget."""
        return next(each for each in self.trials if (each.rule, each.seconds) == (rule, seconds))


BUDGETS = (10.0, 20.0, 60.0)
"""Measured seconds of both sides of a pair together."""


def calibrated(runs: Sequence[Stored], same: Sequence[pd.DataFrame], more: Sequence[pd.DataFrame]) -> Calibration:
    """Judge the gate.

    Args:
        runs: stored runs of identical code, two or more, in the order measured.
        same: comparisons of revisions that do the same, in the order measured.
        more: comparisons of a revision with one that does more work.
    """
    truth = true_slowdown(more)
    trials, slowed_too = [], []
    for seconds in BUDGETS:
        gate = ab_trials(same, seconds)
        trials += [gate, compare_trials(runs, seconds), *peer_trials(same, seconds)]
        slowed_too.append(slowed_trials(more, gate, truth.point - 1))
    return Calibration(tuple(trials), truth, tuple(slowed_too))
