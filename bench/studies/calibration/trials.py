"""How often a gate cries wolf on identical code, and what it finds, from long records of identical code.

Every trial is boiled down to one number: the smallest slow-down that the rule would have called a regression. It is 0
for a false alarm, and infinite where nothing would do. Rates, powers and the smallest detectable change follow from it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.results.compare import Stored, compare_runs
from bench.results.gated import Verdict
from bench.results.statistics import LEVEL, SIGNIFICANCE, Estimate, log_ratios, ratio_of
from bench.store.record import Role
from bench.studies.calibration.detection import GATE, judge_ab, needed_by_ab, needed_by_compare
from bench.studies.calibration.peers import PEERS
from bench.studies.calibration.rates import Rate, rate, worth_of
from bench.studies.calibration.windows import SETUPS, Setup, invocations, processes, sequential

POWER = 0.95
"""The share of invocations that shall find a slow-down."""


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


def ratio_over_all(frames: Sequence[pd.DataFrame], role: Role = "variant") -> Estimate:
    """The ratio of a role to the baseline, over all processes of all frames."""
    return ratio_of([float(np.median(log_ratios(b, a))) for frame in frames for a, b, _ in processes(frame, role)])


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
        control: second builds of the plain network against the baseline, as a ratio; in truth 1.
        truth: how much more work the slowed revision does, as a ratio.
        slowed: what ``ab`` made of it, in every set-up.
    """

    trials: tuple[Trials, ...]
    control: Estimate
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
    control, truth = ratio_over_all([run.frame for run in runs], "control"), ratio_over_all(more)
    trials: list[Trials] = []
    found: list[Slowed] = []
    for setup in SETUPS:
        if _stretches(same, setup) > 1:
            gate = ab_trials(same, setup)
            trials += [gate, *peer_trials(same, setup)]
            if _stretches(more, setup):
                found.append(slowed_trials(more, gate, truth.point - 1))
        if _stretches([run.frame for run in runs], setup) > 3:
            trials.append(compare_trials(runs, setup))
    return Calibration(tuple(trials), control, truth, tuple(found))
