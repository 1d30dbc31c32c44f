"""All that a page tells of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.report.content import Table
from bench.report.published import published_table
from bench.report.sources import Run
from bench.report.work import Roofs, roofs
from bench.results.estimates import Comparison, estimate
from bench.results.gains import Gain, gains


@dataclass(frozen=True)
class Seen:
    """What was measured, and what it says.

    Args:
        frame: the runs' records, from :func:`bench.results.frame.load_frame`.
        runs: the same runs.
        every: what the records say.
        costs: that, without the machine and without what modules bring, which have places of their own.
        gains: of every trained variant over its baseline.
        machines: run → what its machine reaches at best, for runs that asked.
        published: published figures beside those of the records; None where there are none to be held to.
    """

    frame: pd.DataFrame
    runs: Sequence[Run]
    every: Sequence[Comparison]
    costs: Sequence[Comparison]
    gains: Sequence[Gain]
    machines: Mapping[str, Roofs]
    published: Table | None

    def threshold(self, each: Comparison) -> float:
        """At which the A/A control of a time is judged, as a fraction."""
        return next(run.threshold(each.value) for run in self.runs if str(run.path) == each.run)


def look(frame: pd.DataFrame, runs: Sequence[Run]) -> Seen:
    """Estimate everything in a frame from :func:`bench.results.frame.load_frame`."""
    every = estimate(frame)
    costs = [each for each in every if each.measure not in ("machine", "accuracy")]
    machines = {str(run): found for run, rows in frame.groupby("run", sort=False) if (found := roofs(rows))}
    return Seen(frame, runs, every, costs, gains(every), machines, published_table(every))
