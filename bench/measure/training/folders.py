"""Datasets with one folder per class, which worker processes read and augment during training."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler, Subset

from bench.measure.training.images import Batches, DataError, Draws, EvalSplit, hold_out
from bench.measure.training.recipe import Augmentation

if TYPE_CHECKING:
    from PIL.Image import Image

LOADER_WORKERS = 4
"""Number of processes that read images. It is fixed, because the augmentation depends on it: each process has its own
random stream."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's channels, as torchvision's models use them."""


class FolderDataset:
    """Images of any size in ``train/<class>/`` and ``val/<class>/``.

    Args:
        title: display name.
        folder: folder that contains ``train`` and ``val``.

    Raises:
        DataError: a folder is missing or empty, or the two folders contain different classes.
    """

    def __init__(self, title: str, folder: Path) -> None:
        self.title = title
        self.train, self.test = _open_folder(folder / "train"), _open_folder(folder / "val")
        if self.train.classes != self.test.classes:
            differing = sorted(set(self.train.classes) ^ set(self.test.classes))[:5]
            raise DataError(f"{folder}/train and {folder}/val contain different classes: {', '.join(differing)}")
        self.classes = len(self.train.classes)

    def split(
        self, eval_on: EvalSplit, augmentation: Augmentation, device: str, memory_format: torch.memory_format
    ) -> "FolderSplit":
        train_transform, eval_transform = _transforms(augmentation)
        train_images = _Transformed(self.train, train_transform)
        if eval_on == "test":
            return FolderSplit(train_images, _Transformed(self.test, eval_transform), device, memory_format)
        training, held_out = hold_out(self.train.targets)
        eval_images = _Transformed(self.train, eval_transform)
        return FolderSplit(Subset(train_images, training), Subset(eval_images, held_out), device, memory_format)


def _open_folder(folder: Path) -> Any:
    from torchvision.datasets import ImageFolder

    try:
        return ImageFolder(str(folder), loader=load_rgb)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{folder} contains no images in one folder per class ({' '.join(str(error).split())[:200]}); download "
            f"ImageNet from image-net.org and sort its validation images into one folder per class"
        ) from error


def load_rgb(path: str) -> "Image":
    """Read an image as RGB with 8 bits per channel; 16-bit values are divided by 257, so that 65535 becomes 255.

    Raises:
        OSError: the file is damaged or no image.
    """
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        if image.mode.startswith("I;16") or image.mode in ("I", "F"):
            values = np.asarray(image, dtype=np.float64)
            if values.min() < 0 or values.max() > _MOST_16_BIT:
                span = f"{values.min():g} to {values.max():g}"
                raise OSError(f"its values are {span} in mode {image.mode}; use 8 or 16 bits per channel")
            return Image.fromarray(np.rint(values / 257).astype(np.uint8)).convert("RGB")
        return image.convert("RGB")


_MOST_16_BIT = 65535


class _Transformed(Dataset[tuple[Tensor, int]]):
    """Images of a torchvision dataset with a transform, so that two transforms can share one dataset."""

    def __init__(self, images: Any, transform: Any) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        try:
            image, label = self.images[index]
        except OSError as error:
            raise DataError(f"{self.images.samples[index][0]} cannot be read as an image: {error}") from None
        return self.transform(image), label


def _transforms(augmentation: Augmentation) -> tuple[Any, Any]:
    """Return the usual ImageNet transforms: random resized crop and flip for training, centre crop for evaluation."""
    from torchvision.transforms import v2

    to_normalised = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(_MEAN, _STD)]
    flip = [v2.RandomHorizontalFlip()] if augmentation.flip else []
    random_crop = v2.RandomResizedCrop(augmentation.size, antialias=True)
    centre_crop = [v2.Resize(augmentation.resize, antialias=True), v2.CenterCrop(augmentation.size)]
    return v2.Compose([random_crop, *flip, *to_normalised]), v2.Compose([*centre_crop, *to_normalised])


def _loader(images: Any, batch: int, generator: torch.Generator, **options: Any) -> "DataLoader[Any]":
    with warnings.catch_warnings():
        # More workers than cores are allowed: they are slower but correct, and spend much of their time on file access.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        return DataLoader(images, batch, num_workers=LOADER_WORKERS, generator=generator, **options)


@dataclass(frozen=True, eq=False)
class FolderSplit:
    """Training and evaluation images, read by torch's data loaders.

    Args:
        train_images: dataset of transformed training images and class indices.
        eval_images: dataset of transformed evaluation images and class indices.
        device: device of the batches.
        memory_format: memory format of the batches.
    """

    train_images: Any
    eval_images: Any
    device: str
    memory_format: torch.memory_format

    @property
    def size(self) -> int:
        return len(self.train_images)

    def training(self, batch: int, draws: Draws) -> Batches:
        order = RandomSampler(self.train_images, generator=draws.order)
        # The generator seeds the workers anew in each epoch, so the draws of an epoch do not depend on earlier ones.
        yield from self._on_device(
            _loader(
                self.train_images, batch, draws.augmentation, sampler=order, drop_last=True, pin_memory=self._pin_memory
            )
        )

    def evaluation(self, batch: int) -> Batches:
        # The loader has its own generator, so that it does not advance torch's global one, which modules may use.
        yield from self._on_device(_loader(self.eval_images, batch, torch.Generator(), pin_memory=self._pin_memory))

    @property
    def _pin_memory(self) -> bool:
        return self.device == "cuda"

    def _on_device(self, loader: "DataLoader[Any]") -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in _without_traceback(loader):
            moved = images.to(self.device, non_blocking=True, memory_format=self.memory_format)
            yield moved, labels.to(self.device, non_blocking=True)


def _without_traceback(loader: "DataLoader[Any]") -> Iterator[Any]:
    """The batches of a loader. An error about an image keeps its message, without the traceback of the worker process.

    Raises:
        DataError: an image cannot be read.
    """
    try:
        yield from loader
    except DataError as error:
        message = str(error).strip().splitlines()[-1]
        raise DataError(message.partition("DataError: ")[2] or message) from None
