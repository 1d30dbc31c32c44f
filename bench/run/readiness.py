"""Whether the machine is fit to time anything, before a run starts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

from rich.console import Console

from bench.run import system
from bench.run.counters import SystemCounters, read_system_counters

MAX_BUSY = 0.10
"""Allowed share of CPU time for other processes. A desktop at rest uses a few per cent."""
MAX_STEAL = 0.01
"""Allowed share of CPU time that the host of a virtual machine takes (steal time)."""


def warn_if_unfit(console: Console, root: Path = system.ROOT, pause: Callable[[float], None] = sleep) -> None:
    """Observe the machine at rest for a second, and print a warning for everything that will disturb times.

    Args:
        console: for the warnings.
        root: root of /proc and /sys.
        pause: waits for some seconds.
    """
    start = read_system_counters(root)
    pause(1.0)
    for warning in readiness_warnings(read_system_counters(root).since(start)):
        console.print(f"warning: {warning}", highlight=False, markup=False, soft_wrap=True)


def readiness_warnings(increase: SystemCounters) -> Iterator[str]:
    """A sentence with a remedy for everything in which the machine is unfit.

    Args:
        increase: the increase of the counters while this process was idle.
    """
    busy, steal = increase.share(increase.used), increase.share(increase.stolen)
    if busy is not None and busy > MAX_BUSY:
        yield (
            f"other processes use {100 * busy:.0f} % of the CPU time; disturbed rounds will be measured again, which "
            "takes longer (`simam-bench doctor` examines the machine)"
        )
    if steal is not None and steal > MAX_STEAL:
        yield f"the host of this virtual machine takes {100 * steal:.0f} % of the CPU time; measure at another time"
    if increase.throttles:
        yield f"cores were throttled for heat {increase.throttles} times within a second; let the machine cool down"
