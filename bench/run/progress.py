"""How far a run is: one bar in a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.run.prices import Prices
from bench.run.worker import Member
from bench.suite.plan import Unit


class Observer(Protocol):
    """What a run tells as it goes along."""

    def __enter__(self) -> "Observer": ...
    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def start(self, unit: Unit, member: Member, reached: str = "") -> None: ...
    def done(self, unit: Unit) -> None: ...


def observer(units: Sequence[Unit], prices: Prices, console: Console) -> Observer:
    """The observer of a run over these units that suits the console."""
    return Bar(units, prices, console) if console.is_terminal else Lines(units, prices, console)


class Bar:
    """A bar whose length is expected time, with the current cell and the time left."""

    def __init__(self, units: Sequence[Unit], prices: Prices, console: Console) -> None:
        self._prices = prices
        columns = (
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        # Seldom refreshed: the parent must not wake up beside what it has measured.
        self._progress = Progress(*columns, console=console, refresh_per_second=1, transient=True)
        self._task = self._progress.add_task("starting", total=sum(map(prices, units)))

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def start(self, unit: Unit, member: Member, reached: str = "") -> None:
        what = f"{_what(unit, member.cell.id)}{f', {reached}' if reached else ''}"
        self._progress.update(self._task, description=escape(what))

    def done(self, unit: Unit) -> None:
        self._progress.advance(self._task, self._prices(unit))


class Lines:
    """One line a unit of work."""

    def __init__(self, units: Sequence[Unit], prices: Prices, console: Console) -> None:
        self._console = console
        self._prices = prices
        self._left = sum(map(prices, units))
        self._total = len(units)
        self._begun: set[Unit] = set()

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def start(self, unit: Unit, member: Member, reached: str = "") -> None:
        if unit not in self._begun:
            self._begun.add(unit)
            line = f"[{len(self._begun)}/{self._total}] {_what(unit, unit.group.id)} (about {self._left:.0f} s left)"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def done(self, unit: Unit) -> None:
        self._left -= self._prices(unit)


def _what(unit: Unit, cell: str) -> str:
    return f"{unit.group.measure.name} {cell} repeat {unit.repeat + 1} of {len(unit.group.seeds)}"
