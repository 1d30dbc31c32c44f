"""Progress of a run: a bar in a terminal, lines elsewhere."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from bench.run.time_estimates import TimeEstimates
from bench.suite.plan import Member, Unit


class ProgressDisplay(Protocol):
    """Shows the progress of a run; a context manager."""

    def __enter__(self) -> "ProgressDisplay": ...
    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def start(self, unit: Unit, member: Member, progress: str = "") -> None:
        """Show that a member is about to run, or has made progress."""
        ...

    def done(self, unit: Unit) -> None:
        """A unit is finished."""
        ...


def progress_display(units: Sequence[Unit], estimates: TimeEstimates, console: Console) -> ProgressDisplay:
    """Return a bar for a terminal and lines for other outputs."""
    return ProgressBar(units, estimates, console) if console.is_terminal else ProgressLines(units, estimates, console)


@dataclass
class MeasureTime:
    """Estimated and elapsed seconds of the units of one measure.

    Args:
        total: estimate of all units.
        finished: estimate of the finished units.
        elapsed: seconds that these took.
        begun: estimate of the finished part of the unit that runs.
        elapsed_of_begun: seconds that this part took.
    """

    total: float = 0.0
    finished: float = 0.0
    elapsed: float = 0.0
    begun: float = 0.0
    elapsed_of_begun: float = 0.0

    @property
    def left(self) -> float:
        """Seconds that the rest takes at the pace so far, or as estimated if nothing is finished."""
        estimated = self.finished + self.begun
        elapsed = self.elapsed + self.elapsed_of_begun
        pace = min(max(elapsed / estimated, 1 / MOST_PACE), MOST_PACE) if estimated else 1.0
        return pace * (self.total - estimated)


class TimeLeft:
    """Remaining time of a run: the estimates of the unfinished units, scaled by the pace of finished ones.

    The pace of each measure is its own, because counting and timing take longer than estimated for different reasons.

    Args:
        units: all units.
        estimates: their estimated seconds.
        clock: returns the time in seconds.
    """

    def __init__(self, units: Sequence[Unit], estimates: TimeEstimates, clock: Callable[[], float] = monotonic) -> None:
        self._estimates = estimates
        self._clock = clock
        self._measures: dict[str, MeasureTime] = {}
        for unit in units:
            self._measure_of(unit).total += estimates(unit)
        self._last_report = self._last_end = clock()

    def reached(self, unit: Unit, fraction: float) -> None:
        """Record that a fraction of a unit is finished."""
        measure, self._last_report = self._measure_of(unit), self._clock()
        measure.begun = fraction * self._estimates(unit)
        measure.elapsed_of_begun = self._last_report - self._last_end

    def done(self, unit: Unit) -> None:
        """Record that a unit is finished."""
        measure, self._last_report = self._measure_of(unit), self._clock()
        measure.finished += self._estimates(unit)
        measure.elapsed += self._last_report - self._last_end
        measure.begun = measure.elapsed_of_begun = 0.0
        self._last_end = self._last_report

    def _measure_of(self, unit: Unit) -> "MeasureTime":
        return self._measures.setdefault(unit.group.measure.name, MeasureTime())

    def __str__(self) -> str:
        """The time left, rounded: "about 40 s left", "about 12 min left", "about 3.4 h left"."""
        since = self._clock() - self._last_report
        seconds = max(sum(measure.left for measure in self._measures.values()) - since, 0.0)
        if seconds < 120:
            return f"about {seconds:.0f} s left"
        return f"about {seconds / 60:.0f} min left" if seconds < 7200 else f"about {seconds / 3600:.1f} h left"


MOST_PACE = 20.0
"""Limit on the assumed pace of the rest of a run, as a factor of the estimate in both directions."""


class ProgressBar:
    """A bar over the estimated time, with the time left and the current cell."""

    def __init__(self, units: Sequence[Unit], estimates: TimeEstimates, console: Console) -> None:
        self._estimates = estimates
        self._time_left = TimeLeft(units, estimates)
        columns = (
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[time_left]}"),
            TextColumn("{task.description}"),
        )
        # One refresh per second, because each takes CPU time during the measurement.
        self._progress = Progress(*columns, console=console, refresh_per_second=1, transient=True)
        total = sum(map(estimates, units))
        # Rich formats the field at every refresh, so the time left counts down within a unit.
        self._task = self._progress.add_task("starting", total=total, time_left=self._time_left)

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def start(self, unit: Unit, member: Member, progress: str = "") -> None:
        if (fraction := fraction_done(unit, member, progress)) is not None:
            self._time_left.reached(unit, fraction)
        description = f"{_description(unit, member.cell.id)}{f', {progress}' if progress else ''}"
        self._progress.update(self._task, description=escape(description))

    def done(self, unit: Unit) -> None:
        self._time_left.done(unit)
        self._progress.advance(self._task, self._estimates(unit))


class ProgressLines:
    """One line for each unit of work, and for each epoch of a training."""

    def __init__(
        self,
        units: Sequence[Unit],
        estimates: TimeEstimates,
        console: Console,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._console = console
        self._time_left = TimeLeft(units, estimates, clock)
        self._total = len(units)
        self._started: set[Unit] = set()
        self._epoch = ""

    def __enter__(self) -> "ProgressLines":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def start(self, unit: Unit, member: Member, progress: str = "") -> None:
        if unit not in self._started:
            self._started.add(unit)
            number = f"[{len(self._started)}/{self._total}]"
            self._print(f"{number} {_description(unit, unit.group.id)} ({self._time_left})")
        if (fraction := fraction_done(unit, member, progress)) is not None:
            self._time_left.reached(unit, fraction)
            # The text before the first comma is the epoch; the rest changes within an epoch.
            epoch = f"{member.cell.id}: {progress.partition(',')[0]}"
            if epoch != self._epoch:
                self._epoch = epoch
                self._print(f"  {member.cell.id}: {progress} ({self._time_left})")

    def done(self, unit: Unit) -> None:
        self._time_left.done(unit)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def fraction_done(unit: Unit, member: Member, progress: str) -> float | None:
    """The finished fraction of a unit whose members are trained one after another; None outside a training."""
    match = re.match(r"epoch (\d+) of (\d+)", progress)
    if match is None:
        return None
    epoch, epochs = map(int, match.groups())
    return (member.index + (epoch - 1) / epochs) / len(unit.group.members)


def _description(unit: Unit, cell: str) -> str:
    replicate = "process" if unit.seed is None else "seed"
    return f"{unit.group.measure.name} {cell} {replicate} {unit.repeat + 1} of {len(unit.group.seeds)}"
