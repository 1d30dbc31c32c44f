"""How one group is measured. A measure is a frozen dataclass whose fields are its options in a suite."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeAlias

from bench.results.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn


Seconds: TypeAlias = Annotated[float, "s"]
"""A measure's option that a suite may write as 500ms, 60s, 2min or 1h."""
Fraction: TypeAlias = Annotated[float, "%"]
"""A measure's option that a suite may write as 1%."""


@dataclass(frozen=True)
class Workload:
    """A cell built: what there is to measure.

    Args:
        network: the model, in the cell's mode and number type.
        inputs: one batch, shape (batch, channels, resolution, resolution).
        call: one iteration, forward or a whole training step; returns the network's output.
        forward: the forward pass alone, in whatever mode the network is in, for autograd to see.
        settings: what the call ran under, for the record.
        values: what was measured while it was built, such as the time that compiling took.
    """

    network: "nn.Module"
    inputs: "Tensor"
    call: "Callable[[], Tensor]"
    forward: "Callable[[], Tensor]"
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[Value, ...] = ()


def _untold(*arguments: object) -> Any:
    raise NotImplementedError("whoever made this subject did not say how")


@dataclass(frozen=True)
class Subject:
    """One member of a group, to be built when its turn comes.

    Args:
        index: its place in the group; 0 is the baseline.
        role: "baseline", "variant" or "twin".
        build: device ("meta", or None for the run's own) → the workload. Each call builds anew from the same seed; on
            meta, which holds no numbers, it may give a network that an earlier call built: do not change it.
        device: the run's own, "cpu" or "cuda".
        network: number of classes, and None or torchvision's name for published weights → the network alone, in
            training mode, on torch's default device. The same weights at each call.
        dataset: → the images that the cell names, see :class:`bench.measure.training.datasets.Dataset`.
        seed: of the replicate.
        key: what files of its own are called: readable, safe on every disk, and no other's.
        scratch: a folder for files that shall survive a kill; None where nothing is kept.
    """

    index: int
    role: str
    build: Callable[[str | None], Workload]
    device: str = "cpu"
    network: "Callable[[int, str | None], nn.Module]" = _untold
    dataset: Callable[[], Any] = _untold
    seed: int = 0
    key: str = ""
    scratch: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What one subject gave: values, and how they came about."""

    values: tuple[Value, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


def require_finite(output: object) -> None:
    """Raise an ArithmeticError if a network's output has a NaN or an infinity: what is measured of it says nothing."""
    import torch

    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        for part in output:
            require_finite(part)
    elif isinstance(output, torch.Tensor):
        wrong = output.numel() - int(torch.isfinite(output).sum())
        if wrong:
            raise ArithmeticError(f"{wrong} of {output.numel()} values of the network's output are NaN or infinite")


class Announce(Protocol):
    """Names the subject that is about to run; whatever goes wrong next is its fault.

    Said again it is a sign of life, with how far the subject has come, for people.
    """

    def __call__(self, subject: Subject, reached: str = "") -> None: ...


class Measure(Protocol):
    """What a measure is, built in or a user's own.

    ``axes`` are the axes it reads; ``gates`` the values a suite may gate; a ``timed`` measure gets a twin and is
    never continued on another machine. An optional field ``repeats`` asks for that many fresh processes. An optional
    ``side_by_side`` says that other groups may be measured at the same time, as suits what is only counted. An optional
    method ``check(subject)`` raises on what would stop it from measuring a subject, before anything is measured.
    """

    axes: ClassVar[frozenset[str]]
    gates: ClassVar[tuple[str, ...]]
    timed: ClassVar[bool]

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        """Measure every subject, calling ``announce`` before each is touched: whatever goes wrong next is its fault.

        Args:
            group: the members that are still to be measured, in the group's order; all of them for a timed measure.
            announce: names the subject that is about to run.
            seed: for every draw that the measure makes itself.
        """
        ...
