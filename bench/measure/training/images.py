"""Interfaces and types that all image datasets share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from bench.measure.training.recipe import Augmentation

EvalSplit: TypeAlias = Literal["test", "held_out"]
"""Images that a network is evaluated on: the test set, or a part of the training set that is excluded from training."""
HELD_OUT_SHARE = 0.1
"""Share of the training set that is held out; it is the same share of each class."""
SPLIT_SEED = 0
"""Seed of the held-out split. It is the same for all replicates, so that choices are based on the same images."""

Batches: TypeAlias = Iterator[tuple[Tensor, Tensor]]
"""Batches of images, normalised floats of shape (batch, 3, height, width), and class indices of shape (batch,)."""


class DataError(ValueError):
    """Images are missing or cannot be read; the message gives the location and how to obtain them."""


@dataclass(frozen=True)
class DataLocation:
    """Location of the datasets.

    Args:
        root: folder of the datasets; None if the user gave none.
        download: whether torchvision may download missing files.
    """

    root: Path | None
    download: bool = False


_ORDER_STREAM, _AUGMENTATION_STREAM = 2_000_003, 3_000_017
"""Offsets to a replicate's seed, which separate the random streams of the data from that of the weights."""


@dataclass(frozen=True)
class Draws:
    """Random number generators for the data of one training run.

    They are on the CPU, and the numbers that they generate depend only on their seed.

    Args:
        order: generator for the order of the images.
        augmentation: generator for crops and flips.
    """

    order: torch.Generator
    augmentation: torch.Generator

    @classmethod
    def of(cls, seed: int) -> "Draws":
        """Create the generators for a replicate's seed."""
        return cls(
            torch.Generator().manual_seed(seed + _ORDER_STREAM),
            torch.Generator().manual_seed(seed + _AUGMENTATION_STREAM),
        )


class Split(Protocol):
    """Training and evaluation images on a device.

    ``size`` is the number of training images.
    """

    @property
    def size(self) -> int: ...

    def training(self, batch: int, draws: Draws) -> Batches:
        """Yield the batches of one epoch, shuffled and augmented; an incomplete last batch is dropped."""
        ...

    def evaluation(self, batch: int) -> Batches:
        """Yield all evaluation images in their stored order."""
        ...


class Dataset(Protocol):
    """A dataset that has been located and read.

    ``title`` is its display name, and ``classes`` the number of classes.
    """

    @property
    def title(self) -> str: ...

    @property
    def classes(self) -> int: ...

    def split(
        self, eval_on: EvalSplit, augmentation: Augmentation, device: str, memory_format: torch.memory_format
    ) -> Split:
        """Return the training and evaluation images, with batches in the given memory format on the given device."""
        ...


def hold_out(labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """Split the indices of a training set into training indices and held-out indices.

    The split is stratified by class and is the same in every run. Both lists are ascending.

    Raises:
        DataError: a class has too few images for the split.
    """
    from sklearn.model_selection import train_test_split

    try:
        training, held_out = train_test_split(
            range(len(labels)), test_size=HELD_OUT_SHARE, stratify=labels, random_state=SPLIT_SEED, shuffle=True
        )
    except ValueError as error:
        raise DataError(f"{100 * HELD_OUT_SHARE:.0f} % of each class cannot be held out: {error}") from error
    return sorted(training), sorted(held_out)
