"""What the doctor looks at: the system's files, its counters, and what workers measure."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray

from bench.results.statistics import log_ratios, median_halfwidth
from bench.run import system
from bench.run.environment import read_environment
from bench.run.executor import Executor
from bench.run.facts import Control, Cores, Facts, Failure
from bench.run.probe import NoAnswer, ask, ask_rates
from bench.run.worker import Job, Member
from bench.suite.axes import Cell, Choice
from bench.suite.measures import MeasureSpec

CONTROL_SECONDS = 10.0
"""Measured: what a repeat of a group gets by default."""

_BATCHES = {"cpu": 1, "cuda": 256}
"""Enough work a call that the device is timed, and not Python."""
_REPEATS = 5
"""The fewest that the measure takes."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Counters:
    """What the system counts up since it started; None: cannot be read.

    Args:
        used: seconds, of all processors together.
        idle: seconds.
        stolen: seconds that the host of a virtual machine gave to others.
        throttles: how often a core slowed down for heat.
        paged: bytes swapped in and out.
    """

    used: float
    idle: float
    stolen: float | None
    throttles: int | None
    paged: int

    def since(self, earlier: "Counters") -> "Counters":
        """What was counted between two moments."""
        return Counters(
            self.used - earlier.used,
            self.idle - earlier.idle,
            None if self.stolen is None or earlier.stolen is None else self.stolen - earlier.stolen,
            None if self.throttles is None or earlier.throttles is None else self.throttles - earlier.throttles,
            self.paged - earlier.paged,
        )

    def share(self, part: float | None) -> float | None:
        """A part of all seconds; None where it is not counted, as in sandboxes that count nothing."""
        seconds = self.used + self.idle + (self.stolen or 0.0)
        return None if part is None or seconds == 0 else part / seconds


def read_facts(
    device: str,
    execute: Executor,
    tell: Callable[[str], None],
    root: Path = system.ROOT,
    pause: Callable[[float], None] = sleep,
) -> Facts:
    """Read and measure all that is judged; takes about half a minute.

    Args:
        device: "cpu", "cuda", or "auto" for a GPU if there is one.
        execute: runs the workers that measure.
        tell: told what is about to be done.
        root: where /proc and /sys are.
        pause: waits for some seconds.

    Raises:
        InputError: torch cannot be used, or a GPU is wanted and there is none.
    """
    tell("watching what others do here")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    start = read_counters(root)
    pause(1.0)
    rest = read_counters(root).since(start)

    environment = read_environment(device, execute)
    chosen = environment.facts["device"]
    tell("measuring how fast memory and arithmetic are (about 5 s)")
    rates = _or_failure(lambda: ask_rates(chosen, execute))

    tell(f"measuring two identical builds of a network against each other (about {CONTROL_SECONDS:.0f} s)")
    start = read_counters(root)
    control = _or_failure(lambda: ask_control(chosen, execute, CONTROL_SECONDS))
    work = read_counters(root).since(start)

    return Facts(
        device=chosen,
        control=control,
        rates=rates,
        cores=_cores(root),
        threads=environment.facts["threads"],
        load=load,
        busy=rest.share(rest.used),
        steal=work.share(work.stolen),
        governor=system.governor(root),
        turbo=system.turbo(root),
        throttles=work.throttles,
        clock_source=system.clock_source(root),
        virtual=system.virtual(root),
        available_bytes=psutil.virtual_memory().available,
        swap_bytes=psutil.swap_memory().used,
        paged_bytes=work.paged,
    )


def read_counters(root: Path) -> Counters:
    """The system's counters, now."""
    times, swap = psutil.cpu_times(), psutil.swap_memory()
    used = sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "interrupt", "dpc"))
    idle = times.idle + getattr(times, "iowait", 0.0)
    return Counters(used, idle, getattr(times, "steal", None), system.throttles(root), swap.sin + swap.sout)


def ask_control(device: str, execute: Executor, seconds: float) -> Control:
    """Time a small network against a second build of itself, the way a run times one repeat of a group.

    Args:
        device: "cpu" or "cuda".
        execute: runs the worker.
        seconds: measured.

    Raises:
        NoAnswer: it could not be measured.
    """
    # No noise is below this target, so all of the time is used; the budget is that of all repeats.
    options = (("target", 1e-9), ("budget", seconds * _REPEATS), ("repeats", _REPEATS))
    network = Cell(Choice("cifar_resnet20"), mode="inference", execution="eager", batch=_BATCHES[device], resolution=32)
    members = Member(0, "baseline", network), Member(1, "twin", network)
    answers = ask(Job(MeasureSpec("latency", options), members, 0, None, device, fresh=True), execute)
    baseline, twin = (answer["values"][0]["samples"] for answer in answers)
    return summarise(log_ratios(twin, baseline))


def summarise(ratios: NDArray[np.float64]) -> Control:
    """A control's log ratios, one a round, in four figures."""
    first, middle, third = np.quantile(ratios, [0.25, 0.5, 0.75])
    return Control(float(middle), median_halfwidth(ratios), float(third - first), len(ratios))


def _cores(root: Path) -> Cores:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return Cores(psutil.cpu_count(logical=False), psutil.cpu_count(), allowed, system.cpu_quota(root))


def _or_failure(question: Callable[[], _Answer]) -> _Answer | Failure:
    try:
        return question()
    except NoAnswer as error:
        return Failure(str(error))
