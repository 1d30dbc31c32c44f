"""Images in folders by class, read and augmented by other processes while the network learns."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler, Subset

from bench.measure.training.datasets import Batches, DataError, Draws, Judge, held_out
from bench.measure.training.recipe import Augmentation

READERS = 4
"""Processes that read. Each has a random stream of its own, so their number belongs to the draws and is fixed."""
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, as torchvision's models have them."""


class FolderSet:
    """Images of any size in ``train/<class>/`` and ``val/<class>/``.

    Args:
        title: what people call the set.
        folder: that holds both.

    Raises:
        DataError: it does not, or the two have other classes.
    """

    def __init__(self, title: str, folder: Path) -> None:
        self.title = title
        self.train, self.test = _classes_of(folder / "train"), _classes_of(folder / "val")
        if self.train.classes != self.test.classes:
            differing = sorted(set(self.train.classes) ^ set(self.test.classes))[:5]
            raise DataError(f"{folder}/train and {folder}/val have other classes: {', '.join(differing)}")
        self.classes = len(self.train.classes)

    def split(
        self, judge: Judge, augmentation: Augmentation, device: str, memory_format: torch.memory_format
    ) -> "FolderSplit":
        train, test = _transforms(augmentation)
        learned = _Transformed(self.train, train)
        if judge == "test":
            return FolderSplit(learned, _Transformed(self.test, test), device, memory_format)
        rest, out = held_out(self.train.targets)
        judged = _Transformed(self.train, test)
        return FolderSplit(Subset(learned, rest), Subset(judged, out), device, memory_format)


def _classes_of(folder: Path) -> Any:
    from torchvision.datasets import ImageFolder

    try:
        return ImageFolder(str(folder))
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{folder} holds no images in folders by class ({' '.join(str(error).split())[:200]}); ImageNet has to be "
            f"got from image-net.org, its validation images sorted into their classes' folders"
        ) from error


class _Transformed(Dataset[tuple[Tensor, int]]):
    """A torchvision folder's images under transforms, so that one folder can be read under two."""

    def __init__(self, images: Any, transform: Any) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, label = self.images[index]
        return self.transform(image), label


def _transforms(augmentation: Augmentation) -> tuple[Any, Any]:
    """The published ones: a random crop resized, and a flip, to learn; resized and cropped in the middle, to judge."""
    from torchvision.transforms import v2

    end = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(_MEAN, _SPREAD)]
    flip = [v2.RandomHorizontalFlip()] if augmentation.flip else []
    crop = v2.RandomResizedCrop(augmentation.size, antialias=True)
    middle = [v2.Resize(augmentation.resize, antialias=True), v2.CenterCrop(augmentation.size)]
    return v2.Compose([crop, *flip, *end]), v2.Compose([*middle, *end])


def _loader(images: Any, batch: int, generator: torch.Generator, **options: Any) -> "DataLoader[Any]":
    with warnings.catch_warnings():
        # More readers than cores are slower and not wrong: they wait for the disk as much as they compute.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        return DataLoader(images, batch, num_workers=READERS, generator=generator, **options)


@dataclass(frozen=True, eq=False)
class FolderSplit:
    """What is learned and what it is judged by, in torch's loaders."""

    learned: Any
    judged: Any
    device: str
    memory_format: torch.memory_format

    @property
    def size(self) -> int:
        return len(self.learned)

    def training(self, batch: int, draws: Draws) -> Batches:
        order = RandomSampler(self.learned, generator=draws.order)
        # The generator seeds the readers anew at each epoch, so an epoch's draws depend on nothing that ran before.
        yield from self._moved(
            _loader(self.learned, batch, draws.augmentation, sampler=order, drop_last=True, pin_memory=self._pinned)
        )

    def judging(self, batch: int) -> Batches:
        # A generator of its own: torch's global one, which a module may use, is not to be touched.
        yield from self._moved(_loader(self.judged, batch, torch.Generator(), pin_memory=self._pinned))

    @property
    def _pinned(self) -> bool:
        return self.device == "cuda"

    def _moved(self, loader: "DataLoader[Any]") -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in loader:
            moved = images.to(self.device, non_blocking=True, memory_format=self.memory_format)
            yield moved, labels.to(self.device, non_blocking=True)
