"""How fast this machine copies and multiplies: the two roofs over every operator."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

from bench.measure import Announce, Outcome, Seconds, Subject
from bench.measure.timing import clock_of
from bench.measure.timing.nvml import sensors
from bench.measure.timing.sampler import Clock, calibrate, sample, untold
from bench.measure.timing.stopping import Stopping
from bench.results.record import Value

_SIDES = {"cpu": 2048, "cuda": 8192}
"""Of square matrices that keep every core or multiprocessor at work, in a fraction of a second."""
_BUSY = 20
"""Products that a GPU is given at once, some tenths of a second of work, so that its clock is read at work."""


class Task(NamedTuple):
    """Something to run, and how much work one call of it is."""

    work: int
    call: Callable[[], object]


@dataclass(frozen=True)
class Machine:
    """``copy_bandwidth`` in B/s and ``matmul_rate`` in FLOP/s, one sample a round.

    The best sample is the machine's: whatever disturbs one makes it slower. A copy counts what is read and what is
    written. A multiply-add counts as 2 operations. fp32, with torch's own settings.

    Args:
        budget: measured seconds, both together.
        copied_bytes: how much is copied; more than the last-level cache holds, else the cache is measured.
        side: of the square matrices; left out: one that suits the device.
    """

    budget: Seconds = 4.0
    copied_bytes: int = 2**29
    side: int | None = None

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[bool] = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        announce(group[0])
        device = group[0].device
        tasks = copy(device, self.copied_bytes), matmul(device, self.side or _SIDES[device])
        bandwidth, rate = rates(tasks, clock_of(device), self.budget, random.Random(seed).shuffle)
        values = Value("copy_bandwidth", "B/s", bandwidth), Value("matmul_rate", "FLOP/s", rate)
        yield group[0], Outcome(values, {"gpu_clock": _clock_at_work(tasks[1]) if device == "cuda" else None})


def copy(device: str, copied_bytes: int) -> Task:
    """Copy an fp32 tensor of that many bytes into another; its work is in bytes."""
    import torch

    source = torch.ones(copied_bytes // 4, device=device)
    target = torch.empty_like(source)
    return Task(2 * source.nbytes, lambda: target.copy_(source))


def matmul(device: str, side: int) -> Task:
    """Multiply two square fp32 matrices; its work is in operations."""
    import torch

    left, right, product = (torch.ones(side, side, device=device) for _ in range(3))
    return Task(2 * side**3, lambda: torch.mm(left, right, out=product))


def rates(
    tasks: Sequence[Task], clock: Clock, budget: float, shuffle: Callable[[list[int]], None]
) -> list[tuple[float, ...]]:
    """Work a second of each task, one sample a round, until ``budget`` measured seconds are spent."""
    # No width is below this target, so all of the budget is used: the best of few rounds would be no best.
    stopping = Stopping(target=-1.0, budget=budget)
    calls = [task.call for task in tasks]
    trace = sample(
        calls, calibrate(calls, clock, untold), clock=clock, stopping=stopping, shuffle=shuffle, announce=untold
    )
    return [tuple(task.work / second for second in seconds) for task, seconds in zip(tasks, trace.seconds, strict=True)]


def _clock_at_work(task: Task) -> dict[str, Any]:
    import torch

    for _ in range(_BUSY):
        task.call()
    reading = sensors(torch.cuda.get_device_properties().uuid)()
    torch.cuda.synchronize()
    return asdict(reading)
