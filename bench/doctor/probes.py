"""Facts about a machine, from its files, its counters and short measurements in workers."""

import os
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray

from bench.doctor.facts import ControlNoise, CoreCounts, Facts, ProbeFailure
from bench.results.statistics import log_ratios, median_halfwidth
from bench.run import system
from bench.run.counters import read_system_counters
from bench.run.environment import read_environment
from bench.run.executors import Executor
from bench.run.queries import QueryError, query_peak_rates, run_query
from bench.run.worker import Job
from bench.suite.axes import Cell, Choice
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Member

CONTROL_SECONDS = 10.0
"""Measured seconds of the A/A control: the default of one process of a group."""

_BATCHES = {"cpu": 1, "cuda": 256}
"""Images in one call: enough work that the time of the device dominates that of Python."""
_REPEATS = 5
"""Smallest number that the measure accepts."""

_Answer = TypeVar("_Answer")


def read_facts(
    device: str,
    execute: Executor,
    report_progress: Callable[[str], None],
    root: Path = system.ROOT,
    pause: Callable[[float], None] = sleep,
) -> Facts:
    """Read and measure all facts, which takes about half a minute.

    Args:
        device: "cpu", "cuda", or "auto" for a GPU if there is one.
        execute: runs the workers that measure.
        report_progress: receives a line of text before each step.
        root: root of /proc and /sys.
        pause: waits for some seconds.

    Raises:
        InputError: torch cannot be used, or a GPU is requested and there is none.
    """
    report_progress("reading the load of other processes")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    start = read_system_counters(root)
    pause(1.0)
    at_rest = read_system_counters(root).since(start)

    environment = read_environment(device, execute)
    chosen = environment.facts["device"]
    report_progress("measuring copy bandwidth and matmul rate (about 5 s)")
    rates = _or_failure(lambda: query_peak_rates(chosen, execute))

    report_progress(f"measuring two identical builds of a network against each other (about {CONTROL_SECONDS:.0f} s)")
    start = read_system_counters(root)
    control = _or_failure(lambda: measure_control(chosen, execute, CONTROL_SECONDS))
    under_load = read_system_counters(root).since(start)

    return Facts(
        device=chosen,
        control=control,
        rates=rates,
        cores=_core_counts(root),
        threads=environment.facts["threads"],
        load=load,
        busy=at_rest.share(at_rest.used),
        steal=under_load.share(under_load.stolen),
        governor=system.governor(root),
        turbo=system.turbo(root),
        throttles=under_load.throttles,
        clock_source=system.clock_source(root),
        virtual=system.virtual(root),
        available_bytes=psutil.virtual_memory().available,
        swap_bytes=psutil.swap_memory().used,
        paged_bytes=under_load.paged,
    )


def measure_control(device: str, execute: Executor, seconds: float) -> ControlNoise:
    """Time a small network against its A/A control, as a run does in one process of a group.

    Args:
        device: "cpu" or "cuda".
        execute: runs the worker.
        seconds: measured seconds.

    Raises:
        QueryError: the measurement failed.
    """
    # The target cannot be reached, so all seconds are used. The budget is for all processes of a run.
    options = (("target", 1e-9), ("budget", seconds * _REPEATS), ("repeats", _REPEATS))
    network = Cell(Choice("cifar_resnet20"), mode="inference", execution="eager", batch=_BATCHES[device], resolution=32)
    members = Member(0, "baseline", network), Member(1, "control", network)
    answers = run_query(Job(MeasureSpec("latency", options), members, 0, None, device, fresh=True), execute)
    baseline, control = (np.array(answer.values[0].samples, dtype=float) for answer in answers)
    return control_noise(log_ratios(control, baseline))


def control_noise(ratios: NDArray[np.float64]) -> ControlNoise:
    """Summarise the log ratios of a control, one per round."""
    first, middle, third = np.quantile(ratios, [0.25, 0.5, 0.75])
    return ControlNoise(float(middle), median_halfwidth(ratios), float(third - first), len(ratios))


def _core_counts(root: Path) -> CoreCounts:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return CoreCounts(psutil.cpu_count(logical=False), psutil.cpu_count(), allowed, system.cpu_quota(root))


def _or_failure(query: Callable[[], _Answer]) -> _Answer | ProbeFailure:
    try:
        return query()
    except QueryError as error:
        return ProbeFailure(str(error))
