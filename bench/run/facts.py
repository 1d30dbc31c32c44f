"""What can be read of a machine that matters to a measurement."""

from dataclasses import dataclass

from bench.run.probe import Rates


@dataclass(frozen=True)
class Failure:
    """Why something could not be measured."""

    reason: str


@dataclass(frozen=True)
class Control:
    """Two identical builds of a network against each other, in one process.

    Args:
        point: median log ratio over the rounds.
        halfwidth: of the median's interval; infinite after too few rounds.
        spread: interquartile range of the log ratio.
        rounds: how many there were.
    """

    point: float
    halfwidth: float
    spread: float
    rounds: int


@dataclass(frozen=True)
class Cores:
    """How many there are, and how many this process may use.

    Args:
        physical: cores.
        logical: processors, several of which may share a core.
        allowed: processors that this process may run on.
        quota: processors' worth of time that its control group grants; infinite without a limit.
    """

    physical: int | None
    logical: int | None
    allowed: int | None
    quota: float | None

    @property
    def usable(self) -> int | None:
        """Whole cores that there are for this process, at least one, as far as can be read."""
        known = [each for each in (self.logical, self.allowed, self.quota) if each is not None]
        return max(1, int(min(known))) if known else None


@dataclass(frozen=True)
class Facts:
    """What was read of a machine. None: cannot be read.

    Args:
        device: "cpu" or "cuda": what was measured on.
        control: two identical builds against each other.
        rates: what the device reaches at best.
        cores: how many.
        threads: that torch uses.
        load: average number of running processes over the last minute.
        busy: share of the processors' time that others used before anything was measured.
        steal: share of the processors' time that the host took while measuring.
        governor: what sets the clock.
        turbo: whether cores may clock above their base frequency.
        throttles: how often a core slowed down for heat while measuring.
        clock_source: the clock that the kernel tells time by.
        virtual: whether this is a virtual machine.
        available_bytes: memory that can be had without swapping.
        swap_bytes: in use.
        paged_bytes: swapped in or out while measuring.
    """

    device: str
    control: Control | Failure
    rates: Rates | Failure
    cores: Cores
    threads: int
    load: float | None
    busy: float | None
    steal: float | None
    governor: str | None
    turbo: bool | None
    throttles: int | None
    clock_source: str | None
    virtual: bool | None
    available_bytes: int
    swap_bytes: int
    paged_bytes: int
