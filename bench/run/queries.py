"""Queries about the machine that run in a worker, so that the parent does not import torch."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import msgspec

from bench.errors import InputError
from bench.measure import Announce, Outcome, Subject
from bench.measure.timing.nvml import Reading
from bench.run.executors import Executor
from bench.run.messages import Died, Failed, Measured
from bench.run.worker import Job
from bench.suite.axes import Cell
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Member

_TIMEOUT = 600.0
"""Seconds of silence; the first import of torch from a slow disk takes long."""


class QueryError(Exception):
    """A worker failed or died during a query; the message is the cause."""


@dataclass(frozen=True)
class TorchFacts:
    """Facts that torch reports about itself and the machine.

    Args:
        threads: number of CPU threads.
        gpu: name of the GPU; None without one.
        cuda: version of CUDA; None without a GPU.
        kernels: digest of the files in ``simam.kernels``; None without any.
    """

    threads: int
    gpu: str | None
    cuda: str | None
    kernels: str | None


@dataclass(frozen=True)
class TorchQuery:
    """Reads the :class:`TorchFacts`. It is a measure, so that a worker runs it; it builds nothing."""

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        import torch

        available = torch.cuda.is_available()
        facts = TorchFacts(
            threads=torch.get_num_threads(),
            gpu=torch.cuda.get_device_name() if available else None,
            cuda=torch.version.cuda if available else None,
            kernels=kernels_digest(),
        )
        yield group[0], Outcome((), asdict(facts))


@dataclass(frozen=True)
class PeakRates:
    """The highest measured rates of a device.

    Args:
        copy_bandwidth: B/s, read plus written, for tensors much larger than the caches.
        matmul_rate: FLOP/s in fp32; a multiply-add counts as 2 operations.
        rounds: number of samples, of which the best is used.
        gpu_clock: the sensors under load; None on a CPU.
    """

    copy_bandwidth: float
    matmul_rate: float
    rounds: int
    gpu_clock: Reading | None


def query_torch(execute: Executor) -> TorchFacts:
    """Query the facts that torch reports about this machine.

    Raises:
        InputError: torch cannot be imported.
    """
    try:
        [answer] = run_query(_machine_job(f"{__name__}:TorchQuery"), execute)
    except QueryError as error:
        raise InputError(f"torch cannot be used here: {error}") from error
    return msgspec.convert(answer.details, TorchFacts)


def query_peak_rates(device: str, execute: Executor) -> PeakRates:
    """Measure how fast a device copies and multiplies; takes some seconds.

    Args:
        device: "cpu" or "cuda".
        execute: runs the worker that measures.

    Raises:
        QueryError: the measurement failed.
    """
    [answer] = run_query(_machine_job("machine", device), execute)
    bandwidth, rate = ([sample for sample in value.samples if sample is not None] for value in answer.values)
    gpu_clock: Reading | None = msgspec.convert(answer.details["gpu_clock"], Reading | None)
    return PeakRates(max(bandwidth), max(rate), len(rate), gpu_clock)


def run_query(job: Job, execute: Executor) -> list[Measured]:
    """Run a job and return the outcome of each member.

    Raises:
        QueryError: a member could not be measured.
    """
    answers = []
    for message in execute(job, _TIMEOUT):
        if isinstance(message, Measured):
            answers.append(message)
        elif isinstance(message, Failed | Died):
            raise QueryError(message.reason)
    return answers


def _machine_job(measure: str, device: str = "cpu") -> Job:
    """A job that measures the machine instead of a cell."""
    return Job(MeasureSpec(measure), (Member(0, "variant", Cell()),), 0, None, device, False)


def kernels_digest() -> str | None:
    """Twelve hexadecimal digits of a hash of all files of ``simam.kernels``, built ones included; None without any."""
    import simam

    folder = Path(simam.__file__).parent / "kernels"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    if not files:
        return None
    content = hashlib.sha256()
    for path in files:
        content.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return content.hexdigest()[:12]
