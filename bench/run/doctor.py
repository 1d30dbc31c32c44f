"""Is this machine fit to measure on: what each fact about it means, and what to do about it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from bench.measure.latency import Latency
from bench.results.statistics import LEVEL
from bench.run.facts import Control, Cores, Facts, Failure
from bench.run.probe import Rates

THRESHOLD = 0.01
"""That two identical builds may differ by, as a fraction: the control's threshold in a report."""
MOST_BUSY = 0.10
"""Share of the processors that others may use. Desktops at rest take a few hundredths."""
MOST_STEAL = 0.01
"""Share of the processors' time that the host may take."""
LEAST_MEMORY = 2**30
"""Bytes available; below, a training step may have to swap."""
MOST_PAGED = 16 * 2**20
"""Bytes swapped while measuring; a few pages of a service that woke up are no harm."""
STEADY_GOVERNORS = {"performance", "userspace"}
"""The others follow the load, or hold the clock down."""
COARSE_CLOCKS = {"jiffies", "refined-jiffies"}
"""They tick every 1 to 10 ms. All others are exact to 0.1 % of a block of 20 ms, if slower to read."""
TROUBLE = {"hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown"}
"""Of NVML's throttle reasons; idling and a power cap are none."""
UNREADABLE = "cannot be read"


@dataclass(frozen=True)
class Finding:
    """One thing that matters to a measurement.

    Args:
        name: what was looked at.
        seen: what was found, for people.
        fine: whether it lets a measurement be trusted; None where it cannot be read.
        remedy: what to do, where it is not fine.
    """

    name: str
    seen: str
    fine: bool | None
    remedy: str | None = None


def diagnose(facts: Facts) -> list[Finding]:
    """What the facts mean, the most telling first."""
    return [
        noise(facts.control),
        load(facts.busy, facts.load),
        cores(facts.cores),
        threads(facts.threads, facts.cores),
        governor(facts.governor),
        turbo(facts.turbo),
        heat(facts.throttles),
        clock_source(facts.clock_source),
        virtual(facts.virtual),
        steal(facts.steal),
        memory(facts.available_bytes, facts.swap_bytes, facts.paged_bytes),
        *rates(facts.rates, facts.device),
    ]


def noise(control: Control | Failure) -> Finding:
    """Not fine when the interval is wider than the threshold or lies wholly beyond it.

    A report asks for an interval within the threshold, over six processes. They differ in where their memory lies, so a
    single one is often half a per cent off, now and then more than one, on a machine at rest.
    """
    if isinstance(control, Failure):
        return _failed("noise", control)
    limit = math.log1p(THRESHOLD)
    fine = control.halfwidth <= limit and abs(control.point) - control.halfwidth <= limit
    remedy = (
        "End what else runs here and ask again, or give runs more time, as in `--set measures.latency.budget=240s`."
    )
    return _finding("noise", f"{_equality(control)}, {_spread(control)}", fine, remedy)


def _equality(control: Control) -> str:
    if math.isinf(control.halfwidth):
        return f"{control.rounds} rounds are too few to say whether two identical builds come out equal"
    low, high = (control.point + sign * control.halfwidth for sign in (-1, 1))
    change = f"{_percent(control.point)} [{_percent(low)}, {_percent(high)}] %"
    return f"two identical builds differ by {change}; a run finds {_smallest_change(control):.1f} % and more at best"


def _smallest_change(control: Control) -> float:
    """In per cent, found in 95 % of runs whose repeats are like this one: threshold + 4 standard errors.

    At best, since times differ between processes too, which one process cannot show.
    """
    error = control.halfwidth / NormalDist().inv_cdf((1 + LEVEL) / 2) / math.sqrt(Latency.repeats)
    return 100 * math.expm1(math.log1p(THRESHOLD) + 4 * error)


def _spread(control: Control) -> str:
    return f"the middle half of {control.rounds} rounds spans {100 * math.expm1(control.spread):.1f} %"


def load(busy: float | None, average: float | None) -> Finding:
    """Judged by the moment: the average still counts what ended a minute ago."""
    used = UNREADABLE if busy is None else f"{100 * busy:.0f} %"
    seen = f"processors used by others: {used}; load average: {_or_unreadable(average, '.2f')}"
    return _finding(
        "load", seen, None if busy is None else busy <= MOST_BUSY, "End what else runs here; `top` names it."
    )


def cores(seen: Cores) -> Finding:
    """Only less than one core is wrong in itself."""
    counts = f"{_or_unreadable(seen.physical)} physical, {_or_unreadable(seen.logical)} logical"
    quota = "none" if seen.quota == math.inf else _or_unreadable(seen.quota, "g")
    text = f"{counts}, {_or_unreadable(seen.allowed)} allowed to this process; quota {quota}"
    fine = None if seen.usable is None else seen.quota is None or seen.quota >= 1
    return _finding("cores", text, fine, "Grant this process a core or more, as in `docker run --cpus=2`.")


