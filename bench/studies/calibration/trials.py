"""False-alarm rate and power of the gate, and of other tools' rules, from long records of identical code.

Every trial is reduced to one number: the smallest slowdown that the rule reports as a regression. It is 0 for a false
alarm, and infinity if the rule reports none. Rates, power and the smallest detectable slowdown follow from it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.results.columns import Role
from bench.results.compare import ComparableRun, compare_runs
from bench.results.statistics import LEVEL, SIGNIFICANCE, Estimate, log_ratios, process_estimate, ratio_of
from bench.results.verdicts import Verdict
from bench.studies.calibration.detection import GATE, ab_verdicts, detected_by_ab, detected_by_compare
from bench.studies.calibration.peers import PEERS
from bench.studies.calibration.proportions import Proportion, independence_of, proportion
from bench.studies.calibration.windows import SETUPS, Setup, Window, invocations, paired_samples, sequential

TARGET_POWER = 0.95
"""Target share of invocations that detect a slowdown."""


@dataclass(frozen=True)
class Trials:
    """Trials of one rule in one setup, on identical code.

    Args:
        rule: name of the rule.
        setup: size of an invocation.
        detected: for each trial, the smallest slowdown that the rule reports as a regression.
        independence: effective number of independent trials divided by the number of trials.
        estimates: for each trial, the estimated log ratio; the true one is 0.
        freedom: degrees of freedom of the rule's t test; None for a rule without one.
        unchanged: proportion of the verdict "unchanged"; None for a rule without this verdict.
        unbiased: share of the trials whose A/A controls show no bias; 1 without controls.
        half_widths: for each trial, half the width of its interval, as a log ratio; empty for a rule without intervals.
    """

    rule: str
    setup: Setup
    detected: tuple[float, ...]
    independence: float
    estimates: tuple[float, ...]
    freedom: float | None = None
    unchanged: Proportion | None = None
    unbiased: float = 1.0
    half_widths: tuple[float, ...] = ()

    @property
    def error(self) -> float:
        """Standard deviation of the estimates."""
        return float(np.std(self.estimates, ddof=1)) if len(self.estimates) > 1 else math.nan

    def detection(self, slowdown: float) -> Proportion:
        """Proportion of trials that detect a slowdown; for a slowdown of 0, the false-alarm rate."""
        hits = sum(smallest <= slowdown + 1e-9 for smallest in self.detected)
        return proportion(hits, len(self.detected), self.independence)

    def missed(self, slowdown: float) -> list[float]:
        """Half-widths of the trials that do not detect a slowdown, the widest first."""
        trials = zip(self.detected, self.half_widths, strict=True)
        return sorted((half for smallest, half in trials if smallest > slowdown + 1e-9), reverse=True)

    def expected(self, slowdown: float) -> float | None:
        """Expected detection rate if estimates are normal with the observed spread (noncentral t)."""
        from scipy.stats import nct, t

        if self.freedom is None or len(self.estimates) < 2:
            return None
        noncentrality = (math.log1p(slowdown) - math.log1p(GATE["latency_ratio"] or 0.0)) / self.error
        critical = t.ppf(1 - SIGNIFICANCE, self.freedom)
        return self.unbiased * float(nct.sf(critical, self.freedom, noncentrality))

    def detectable(self, draws: int = 2000) -> tuple[float, float, float]:
        """The smallest slowdown that 95 % of trials detect, with the bounds of its bootstrap interval.

        Each bootstrap sample has the effective number of independent trials.
        """
        values = np.asarray(self.detected)
        size = max(1, round(len(values) * self.independence))
        resampled = np.random.default_rng(0).choice(values, (draws, size))
        quantiles = np.quantile(resampled, TARGET_POWER, axis=1, method="higher")
        low, high = np.quantile(quantiles, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
        return float(np.quantile(values, TARGET_POWER, method="higher")), float(low), float(high)


def ab_trials(comparisons: Sequence[pd.DataFrame], setup: Setup) -> Trials:
    """Trials of ``ab`` on comparisons of identical code."""
    frames = [frame for block in invocations(comparisons, setup) for frame in block]
    verdicts = [ab_verdicts(frame)[0] for frame in frames]
    independence = independence_of(_by_process(comparisons, setup))
    return Trials(
        rule="ab",
        setup=setup,
        detected=tuple(detected_by_ab(frame) for frame in frames),
        independence=independence,
        estimates=_estimates(verdicts),
        freedom=setup.processes - 1,
        unchanged=_unchanged(verdicts, independence),
        half_widths=_half_widths(verdicts),
    )


def compare_trials(runs: Sequence[ComparableRun], setup: Setup) -> Trials:
    """Trials of ``compare`` on neighbouring runs of identical code."""
    blocks = invocations([run.frame for run in runs], setup)
    # The processes of a block may come from several runs, and from several revisions of the harness.
    environments = {id_: environment for run in runs for id_, environment in run.environments.items()}
    first = runs[0]
    pairs = [
        tuple(Window(first.name, frame, environments, first.gate, first.complete) for frame in (base, new))
        for before, after in zip(blocks[::2], blocks[1::2], strict=False)
        for base, new in zip(before, after, strict=False)
    ]
    verdicts = [compare_runs(base, new)[0] for base, new in pairs]
    independence = independence_of(_by_process([run.frame for run in runs], setup))
    return Trials(
        rule="compare",
        setup=setup,
        detected=tuple(detected_by_compare(base, new) for base, new in pairs),
        independence=independence,
        estimates=_estimates(verdicts),
        freedom=2 * (setup.processes - 1),
        unchanged=_unchanged(verdicts, independence),
        unbiased=sum(verdict.evidence is None for verdict in verdicts) / len(verdicts),
    )


def peer_trials(comparisons: Sequence[pd.DataFrame], setup: Setup) -> list[Trials]:
    """Trials of other tools' rules, on identical code timed one side after the other for the same time."""
    processes = [process for frame in comparisons for process in paired_samples(frame)]
    pairs = list(sequential(processes, setup.seconds))
    estimates = tuple(float(np.log(np.mean(b) / np.mean(a))) for a, b in pairs)
    return [Trials(name, setup, tuple(rule(a, b) for a, b in pairs), 1.0, estimates) for name, rule in PEERS.items()]


