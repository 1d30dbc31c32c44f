"""Facts about a machine that matter to a measurement."""

from dataclasses import dataclass

from bench.run.queries import PeakRates


@dataclass(frozen=True)
class ProbeFailure:
    """A measurement of the machine that failed.

    Args:
        reason: the cause.
    """

    reason: str


@dataclass(frozen=True)
class ControlNoise:
    """Log ratio of a network's times to those of its A/A control, in one process.

    Args:
        point: median over the rounds.
        halfwidth: half-width of the median's interval; infinite after too few rounds.
        spread: interquartile range over the rounds.
        rounds: number of rounds.
    """

    point: float
    halfwidth: float
    spread: float
    rounds: int


@dataclass(frozen=True)
class CoreCounts:
    """The cores of the machine, and those that this process may use.

    Args:
        physical: number of cores.
        logical: number of logical processors, several of which may share a core.
        allowed: number of logical processors that this process may run on.
        quota: number of cores whose time the control group grants; infinite without a limit.
    """

    physical: int | None
    logical: int | None
    allowed: int | None
    quota: float | None

    @property
    def usable(self) -> int | None:
        """Whole cores that this process may use, at least one; None if nothing can be read."""
        known = [count for count in (self.logical, self.allowed, self.quota) if count is not None]
        return max(1, int(min(known))) if known else None


@dataclass(frozen=True)
class Facts:
    """The facts about a machine; None for what cannot be read.

    Args:
        device: the device that was measured on, "cpu" or "cuda".
        control: noise of two identical builds against each other.
        rates: peak rates of the device.
        cores: numbers of cores.
        threads: number of torch's threads.
        load: average number of running processes over the last minute.
        busy: share of CPU time that other processes used before the measurements.
        steal: share of CPU time that the host of a virtual machine took during the measurements.
        governor: the frequency governor.
        turbo: whether cores may run above their base frequency.
        throttles: how often cores were throttled for heat during the measurements.
        clock_source: the kernel's clock source.
        virtual: whether this is a virtual machine.
        available_bytes: memory available without swapping.
        swap_bytes: swap in use.
        paged_bytes: bytes swapped in or out during the measurements.
    """

    device: str
    control: ControlNoise | ProbeFailure
    rates: PeakRates | ProbeFailure
    cores: CoreCounts
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