def threads(used: int, available: Cores) -> Finding:
    """More threads than cores wait for one another."""
    usable = available.usable
    seen = f"torch uses {used} on {_or_unreadable(usable)} usable cores"
    return _finding("threads", seen, None if usable is None else used <= usable, f"`export OMP_NUM_THREADS={usable}`")


def governor(name: str | None) -> Finding:
    fine = None if name is None else name in STEADY_GOVERNORS
    return _finding("governor", _or_unreadable(name), fine, "`sudo cpupower frequency-set -g performance`")


def turbo(on: bool | None) -> Finding:
    """Fine either way: the clock follows the heat, which rounds in random order cancel."""
    return _finding("turbo", _yes_or_no(on, "on", "off"), None if on is None else True)


def heat(throttles: int | None) -> Finding:
    seen = UNREADABLE if throttles is None else f"cores slowed down {throttles} times while measuring"
    remedy = "Cool the machine, or lower its clock, as in `sudo cpupower frequency-set --max 2GHz`."
    return _finding("heat", seen, None if throttles is None else throttles == 0, remedy)


def clock_source(name: str | None) -> Finding:
    remedy = (
        "Boot with `clocksource=tsc`, or another of /sys/devices/system/clocksource/clocksource0/available_clocksource."
    )
    return _finding("clock source", _or_unreadable(name), None if name is None else name not in COARSE_CLOCKS, remedy)


def virtual(machine: bool | None) -> Finding:
    """Fine either way: what its host takes away is seen as stolen time."""
    return _finding("virtual machine", _yes_or_no(machine, "yes", "no"), None if machine is None else True)


def steal(share: float | None) -> Finding:
    seen = UNREADABLE if share is None else f"the host took {100 * share:.1f} % of the processors' time while measuring"
    remedy = "Measure at another hour, or on a machine that is not shared."
    return _finding("stolen time", seen, None if share is None else share <= MOST_STEAL, remedy)


def memory(available: int, swap: int, paged: int) -> Finding:
    """Swap in use is no harm as long as nothing moves in or out."""
    in_use, moved = _gigabytes(swap), _gigabytes(paged)
    seen = f"{_gigabytes(available)} available; swap: {in_use} in use, {moved} moved while measuring"
    fine = available >= LEAST_MEMORY and paged <= MOST_PAGED
    return _finding("memory", seen, fine, "End what holds memory; `top -o %MEM` names it.")


def rates(seen: Rates | Failure, device: str) -> list[Finding]:
    """What a roofline needs; no rate is wrong in itself."""
    if isinstance(seen, Failure):
        return [_failed("rates", seen)]
    best = f"best of {seen.rounds}"
    bandwidth = f"{seen.copy_bandwidth / 1e9:.1f} GB/s, read plus written, beyond the caches, {best}"
    rate = f"{seen.matmul_rate / 1e9:.1f} GFLOP/s in fp32, a multiply-add counted as 2, {best}"
    found = [Finding("copy bandwidth", bandwidth, True), Finding("matmul rate", rate, True)]
    return [*found, gpu_clock(seen.gpu_clock)] if device == "cuda" else found


def gpu_clock(reading: Mapping[str, Any] | None) -> Finding:
    if reading is None or reading["sm_hz"] is None or reading["throttle_reasons"] is None:
        why = f": {reading['reason']}" if reading else ""
        return Finding("GPU clock", f"{UNREADABLE}{why}", None)
    held = [name for name in reading["throttle_reasons"] if name in TROUBLE]
    seen = f"{reading['sm_hz'] / 1e6:.0f} MHz at work, held back by {', '.join(held) or 'nothing'}"
    remedy = "Cool the GPU, or lower its clock, as in `sudo nvidia-smi --lock-gpu-clocks=1200`."
    return _finding("GPU clock", seen, not held, remedy)


def _finding(name: str, seen: str, fine: bool | None, remedy: str | None = None) -> Finding:
    return Finding(name, seen, fine, remedy if fine is False else None)


def _failed(name: str, failure: Failure) -> Finding:
    remedy = "Mend what the reason names; `--device cpu` leaves a GPU out."
    return Finding(name, f"could not be measured: {failure.reason}", False, remedy)


def _or_unreadable(value: float | str | None, form: str = "") -> str:
    return UNREADABLE if value is None else format(value, form)


def _yes_or_no(value: bool | None, yes: str, no: str) -> str:
    return UNREADABLE if value is None else yes if value else no


def _percent(log_ratio: float) -> str:
    return f"{100 * math.expm1(log_ratio):+.1f}".replace("-", "−")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