@dataclass(frozen=True)
class ExtraWork:
    """Detection of real extra work by ``ab``.

    Args:
        setup: size of an invocation.
        detected: proportion of invocations that report a regression.
        injected: the same proportion on identical code whose times are increased by the same ratio.
    """

    setup: Setup
    detected: Proportion
    injected: Proportion


def extra_work_trials(comparisons: Sequence[pd.DataFrame], same: Trials, slowdown: float) -> ExtraWork:
    """Compare the detection of real extra work with that of an injected slowdown.

    Args:
        comparisons: comparisons of a revision with one that does more work.
        same: trials on identical code.
        slowdown: size of the extra work, as a fraction.
    """
    frames = [frame for block in invocations(comparisons, same.setup) for frame in block]
    kinds = [ab_verdicts(frame)[0].kind for frame in frames]
    independence = independence_of(_by_process(comparisons, same.setup))
    detected = proportion(kinds.count("regressed"), len(kinds), independence)
    return ExtraWork(same.setup, detected, same.detection(slowdown))


def ratio_over_all(frames: Sequence[pd.DataFrame], role: Role = "variant") -> Estimate:
    """The ratio of a role to the baseline, over all processes of all frames."""
    return ratio_of([process_estimate(log_ratios(b, a)) for frame in frames for a, b, _ in paired_samples(frame, role)])


def _by_process(frames: Sequence[pd.DataFrame], setup: Setup) -> list[list[float]]:
    """For each process, the log ratio of each of its windows."""
    processes = []
    for block in invocations(frames, setup):
        by_window = [[float(np.median(log_ratios(b, a))) for a, b, _ in paired_samples(window)] for window in block]
        processes += [list(process) for process in zip(*by_window, strict=True)]
    return processes


def _estimates(verdicts: Sequence[Verdict]) -> tuple[float, ...]:
    return tuple(math.log(verdict.change.point) for verdict in verdicts if verdict.change is not None)


def _half_widths(verdicts: Sequence[Verdict]) -> tuple[float, ...]:
    changes = [verdict.change for verdict in verdicts if verdict.change is not None]
    return tuple(math.log(change.high / change.low) / 2 for change in changes if change.low and change.high)


def _unchanged(verdicts: Sequence[Verdict], independence: float) -> Proportion:
    return proportion(sum(verdict.kind == "unchanged" for verdict in verdicts), len(verdicts), independence)


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration.

    Args:
        trials: trials of both commands' gate and of other tools' rules, in every setup, on identical code.
        control: ratio of the second build of the plain network to the baseline; the true ratio is 1.
        extra_work: ratio of the revision that does more work to the other.
        detections: detection of the extra work by ``ab``, in every setup.
    """

    trials: tuple[Trials, ...]
    control: Estimate
    extra_work: Estimate
    detections: tuple[ExtraWork, ...]

    def of(self, rule: str, setup: Setup) -> Trials | None:
        """The trials of one rule in one setup; None if there are too few records."""
        return next((trials for trials in self.trials if (trials.rule, trials.setup) == (rule, setup)), None)


def _block_count(frames: Sequence[pd.DataFrame], setup: Setup) -> int:
    """Number of blocks of processes; 0 if a process is too short for one window."""
    blocks = invocations(frames, setup)
    return len(blocks) if all(blocks) else 0


def evaluate_gate(
    runs: Sequence[ComparableRun], same: Sequence[pd.DataFrame], slowed: Sequence[pd.DataFrame]
) -> Calibration:
    """Calibrate the gate.

    Args:
        runs: runs of identical code, in the order measured.
        same: comparisons of two revisions that do the same work, in the order measured.
        slowed: comparisons of a revision with one that does more work, in the order measured.
    """
    control, extra_work = ratio_over_all([run.frame for run in runs], "control"), ratio_over_all(slowed)
    trials: list[Trials] = []
    detections: list[ExtraWork] = []
    for setup in SETUPS:
        if _block_count(same, setup) > 1:
            gate = ab_trials(same, setup)
            trials += [gate, *peer_trials(same, setup)]
            if _block_count(slowed, setup):
                detections.append(extra_work_trials(slowed, gate, extra_work.point - 1))
        if _block_count([run.frame for run in runs], setup) > 3:
            trials.append(compare_trials(runs, setup))
    return Calibration(tuple(trials), control, extra_work, tuple(detections))
