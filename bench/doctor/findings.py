"""Evaluation of the facts about a machine: which of them disturb a measurement, and the remedies."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from bench.doctor.facts import ControlNoise, CoreCounts, Facts, ProbeFailure
from bench.measure.latency import Latency
from bench.measure.timing.nvml import Reading
from bench.results.statistics import LEVEL
from bench.run.queries import PeakRates
from bench.run.readiness import MAX_BUSY, MAX_STEAL

THRESHOLD = 0.01
"""Allowed difference between two identical builds, as a fraction: the threshold of a report."""
MIN_AVAILABLE_BYTES = 2**30
"""Memory below which a training step may have to swap."""
MAX_PAGED_BYTES = 16 * 2**20
"""Allowed swapping during the measurements; a background service may swap in a few pages at any time."""
STEADY_GOVERNORS = {"performance", "userspace"}
"""Governors that keep the clock rate steady and high; others follow the load or keep it low."""
COARSE_CLOCKS = {"jiffies", "refined-jiffies"}
"""Clock sources with ticks of 1 to 10 ms. All others are exact to 0.1 % of a block of 20 ms."""
HARMFUL_THROTTLE_REASONS = {"hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown"}
"""Throttle reasons of NVML that disturb a measurement; idling and a power cap do not."""
UNREADABLE = "cannot be read"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Args:
        name: what was checked.
        observed: the observed facts, as text.
        ok: whether measurements can be trusted in this respect; None if the facts cannot be read.
        remedy: what to do if ``ok`` is False.
    """

    name: str
    observed: str
    ok: bool | None
    remedy: str | None = None


def diagnose(facts: Facts) -> list[Finding]:
    """Check all facts, the most important ones first."""
    return [
        noise_finding(facts.control),
        load_finding(facts.busy, facts.load),
        cores_finding(facts.cores),
        threads_finding(facts.threads, facts.cores),
        governor_finding(facts.governor),
        turbo_finding(facts.turbo),
        heat_finding(facts.throttles),
        clock_source_finding(facts.clock_source),
        virtual_machine_finding(facts.virtual),
        steal_finding(facts.steal),
        memory_finding(facts.available_bytes, facts.swap_bytes, facts.paged_bytes),
        *rate_findings(facts.rates, facts.device),
    ]


def noise_finding(control: ControlNoise | ProbeFailure) -> Finding:
    """Check the noise: not ok if the interval is wider than the threshold, or wholly beyond it.

    A report uses six processes. Their memory layouts differ, so the ratio of a single process is often off by
    half a per cent, and sometimes by more than one per cent, even on an idle machine.
    """
    if isinstance(control, ProbeFailure):
        return _failed_finding("noise", control)
    limit = math.log1p(THRESHOLD)
    ok = control.halfwidth <= limit and abs(control.point) - control.halfwidth <= limit
    spread = f"interquartile range over {control.rounds} rounds: {100 * math.expm1(control.spread):.1f} %"
    remedy = "End other processes and try again, or give runs more time, as in `--set measures.latency.budget=240s`."
    return _finding("noise", f"{_difference(control)}; {spread}", ok, remedy)


def _difference(control: ControlNoise) -> str:
    if math.isinf(control.halfwidth):
        return f"{control.rounds} rounds are too few for an interval on the difference of two identical builds"
    low, high = (control.point + sign * control.halfwidth for sign in (-1, 1))
    difference = f"{_percent(control.point)} % [{_percent(low)}, {_percent(high)}]"
    return (
        f"two identical builds differ by {difference}; "
        f"smallest slowdown that a run detects: {_detectable_percent(control):.1f} % at best"
    )


def _detectable_percent(control: ControlNoise) -> float:
    """The slowdown that 95 % of runs detect if all processes are like this one: threshold + 4 standard errors.

    It is a lower bound, because times also differ between processes.
    """
    error = control.halfwidth / NormalDist().inv_cdf((1 + LEVEL) / 2) / math.sqrt(Latency.repeats)
    return 100 * math.expm1(math.log1p(THRESHOLD) + 4 * error)


def load_finding(busy: float | None, average: float | None) -> Finding:
    """Check the current CPU use; the load average is shown only, because it includes processes that have ended."""
    used = UNREADABLE if busy is None else f"{100 * busy:.0f} %"
    observed = f"CPU time used by other processes: {used}; load average: {_or_unreadable(average, '.2f')}"
    ok = None if busy is None else busy <= MAX_BUSY
    return _finding("load", observed, ok, "End other processes; `top` lists them.")


def cores_finding(cores: CoreCounts) -> Finding:
    """Check the CPU quota: not ok with less than one core; the numbers of cores are for information."""
    counts = f"{_or_unreadable(cores.physical)} physical, {_or_unreadable(cores.logical)} logical"
    quota = "none" if cores.quota == math.inf else _or_unreadable(cores.quota, "g")
    observed = f"{counts}, {_or_unreadable(cores.allowed)} allowed to this process; quota {quota}"
    ok = None if cores.usable is None else cores.quota is None or cores.quota >= 1
    return _finding("cores", observed, ok, "Grant this process a core or more, as in `docker run --cpus=2`.")


