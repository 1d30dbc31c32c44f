"""Comparison of the times of two or more callables, from a notebook or a script."""

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import exp, inf
from typing import Any, ClassVar, TypeAlias

import numpy as np

from bench.errors import InputError
from bench.measure import Announce, Outcome, Subject
from bench.measure.timing import clock_of
from bench.measure.timing.sampler import Trace, choose_iterations, ignore_index, sample
from bench.measure.timing.stopping import StoppingRule
from bench.report.numbers import escape_markdown, format_quantity, percent, ratio
from bench.results.rounds import counted_processes
from bench.results.statistics import Estimate, log_ratios, median_interval, process_estimate, ratio_of, time_range
from bench.store.record import Value

Calls: TypeAlias = Mapping[str, Callable[[], object]]

ONE_PROCESS = (
    "one process: the interval excludes differences between processes; pass a function that returns the callables to "
    "measure in several processes"
)
_PATIENCE = 3.0
"""Limit on the wall time of sampling, as a multiple of the budget."""
TIMEOUT = 600.0
"""Seconds of silence after which a process counts as hung."""


@dataclass(frozen=True)
class Paired:
    """The result of a paired timing.

    Args:
        baseline: the name of the first callable, which the others are compared with.
        ratios: name → time over the baseline's, with its 95 % interval.
        seconds: name → seconds per call: the median, with the 5th and 95th percentile of all samples.
        control: the ratio of a second build of the baseline to the first; None if there was only one process.
        note: the independent units of the intervals.
    """

    baseline: str
    ratios: Mapping[str, Estimate]
    seconds: Mapping[str, Estimate]
    control: Estimate | None
    note: str

    def __str__(self) -> str:
        return f"{self._table('simple', str)}\n\n{self._footnote()}"

    def _repr_markdown_(self) -> str:
        """The Markdown representation for notebooks."""
        return f"{self._table('github', escape_markdown)}\n\n{escape_markdown(self._footnote())}"

    def _repr_html_(self) -> str:
        """The HTML representation for notebooks, which escapes names."""
        return f"{self._table('html', str)}\n<p>{escape(self._footnote())}</p>"

    def _table(self, form: str, text: Callable[[str], str]) -> str:
        from tabulate import tabulate

        rows = [[text(cell) for cell in self._row(name)] for name in self.seconds]
        return tabulate(
            rows, headers=("", "time per call (p5–p95)", "× [95 % CI]"), tablefmt=form, disable_numparse=True
        )

    def _row(self, name: str) -> list[str]:
        time = self.seconds[name]
        low, high = (format_quantity(bound, "s") for bound in (time.low, time.high) if bound is not None)
        against = "baseline" if name == self.baseline else ratio(self.ratios[name])
        return [name, f"{format_quantity(time.point, 's')} ({low}–{high})", against]

    def _footnote(self) -> str:
        return f"{self.note}; A/A control: {percent(self.control)}" if self.control else self.note


def paired(
    calls: Calls | Callable[[], Calls],
    budget: str | float = "20s",
    target: str | float = "1%",
    processes: int = 6,
    device: str = "cpu",
) -> Paired:
    """Compare the times of callables in shuffled rounds; ratios are formed within a round.

    Args:
        calls: name → callable; the first is the baseline, and all are timed in this process. Or a function that
            returns such a mapping: each of several fresh processes calls it, builds the baseline a second time as the
            A/A control, and the intervals are over processes. The function is sent by value, so it may be defined in a
            notebook.
        budget: total measured seconds, such as "20s" or 20.
        target: half-width of each ratio at which a process stops, such as "1%" or 0.01.
        processes: number of processes for a function; two or more.
        device: "cpu", or "cuda" to time the work of the calls on the GPU.

    Raises:
        InputError: fewer than two callables or processes, an invalid budget or target, or a failed process.
    """
    if device not in ("cpu", "cuda"):
        raise InputError(f'device={device!r}: write "cpu" or "cuda"')
    if device == "cuda" and not _has_gpu():
        raise InputError('device="cuda": torch sees no GPU here')
    seconds, width = _quantity("s", "budget", budget), _quantity("%", "target", target)
    if isinstance(calls, Mapping):
        Progress().show(f"timing {', '.join(calls)} for about {seconds:.0f} s")
        return _here(calls, StoppingRule(width, seconds, _PATIENCE * seconds), device)
    if processes < 2:
        raise InputError(f"processes={processes}: an interval over processes needs at least two")
    return _in_processes(calls, width, seconds / processes, processes, device)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


class Progress:
    """One line on a terminal or in a notebook; a progress bar would use CPU time during the timing."""

    def __init__(self) -> None:
        self._cell = _notebook_cell()

    def show(self, text: str) -> None:
        """Show a text instead of the one before it; on a terminal, below it."""
        if self._cell is not None:
            self._cell.update({"text/plain": text}, raw=True)
        elif sys.stderr.isatty():
            print(text, file=sys.stderr)


