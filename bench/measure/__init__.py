"""The interface between the runner and a measure: what a measure receives, and what it returns.

A measure is a frozen dataclass whose fields are its options in a suite.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeAlias, TypeVar

from bench.store.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn


Seconds: TypeAlias = Annotated[float, "s"]
"""Type of a measure's option that a suite may write as 500ms, 60s, 2min or 1h."""
Fraction: TypeAlias = Annotated[float, "%"]
"""Type of a measure's option that a suite may write as 1%."""


@dataclass(frozen=True)
class Workload:
    """A cell that has been built and is ready to be measured.

    Args:
        network: the model, in the mode and dtype of the cell.
        inputs: one batch, shape (batch, channels, resolution, resolution).
        call: one iteration, either a forward pass or a whole training step; returns the network's output.
        forward: the forward pass alone, with autograd enabled, in whatever mode the network is in.
        settings: the conditions of the call, for the record.
        values: values measured during the build, such as the compile time.
    """

    network: "nn.Module"
    inputs: "Tensor"
    call: "Callable[[], Tensor]"
    forward: "Callable[[], Tensor]"
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[Value, ...] = ()


def _not_provided(*arguments: object) -> Any:
    raise NotImplementedError("this subject has no `network` or no `dataset` function; pass it to Subject(...)")


@dataclass(frozen=True)
class Subject:
    """One member of a group, to be built by the measure when it is needed.

    Args:
        index: position in the group; 0 is the baseline.
        role: "baseline", "variant" or "control".
        build: maps a device ("meta", where tensors hold no data, "cpu", or None for the run's device) to the workload.
            Each call builds the same network again from the same seed.
        device: the run's device, "cpu" or "cuda".
        network: maps a number of classes and a torchvision weights name (or None) to the network alone, in training
            mode, on torch's default device. Each call returns the same weights.
        check: builds the network and checks that its modules keep their contract; returns sentences for the user.
        dataset: returns the cell's dataset, see :class:`bench.measure.training.images.Dataset`.
        seed: seed of the replicate.
        key: stem for the names of this subject's files: readable, valid on every file system, and unique.
        scratch: folder for files that must survive a kill; None if nothing is kept.
    """

    index: int
    role: str
    build: Callable[[str | None], Workload]
    device: str = "cpu"
    network: "Callable[[int, str | None], nn.Module]" = _not_provided
    check: Callable[[], Sequence[str]] = _not_provided
    dataset: Callable[[], Any] = _not_provided
    seed: int = 0
    key: str = ""
    scratch: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of measuring one subject.

    Args:
        values: the measured values.
        details: further facts for the record, such as settings and breakdowns of the values.
    """

    values: tuple[Value, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


def require_finite(output: object) -> None:
    """Check that a network's output is finite.

    Raises:
        ArithmeticError: the output contains NaN or infinite values.
    """
    import torch

    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        for part in output:
            require_finite(part)
    elif isinstance(output, torch.Tensor):
        nonfinite = output.numel() - int(torch.isfinite(output).sum())
        if nonfinite:
            raise ArithmeticError(f"{nonfinite} of {output.numel()} values of the network's output are NaN or infinite")


Counted = TypeVar("Counted")


def count_on_meta(subject: Subject, count: "Callable[[Workload], Counted]") -> "tuple[Counted, Mapping[str, Any]]":
    """Build and count a subject on meta, or on the CPU if its network cannot be built or called on meta.

    Returns:
        The result of ``count``, and details for the record: ``counted_on_cpu``, the reason, if it was the CPU.

    Raises:
        Exception: any exception of the network on the CPU.
    """
    try:
        return count(subject.build("meta")), {}
    except Exception as error:  # a user's network may raise anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    return count(subject.build("cpu")), {"counted_on_cpu": reason}


class Announce(Protocol):
    """Callback that names the subject that is about to run. Later failures are attributed to it.

    Further calls for the same subject are heartbeats. They may pass a progress text, which is shown to the user.
    """

    def __call__(self, subject: Subject, progress: str = "", /) -> None: ...


class Measure(Protocol):
    """Interface of a measure, whether it is built in or defined by a user.

    ``axes`` are the axes that the measure depends on; ``gates`` are the values that a suite may gate. A ``timed``
    measure gets a control and is never resumed on another machine.

    An optional field ``repeats`` is the number of fresh processes. An optional class variable ``side_by_side`` allows
    other groups to be measured at the same time, which suits measures that only count. An optional method
    ``check(subject)`` raises an error if a subject cannot be measured; it is called before anything is measured, for
    every seed or, if an optional attribute ``check_every_seed`` is false, for the first one. An
    optional method ``training_images(size)`` returns the number of images that one training run processes on a dataset
    of that size; the time estimate of a plan uses it.
    """

    axes: ClassVar[frozenset[str]]
    gates: ClassVar[tuple[str, ...]]
    timed: ClassVar[bool]

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        """Measure every subject, and call ``announce`` before working on it.

        Args:
            group: members still to be measured, in the order of the group; all members for a timed measure.
            announce: callback that names the subject that is about to run.
            seed: seed for all random draws of the measure itself.
        """
        ...