def threads_finding(threads: int, cores: CoreCounts) -> Finding:
    """Check the number of threads: not ok with more threads than cores, because they wait for one another."""
    usable = cores.usable
    observed = f"torch uses {threads} on {_or_unreadable(usable)} usable cores"
    ok = None if usable is None else threads <= usable
    return _finding("threads", observed, ok, f"`export OMP_NUM_THREADS={usable}`")


def governor_finding(governor: str | None) -> Finding:
    ok = None if governor is None else governor in STEADY_GOVERNORS
    return _finding("governor", _or_unreadable(governor), ok, "`sudo cpupower frequency-set -g performance`")


def turbo_finding(turbo: bool | None) -> Finding:
    """Report turbo; always ok, because rounds in random order cancel the effect of a varying clock rate."""
    return _finding("turbo", _yes_or_no(turbo, "on", "off"), None if turbo is None else True)


def heat_finding(throttles: int | None) -> Finding:
    observed = UNREADABLE if throttles is None else f"cores were throttled {throttles} times during the measurements"
    remedy = "Cool the machine, or lower its clock rate, as in `sudo cpupower frequency-set --max 2GHz`."
    return _finding("heat", observed, None if throttles is None else throttles == 0, remedy)


def clock_source_finding(source: str | None) -> Finding:
    remedy = (
        "Boot with `clocksource=tsc`, or another of /sys/devices/system/clocksource/clocksource0/available_clocksource."
    )
    ok = None if source is None else source not in COARSE_CLOCKS
    return _finding("clock source", _or_unreadable(source), ok, remedy)


def virtual_machine_finding(virtual: bool | None) -> Finding:
    """Report whether this is a virtual machine; always ok, because steal time is checked separately."""
    return _finding("virtual machine", _yes_or_no(virtual, "yes", "no"), None if virtual is None else True)


def steal_finding(share: float | None) -> Finding:
    observed = UNREADABLE if share is None else f"the host took {100 * share:.1f} % of CPU time during the measurements"
    remedy = "Measure at another time, or on a machine that is not shared."
    return _finding("steal time", observed, None if share is None else share <= MAX_STEAL, remedy)


def memory_finding(available: int, swap: int, paged: int) -> Finding:
    """Check available memory and swapping; swap in use is harmless while nothing is swapped in or out."""
    in_use, moved = _gigabytes(swap), _gigabytes(paged)
    observed = f"{_gigabytes(available)} available; swap: {in_use} in use, {moved} swapped during the measurements"
    ok = available >= MIN_AVAILABLE_BYTES and paged <= MAX_PAGED_BYTES
    return _finding("memory", observed, ok, "End processes that use much memory; `top -o %MEM` lists them.")


def rate_findings(rates: PeakRates | ProbeFailure, device: str) -> list[Finding]:
    """The rates of the roofline model, which are for information, and on CUDA the GPU's clock rate."""
    if isinstance(rates, ProbeFailure):
        return [_failed_finding("rates", rates)]
    best = f"best of {rates.rounds}"
    bandwidth = f"{rates.copy_bandwidth / 1e9:.1f} GB/s, read plus written, beyond the caches, {best}"
    rate = f"{rates.matmul_rate / 1e9:.1f} GFLOP/s in fp32, a multiply-add counted as 2, {best}"
    findings = [Finding("copy bandwidth", bandwidth, True), Finding("matmul rate", rate, True)]
    return [*findings, gpu_clock_finding(rates.gpu_clock)] if device == "cuda" else findings


def gpu_clock_finding(reading: Reading | None) -> Finding:
    if reading is None or reading.sm_hz is None or reading.throttle_reasons is None:
        cause = f": {reading.reason}" if reading else ""
        return Finding("GPU clock", f"{UNREADABLE}{cause}", None)
    harmful = [name for name in reading.throttle_reasons if name in HARMFUL_THROTTLE_REASONS]
    observed = f"{reading.sm_hz / 1e6:.0f} MHz under load, throttled by {', '.join(harmful) or 'nothing'}"
    remedy = "Cool the GPU, or lower its clock rate, as in `sudo nvidia-smi --lock-gpu-clocks=1200`."
    return _finding("GPU clock", observed, not harmful, remedy)


def _finding(name: str, observed: str, ok: bool | None, remedy: str | None = None) -> Finding:
    """A finding, with its remedy only if it is not ok."""
    return Finding(name, observed, ok, remedy if ok is False else None)


def _failed_finding(name: str, failure: ProbeFailure) -> Finding:
    remedy = "Remove the cause of the failure; `--device cpu` checks the CPU only."
    return Finding(name, f"could not be measured: {failure.reason}", False, remedy)


def _or_unreadable(value: float | str | None, form: str = "") -> str:
    return UNREADABLE if value is None else format(value, form)


def _yes_or_no(value: bool | None, yes: str, no: str) -> str:
    return UNREADABLE if value is None else yes if value else no


def _percent(log_ratio: float) -> str:
    return f"{100 * math.expm1(log_ratio):+.1f}".replace("-", "−")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