def _notebook_cell() -> Any:
    """A handle that updates an output of the running notebook cell; None outside a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display({"text/plain": ""}, raw=True, display_id=True)  # type: ignore[no-untyped-call]


def _quantity(kind: str, name: str, given: str | float) -> float:
    from bench.suite import model

    value = model.parse_quantity(kind, given)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        right = {"s": '"20s" or 20', "%": '"1%" or 0.01'}[kind]
        raise InputError(f"{name}={given!r}: write {right}")
    return float(value)


def _here(calls: Calls, stopping: StoppingRule, device: str) -> Paired:
    trace = _trace(calls, stopping, device, random.Random(0))
    baseline, *others = calls
    counted = trace.counted
    ratios = {name: _within(counted[place], counted[0]) for place, name in enumerate(others, start=1)}
    times = {name: time_range([samples]) for name, samples in zip(calls, counted, strict=True)}
    return Paired(baseline, ratios, times, None, "; ".join([ONE_PROCESS, *_busy_note([trace.usable])]))


def _within(samples: Sequence[float], baseline: Sequence[float]) -> Estimate:
    logs = log_ratios(samples, baseline)
    low, high = median_interval(logs)
    return Estimate(exp(float(np.median(logs))), exp(low), exp(high), f"median of {len(logs)} rounds, order statistics")


def _trace(
    calls: Calls,
    stopping: StoppingRule,
    device: str,
    draws: random.Random,
    announce: Callable[[int], None] = ignore_index,
) -> Trace:
    if len(calls) < 2:
        raise InputError('pass two or more callables, such as {"plain": f, "mine": g}')
    clock, functions = clock_of(device), list(calls.values())
    iterations = choose_iterations(functions, clock, announce, stopping.budget)
    return sample(functions, iterations, clock=clock, stopping=stopping, shuffle=draws.shuffle, announce=announce)


CONTROL = "\0control"
"""The name of the control among the callables; the null character distinguishes it from a caller's names."""


@dataclass(frozen=True)
class Factory:
    """A measure that a worker runs: it makes the callables and a second baseline, and times them.

    Args:
        pickled: the factory, by cloudpickle.
        target, budget: settings of one process.
        clock: the device whose clock is used.
    """

    pickled: bytes
    target: float
    budget: float
    clock: str

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[bool] = True

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        import cloudpickle

        announce(group[0])
        factory = cloudpickle.loads(self.pickled)
        calls = dict(factory())
        first = next(iter(calls), None)
        if first is not None and len(calls) > 1:
            calls[CONTROL] = factory()[first]
        stopping = StoppingRule(self.target, self.budget, _PATIENCE * self.budget)
        trace = _trace(calls, stopping, self.clock, random.Random(seed), lambda _: announce(group[0], "timing"))
        values = (Value(name, "s", seconds) for name, seconds in zip(calls, trace.counted, strict=True))
        yield group[0], Outcome(tuple(values), {"usable": trace.usable})


def _in_processes(factory: Callable[[], Calls], target: float, budget: float, processes: int, device: str) -> Paired:
    import cloudpickle

    from bench.run.executors.local import LocalProcesses

    options = (
        ("pickled", cloudpickle.dumps(factory)),
        ("target", target),
        ("budget", budget),
        ("clock", device),
    )
    with LocalProcesses() as execute:
        results, progress = [], Progress()
        for number in range(processes):
            progress.show(f"process {number + 1} of {processes}, about {budget:.0f} s")
            results.append(_measure_in_process(execute, options, number))
        progress.show(f"{processes} processes measured")
    usable = [enough for _, enough in results]
    measured = [results[number][0] for number in counted_processes(usable)]
    baseline = next(iter(measured[0]))
    if any(samples.keys() != measured[0].keys() for samples in measured):
        raise InputError("the function returned different names in different processes")
    logs = {
        name: [process_estimate(log_ratios(samples[name], samples[baseline])) for samples in measured]
        for name in measured[0]
        if name != baseline
    }
    ratios = {name: ratio_of(estimates) for name, estimates in logs.items()}
    times = {name: time_range([samples[name] for samples in measured]) for name in measured[0] if name != CONTROL}
    control = ratios.pop(CONTROL)
    note = f"{len(measured)} fresh processes, Student t over them"
    return Paired(baseline, ratios, times, control, "; ".join([note, *_busy_note(usable)]))


def _busy_note(usable: Sequence[bool]) -> Iterator[str]:
    """A note if the machine was too busy for some processes."""
    if not all(usable):
        treatment = "left out" if sum(usable) == len(counted_processes(usable)) else "used nevertheless"
        yield (
            f"the machine was busy: {usable.count(False)} of {len(usable)} processes had too few undisturbed rounds "
            f"and were {treatment}"
        )


def _measure_in_process(
    execute: Any, options: tuple[tuple[str, Any], ...], number: int
) -> tuple[dict[str, list[float]], bool]:
    """Name → samples of one process, and whether enough rounds were undisturbed."""
    from bench.run.messages import Died, Failed, Measured
    from bench.run.worker import Job
    from bench.suite.axes import Cell
    from bench.suite.measures import MeasureSpec
    from bench.suite.plan import Member

    member = Member(0, "variant", Cell())
    job = Job(MeasureSpec(f"{__name__}:Factory", options), (member,), number, None, "cpu", fresh=True)
    for message in execute(job, TIMEOUT):
        match message:
            case Measured(values=values, details=details):
                nan = float("nan")
                samples = {value.name: [nan if s is None else float(s) for s in value.samples] for value in values}
                return samples, bool(details["usable"])
            case Failed(reason=reason, traceback=traceback):
                raise InputError(f"process {number + 1} failed: {reason}\n{traceback}")
            case Died(reason=reason):
                raise InputError(f"process {number + 1} failed: {reason}\n")
    raise InputError(f"process {number + 1} returned no result")
