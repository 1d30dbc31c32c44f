"""What torch says of this machine, asked in a worker, so that the parent need not import torch."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.errors import InputError
from bench.measure import Outcome, Subject
from bench.run.executor import Executor
from bench.run.worker import Job, Member
from bench.suite.axes import Cell
from bench.suite.measures import MeasureSpec

_TIMEOUT = 600.0
"""Seconds for the first import of torch, which may come from a slow disk."""


@dataclass(frozen=True)
class Torch:
    """Threads, GPU and CUDA as torch sees them. A measure, so that a worker can be asked; it builds nothing."""

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(
        self, group: Sequence[Subject], announce: Callable[[Subject], None], seed: int
    ) -> Iterator[tuple[Subject, Outcome]]:
        import torch

        there = torch.cuda.is_available()
        facts = {
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if there else None,
            "cuda": torch.version.cuda if there else None,
            "kernels": _kernels(),
        }
        yield group[0], Outcome((), facts)


def ask_torch(execute: Executor) -> Mapping[str, Any]:
    """``threads``, the ``gpu`` and ``cuda`` version and what ``kernels`` amount to, None where there is none.

    Raises:
        InputError: torch cannot be imported.
    """
    job = Job(MeasureSpec(f"{__name__}:Torch"), (Member(0, "variant", Cell()),), 0, None, "cpu", fresh=False)
    for message in execute(job, _TIMEOUT):
        if "measured" in message:
            facts: Mapping[str, Any] = message["details"]
        elif "start" not in message:
            raise InputError(f"torch cannot be used here: {message.get('reason') or message.get('died')}")
    return facts


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
