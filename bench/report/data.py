"""The data of a report: records, and everything that is estimated from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.results.accuracy import AccuracyGain, accuracy_gains
from bench.results.estimates import Comparison, estimate
from bench.results.roofline import MachineLimits, machine_limits
from bench.results.time_verdicts import TimeVerdict, time_verdicts
from bench.store.stored_run import StoredRun


@dataclass(frozen=True)
class ReportData:
    """The records of the runs in a report, and the estimates.

    Args:
        runs: the runs, in the order given.
        frame: the records of all runs, see :data:`bench.results.columns.COLUMNS`.
        comparisons: all estimates.
        costs: the estimates without those of accuracies and of the machine.
        gains: the accuracy gain of every trained variant.
        times: the verdict on the time of every timed variant.
        machines: name of the run → limits of its machine, for runs that measured them.
    """

    runs: Sequence[StoredRun]
    frame: pd.DataFrame
    comparisons: Sequence[Comparison]
    costs: Sequence[Comparison]
    gains: Sequence[AccuracyGain]
    times: Sequence[TimeVerdict]
    machines: Mapping[str, MachineLimits]

    @property
    def several_runs(self) -> bool:
        """Whether names must include the run, because there are several."""
        return len(self.runs) > 1

    @property
    def several_runs_of_costs(self) -> bool:
        """Whether several of the runs have costs, so that the names of costs must include the run."""
        return len({comparison.run for comparison in self.costs}) > 1

    def threshold(self, comparison: Comparison) -> float:
        """The threshold of a time's ratio in its run, as a fraction."""
        return _threshold(self.runs, comparison)


def _threshold(runs: Sequence[StoredRun], comparison: Comparison) -> float:
    return next(run.threshold(comparison.value) for run in runs if run.name == comparison.run)


def analyse(runs: Sequence[StoredRun]) -> ReportData:
    """Estimate everything in the records of one or several runs.

    Raises:
        RunError: a run has no records.
    """
    frame = pd.concat([run.frame for run in runs], ignore_index=True) if len(runs) > 1 else runs[0].frame
    comparisons = estimate(frame)
    return ReportData(
        runs=runs,
        frame=frame,
        comparisons=comparisons,
        costs=[comparison for comparison in comparisons if comparison.measure not in ("machine", "accuracy")],
        gains=accuracy_gains(comparisons),
        times=time_verdicts(comparisons, partial(_threshold, runs)),
        machines={run.name: limits for run in runs if (limits := machine_limits(run.frame)) is not None},
    )
