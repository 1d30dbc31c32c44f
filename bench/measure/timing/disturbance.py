"""What else the machine did during a sample, and whether that disturbed the sample.

The decision never looks at the sample's duration, so it cannot prefer one outcome of a comparison over another.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

ROOT = Path("/")
"""Root of /proc; tests pass a folder of their own."""
MAX_SWITCHES, MAX_SWITCH_RATE = 4, 80.0
"""Allowed involuntary context switches: a number for each sample, and a number per second. A machine at rest with two
busy threads has 15 to 60 per second, from the kernel's own threads; a competitor on one of two cores causes 240."""
MAX_PRESSURE = 0.05
"""Allowed share of a sample in which a task waits for a CPU. At rest it is below 0.02, with a competitor above 0.5."""
MAX_STEAL_SECONDS, MAX_STEAL = 0.010, 0.05
"""Allowed CPU time for the host of a virtual machine: one tick of the kernel's counter, and a share of the sample."""


@dataclass(frozen=True)
class CpuCounters:
    """Counters that only increase; None for what cannot be read. The fields are those of :class:`Activity`."""

    switches: int | None
    cpu: float | None
    pressure: float | None
    steal: float | None


@dataclass(frozen=True)
class Activity:
    """Use of the CPUs during one sample; None for what cannot be read.

    Args:
        switches: involuntary context switches of this process, all threads.
        cpu: CPU seconds of this process, all threads.
        pressure: seconds in which at least one task of the machine waited for a CPU (Linux pressure stall information).
        steal: CPU seconds that the host of a virtual machine gave to others.
    """

    switches: int | None
    cpu: float | None
    pressure: float | None
    steal: float | None

    def disturbs(self, seconds: float) -> bool:
        """Whether a sample of this duration was disturbed; False if nothing can be read."""
        return (
            (self.switches or 0) > MAX_SWITCHES + MAX_SWITCH_RATE * seconds
            or (self.pressure or 0.0) > MAX_PRESSURE * seconds
            or (self.steal or 0.0) > MAX_STEAL_SECONDS + MAX_STEAL * seconds
        )


def read_cpu_counters(root: Path = ROOT) -> CpuCounters:
    """Read the counters of this process and of the machine, in about 50 µs."""
    switches, cpu = _process_counters()
    return CpuCounters(switches, cpu, _pressure(root), _steal(root))


def activity_between(before: CpuCounters, after: CpuCounters) -> Activity:
    """Return the increase of each counter."""
    return Activity(
        _increase(before.switches, after.switches),
        _increase(before.cpu, after.cpu),
        _increase(before.pressure, after.pressure),
        _increase(before.steal, after.steal),
    )


SETTLING_SECONDS, OBSERVED_SECONDS = 0.05, 0.1
"""Seconds until idle threads of OpenMP stop spinning, and seconds of observation after that."""


def background_share(pause: Callable[[float], None] = sleep, root: Path = ROOT) -> float | None:
    """CPU time of this process while it waits, as a share of the time; None if it cannot be read.

    It is about 0 unless a module has left a thread that computes.
    """
    pause(SETTLING_SECONDS)
    before = read_cpu_counters(root)
    pause(OBSERVED_SECONDS)
    used = activity_between(before, read_cpu_counters(root)).cpu
    return None if used is None else round(used / OBSERVED_SECONDS, 3)


ReadCounters = Callable[[], CpuCounters]
"""Type of a function that reads the counters."""


def _process_counters() -> tuple[int | None, float | None]:
    """Involuntary context switches and CPU seconds of this process; None on Windows, which has no rusage."""
    try:
        import resource
    except ImportError:
        return None, None
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nivcsw, usage.ru_utime + usage.ru_stime


def _pressure(root: Path) -> float | None:
    """Seconds since boot in which a task waited for a CPU.

    Source: the kernel's Documentation/accounting/psi.rst; the first line is "some avg10=… total=MICROSECONDS".
    """
    line = _first_line(root / "proc/pressure/cpu")
    return None if line is None else int(line.rsplit("total=", 1)[1]) / 1e6


def _steal(root: Path) -> float | None:
    """Stolen CPU seconds since boot: the eighth number of the first line of /proc/stat (man 5 proc)."""
    line = _first_line(root / "proc/stat")
    return None if line is None else int(line.split()[8]) / os.sysconf("SC_CLK_TCK")


def _first_line(path: Path) -> str | None:
    try:
        with path.open(encoding="ascii") as file:
            return file.readline() or None
    except OSError:
        return None


def _increase(before: Any, after: Any) -> Any:
    return None if before is None or after is None else after - before
