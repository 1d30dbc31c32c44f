"""How often a gate cries wolf on identical code, and what it finds, from long records of identical code.

Every trial is boiled down to one number: the smallest slow-down that the rule would have called a regression. It is 0
for a false alarm, and infinite where nothing would do. Rates, powers and the smallest detectable change follow from it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.results.compare import Stored, compare_runs, compare_sides
from bench.results.peers import PEERS
from bench.results.sides import Verdict
from bench.results.statistics import LEVEL, Estimate, log_ratios, ratio_of
from bench.results.verdicts import SIGNIFICANCE
from bench.results.windows import SETUPS, Setup, invocations, processes, sequential

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


def slowed(frame: pd.DataFrame, slowdown: float) -> pd.DataFrame:
    """The frame with its variants that much slower."""
    changed = frame.copy()
    pairs = zip(frame["role"], frame["samples"], strict=True)
    changed["samples"] = [
        tuple(each * (1 + slowdown) for each in samples) if role == "variant" else samples for role, samples in pairs
    ]
    return changed


def judge_ab(frame: pd.DataFrame) -> list[Verdict]:
    """What ``ab`` says of one comparison."""
    return compare_sides(Stored("ab", frame, {}, GATE), ("A", "B"))


def needed_by_ab(frame: pd.DataFrame) -> float:
    """Of one comparison of revisions, the smallest slow-down that is called a regression."""
    return _first(lambda slowdown: judge_ab(slowed(frame, slowdown)))


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


def worth_of(figures: Sequence[Sequence[float]]) -> float:
    """What a trial is worth where windows of one process are alike: 1 / (1 + (k − 1) ρ).

    k is the mean number of windows of a process, and ρ the intraclass correlation of their figures, at least 0 (Kish,
    *Survey Sampling*, section 5.4).

    Args:
        figures: of each process those of its windows.
    """
    several = [each for each in figures if len(each) > 1]
    if len(several) < 2:
        return 1.0
    k = float(np.mean([len(each) for each in figures]))
    within = float(np.mean([np.var(each, ddof=1) for each in several]))
    means = float(np.var([np.mean(each) for each in several], ddof=1))
    between = max(0.0, means - within * float(np.mean([1 / len(each) for each in several])))
    return 1 / (1 + (k - 1) * (between / (between + within) if between + within else 0.0))


@dataclass(frozen=True)
class Trials:
    """One rule in one set-up, on identical code.

    Args:
        rule: its name.
        setup: how each is measured.
        needed: of each trial the smallest slow-down that is called a regression.
        worth: what one trial counts, 1 where all are independent.
        estimates: of each trial the log ratio that it came to, in truth 0.
        freedom: degrees of freedom of the test; None for a rule that is none.
        unchanged: how many trials were called unchanged; None for a rule that never says so.
        passing: in what share of the trials the A/A controls passed; 1 where there are none.
        halves: of each trial half the width of its interval, as a log ratio; empty for a rule that has none.
    """

    rule: str
    setup: Setup
    needed: tuple[float, ...]
    worth: float
    estimates: tuple[float, ...]
    freedom: float | None = None
    unchanged: Rate | None = None
    passing: float = 1.0
    halves: tuple[float, ...] = ()

    @property
    def error(self) -> float:
        """Standard deviation of the estimates."""
        return float(np.std(self.estimates, ddof=1)) if len(self.estimates) > 1 else math.nan

    def found(self, slowdown: float) -> Rate:
        """In how many trials a slow-down is found; of 0, how many are false alarms."""
        hits = sum(each <= slowdown + 1e-9 for each in self.needed)
        return rate(hits, len(self.needed), self.worth)

    def missed(self, slowdown: float) -> list[float]:
        """Of the trials that do not find a slow-down, half the width of their intervals, the widest first."""
        pairs = zip(self.needed, self.halves, strict=True)
        return sorted((half for needed, half in pairs if needed > slowdown + 1e-9), reverse=True)

    def expected(self, slowdown: float) -> float | None:
        """How often the test finds a slow-down if estimates are normal with the spread seen (noncentral t)."""
        from scipy.stats import nct, t

        if self.freedom is None or len(self.estimates) < 2:
            return None
        away = (math.log1p(slowdown) - math.log1p(GATE["latency_ratio"] or 0.0)) / self.error
        return self.passing * float(nct.sf(t.ppf(1 - SIGNIFICANCE, self.freedom), self.freedom, away))

    def smallest(self, draws: int = 2000) -> tuple[float, float, float]:
        """The slow-down found in 95 % of trials, with a bootstrap interval over as many as the trials are worth."""
        values = np.asarray(self.needed)
        again = np.random.default_rng(0).choice(values, (draws, max(1, round(len(values) * self.worth))))
        ends = np.quantile(again, POWER, axis=1, method="higher")
        low, high = np.quantile(ends, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
        return float(np.quantile(values, POWER, method="higher")), float(low), float(high)


def ab_trials(comparisons: Sequence[pd.DataFrame], setup: Setup) -> Trials:
    """The gate of ``ab`` on comparisons of identical code."""
    trials = [trial for chunk in invocations(comparisons, setup) for trial in chunk]
    judged = [judge_ab(trial)[0] for trial in trials]
    worth = worth_of(_by_process(comparisons, setup))
    needed = tuple(needed_by_ab(trial) for trial in trials)
    unchanged, freedom = _unchanged(judged, worth), setup.processes - 1
    return Trials("ab", setup, needed, worth, _points(judged), freedom, unchanged, halves=_halves(judged))


def compare_trials(runs: Sequence[Stored], setup: Setup) -> Trials:
    """The gate of ``compare`` on neighbouring runs of identical code."""
    chunks = invocations([run.frame for run in runs], setup)
    # A stretch of processes may come from several runs, of several revisions of the harness.
    anywhere = {id_: each for run in runs for id_, each in run.environments.items()}
    pairs = [
        tuple(replace(runs[0], frame=frame, environments=anywhere) for frame in (base, new))
        for before, after in zip(chunks[::2], chunks[1::2], strict=False)
        for base, new in zip(before, after, strict=False)
    ]
    judged = [compare_runs(base, new)[0] for base, new in pairs]
    worth = worth_of(_by_process([run.frame for run in runs], setup))
    needed = tuple(needed_by_compare(base, new) for base, new in pairs)
    # Variant and control have one degree of freedom less than repeats on each side, and share their baseline.
    freedom = 4 * (setup.processes - 1) / 1.25
    passing = sum(verdict.control is None for verdict in judged) / len(judged)
    return Trials("compare", setup, needed, worth, _points(judged), freedom, _unchanged(judged, worth), passing)


def peer_trials(comparisons: Sequence[pd.DataFrame], setup: Setup) -> list[Trials]:
    """What the peers make of identical code timed one after the other, for as long."""
    pairs = list(sequential([process for frame in comparisons for process in processes(frame)], setup.seconds))
    estimates = tuple(float(np.log(np.mean(b) / np.mean(a))) for a, b in pairs)
    return [Trials(name, setup, tuple(rule(a, b) for a, b in pairs), 1.0, estimates) for name, rule in PEERS.items()]


@dataclass(frozen=True)
class Slowed:
    """What ``ab`` made of revisions that do more work in truth.

    Args:
        setup: how each invocation is measured.
        found: how often it called them a regression.
        injected: how often it does so where identical code is made that much slower by calculation.
    """

    setup: Setup
    found: Rate
    injected: Rate


def slowed_trials(comparisons: Sequence[pd.DataFrame], same: Trials, truth: float) -> Slowed:
    """Judge comparisons with real extra work of a known size, as a fraction, beside those of ``same``."""
    trials = [trial for chunk in invocations(comparisons, same.setup) for trial in chunk]
    kinds = [judge_ab(trial)[0].kind for trial in trials]
    worth = worth_of(_by_process(comparisons, same.setup))
    return Slowed(same.setup, rate(kinds.count("regressed"), len(kinds), worth), same.found(truth))


def true_slowdown(comparisons: Sequence[pd.DataFrame]) -> Estimate:
    """The ratio over all processes of all comparisons."""
    return ratio_of([float(np.median(log_ratios(b, a))) for frame in comparisons for a, b, _ in processes(frame)])


def _by_process(frames: Sequence[pd.DataFrame], setup: Setup) -> list[list[float]]:
    """Of each process the log ratio of each of its windows."""
    found = []
    for cut in invocations(frames, setup):
        table = [[float(np.median(log_ratios(b, a))) for a, b, _ in processes(window)] for window in cut]
        found += [list(process) for process in zip(*table, strict=True)]
    return found


def _points(judged: Sequence[Verdict]) -> tuple[float, ...]:
    return tuple(math.log(verdict.change.point) for verdict in judged if verdict.change is not None)


def _halves(judged: Sequence[Verdict]) -> tuple[float, ...]:
    changes = [verdict.change for verdict in judged if verdict.change is not None]
    return tuple(math.log(each.high / each.low) / 2 for each in changes if each.low and each.high)


def _unchanged(judged: Sequence[Verdict], worth: float) -> Rate:
    return rate(sum(verdict.kind == "unchanged" for verdict in judged), len(judged), worth)


@dataclass(frozen=True)
class Calibration:
    """All of it.

    Args:
        trials: of the gate on both its paths and of the peers, in every set-up, on identical code.
        truth: how much more work the slowed revision does, as a ratio.
        slowed: what ``ab`` made of it, in every set-up.
    """

    trials: tuple[Trials, ...]
    truth: Estimate
    slowed: tuple[Slowed, ...]

    def of(self, rule: str, setup: Setup) -> Trials | None:
        """The trials of one rule in one set-up; None where the records make fewer than two."""
        return next((each for each in self.trials if (each.rule, each.setup) == (rule, setup)), None)


def _stretches(frames: Sequence[pd.DataFrame], setup: Setup) -> int:
    """How many stretches of processes there are; none where a process is too short for a window."""
    stretches = invocations(frames, setup)
    return len(stretches) if all(stretches) else 0


def calibrated(runs: Sequence[Stored], same: Sequence[pd.DataFrame], more: Sequence[pd.DataFrame]) -> Calibration:
    """Judge the gate.

    Args:
        runs: stored runs of identical code, in the order measured.
        same: comparisons of revisions that do the same, in the order measured.
        more: comparisons of a revision with one that does more work, likewise.
    """
    truth = true_slowdown(more)
    trials: list[Trials] = []
    found: list[Slowed] = []
    for setup in SETUPS:
        if _stretches(same, setup) > 1:
            gate = ab_trials(same, setup)
            trials += [gate, *peer_trials(same, setup)]
            found.append(slowed_trials(more, gate, truth.point - 1))
        if _stretches([run.frame for run in runs], setup) > 3:
            trials.append(compare_trials(runs, setup))
    return Calibration(tuple(trials), truth, tuple(found))
