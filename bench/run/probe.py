"""What a worker says of this machine, so that the parent need not import torch."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.errors import InputError
from bench.measure import Announce, Outcome, Subject
from bench.run.executor import Executor, Message
from bench.run.worker import Job, Member
from bench.suite.axes import Cell
from bench.suite.measures import MeasureSpec

_TIMEOUT = 600.0
"""Seconds for the first import of torch, which may come from a slow disk."""


class NoAnswer(Exception):
    """A worker failed or died; the message is its reason."""


@dataclass(frozen=True)
class Torch:
    """Threads, GPU and CUDA as torch sees them. A measure, so that a worker can be asked; it builds nothing."""

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        import torch

        there = torch.cuda.is_available()
        facts = {
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if there else None,
            "cuda": torch.version.cuda if there else None,
            "kernels": _kernels(),
        }
        yield group[0], Outcome((), facts)


@dataclass(frozen=True)
class Rates:
    """What a device reaches at best.

    Args:
        copy_bandwidth: B/s, read plus written, far beyond the caches.
        matmul_rate: FLOP/s in fp32; a multiply-add counts as 2 operations.
        rounds: each of which was timed once; the best one counts.
        gpu_clock: a :class:`bench.measure.timing.nvml.Reading` at work, by field; None on a CPU.
    """

    copy_bandwidth: float
    matmul_rate: float
    rounds: int
    gpu_clock: Mapping[str, Any] | None


def ask_torch(execute: Executor) -> Mapping[str, Any]:
    """``threads``, the ``gpu`` and ``cuda`` version and what ``kernels`` amount to, None where there is none.

    Raises:
        InputError: torch cannot be imported.
    """
    try:
        [answer] = ask(_question(f"{__name__}:Torch"), execute)
    except NoAnswer as error:
        raise InputError(f"torch cannot be used here: {error}") from error
    facts: Mapping[str, Any] = answer["details"]
    return facts


def ask_rates(device: str, execute: Executor) -> Rates:
    """How fast a device copies and multiplies; takes some seconds.

    Args:
        device: "cpu" or "cuda".
        execute: runs the worker that measures it.

    Raises:
        NoAnswer: it could not be measured.
    """
    [answer] = ask(_question("machine", device), execute)
    bandwidth, rate = (value["samples"] for value in answer["values"])
    return Rates(max(bandwidth), max(rate), len(rate), answer["details"]["gpu_clock"])


def ask(job: Job, execute: Executor) -> list[Message]:
    """What was measured of each member of a job.

    Raises:
        NoAnswer: one could not be measured.
    """
    answers = []
    for message in execute(job, _TIMEOUT):
        if "measured" in message:
            answers.append(message)
        elif "start" not in message:
            raise NoAnswer(message.get("reason") or message.get("died"))
    return answers


def _question(measure: str, device: str = "cpu") -> Job:
    """A job that is about the machine, not about a cell."""
    return Job(MeasureSpec(measure), (Member(0, "variant", Cell()),), 0, None, device, False)


def _kernels() -> str | None:
    """Twelve hexadecimal digits that stand for every file of ``simam.kernels`` as it is here, built ones too."""
    import simam

    folder = Path(simam.__file__).parent / "kernels"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    if not files:
        return None
    content = hashlib.sha256()
    for path in files:
        content.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return content.hexdigest()[:12]
