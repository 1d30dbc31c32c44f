"""Counters of the whole system: CPU time, stolen time, throttling and swapping."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.run import system


@dataclass(frozen=True)
class SystemCounters:
    """Counters of the system since it started; None for what cannot be read.

    Args:
        used: CPU seconds in use, all logical processors together.
        idle: CPU seconds idle.
        stolen: CPU seconds that the host of a virtual machine gave to others.
        throttles: how often cores were throttled for heat.
        paged: bytes swapped in and out.
    """

    used: float
    idle: float
    stolen: float | None
    throttles: int | None
    paged: int

    def since(self, earlier: "SystemCounters") -> "SystemCounters":
        """The increase since an earlier reading."""
        return SystemCounters(
            self.used - earlier.used,
            self.idle - earlier.idle,
            None if self.stolen is None or earlier.stolen is None else self.stolen - earlier.stolen,
            None if self.throttles is None or earlier.throttles is None else self.throttles - earlier.throttles,
            self.paged - earlier.paged,
        )

    def share(self, part: float | None) -> float | None:
        """A part as a share of all seconds; None if it is not counted, or nothing is, as in some sandboxes."""
        seconds = self.used + self.idle + (self.stolen or 0.0)
        return None if part is None or seconds == 0 else part / seconds


def read_system_counters(root: Path) -> SystemCounters:
    """The system's counters, now."""
    times, swap = psutil.cpu_times(), psutil.swap_memory()
    used = sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "interrupt", "dpc"))
    idle = times.idle + getattr(times, "iowait", 0.0)
    stolen = getattr(times, "steal", None)
    return SystemCounters(used, idle, stolen, system.throttle_count(root), swap.sin + swap.sout)
