"""Progress of a run: a bar in a terminal, lines elsewhere."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.run.time_estimates import TimeEstimates
from bench.suite.plan import Member, Unit


class ProgressDisplay(Protocol):
    """Shows the progress of a run; a context manager."""

    def __enter__(self) -> "ProgressDisplay": ...
    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def start(self, unit: Unit, member: Member, progress: str = "") -> None:
        """A member is about to run, or has made progress."""
        ...

    def done(self, unit: Unit) -> None:
        """A unit is finished."""
        ...


def progress_display(units: Sequence[Unit], estimates: TimeEstimates, console: Console) -> ProgressDisplay:
    """Return a bar for a terminal and lines for other outputs."""
    return ProgressBar(units, estimates, console) if console.is_terminal else ProgressLines(units, estimates, console)


class ProgressBar:
    """A bar over the estimated time, with the current cell and the time left."""

    def __init__(self, units: Sequence[Unit], estimates: TimeEstimates, console: Console) -> None:
        self._estimates = estimates
        columns = (
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        # One refresh per second, because each takes CPU time during the measurement.
        self._progress = Progress(*columns, console=console, refresh_per_second=1, transient=True)
        self._task = self._progress.add_task("starting", total=sum(map(estimates, units)))

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def start(self, unit: Unit, member: Member, progress: str = "") -> None:
        description = f"{_description(unit, member.cell.id)}{f', {progress}' if progress else ''}"
        self._progress.update(self._task, description=escape(description))

    def done(self, unit: Unit) -> None:
        self._progress.advance(self._task, self._estimates(unit))


class ProgressLines:
    """One line for each unit of work."""

    def __init__(self, units: Sequence[Unit], estimates: TimeEstimates, console: Console) -> None:
        self._console = console
        self._estimates = estimates
        self._seconds_left = sum(map(estimates, units))
        self._total = len(units)
        self._started: set[Unit] = set()

    def __enter__(self) -> "ProgressLines":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def start(self, unit: Unit, member: Member, progress: str = "") -> None:
        if unit not in self._started:
            self._started.add(unit)
            number = f"[{len(self._started)}/{self._total}]"
            line = f"{number} {_description(unit, unit.group.id)} (about {self._seconds_left:.0f} s left)"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def done(self, unit: Unit) -> None:
        self._seconds_left -= self._estimates(unit)


def _description(unit: Unit, cell: str) -> str:
    replicate = "process" if unit.seed is None else "seed"
    return f"{unit.group.measure.name} {cell} {replicate} {unit.repeat + 1} of {len(unit.group.seeds)}"
