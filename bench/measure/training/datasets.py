"""The sets of images by name, and the errors of those that are not there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from bench.measure.training.recipe import Augmentation

if TYPE_CHECKING:
    from bench.measure.training.small import SmallSet

Judge: TypeAlias = Literal["test", "held_out"]
"""What a network is judged by: the test set, or a part of the training set that it does not learn from."""
HELD_OUT = 0.1
"""Share of the training set that is held out, the same share of each class."""
SPLIT_SEED = 0
"""Of the held-out part: the same images for every replicate, since they are what a choice is made by."""

Batches: TypeAlias = Iterator[tuple[Tensor, Tensor]]
"""Images, normalised floats of shape (batch, 3, height, width), and their classes, of shape (batch,)."""


class Split(Protocol):
    """What is learned and what it is judged by, on a device.

    ``size`` is how many images an epoch has.
    """

    @property
    def size(self) -> int: ...

    def training(self, batch: int, draws: "Draws") -> Batches:
        """One epoch in a fresh order, augmented; the last images that fill no batch are left out."""
        ...

    def judging(self, batch: int) -> Batches:
        """All images to judge by, in their order."""
        ...


class Dataset(Protocol):
    """A set of images, found and read.

    ``title`` is what people call it, ``classes`` how many classes it has.
    """

    @property
    def title(self) -> str: ...

    @property
    def classes(self) -> int: ...

    def split(
        self, judge: Judge, augmentation: Augmentation, device: str, memory_format: torch.memory_format
    ) -> Split: ...


@dataclass(frozen=True)
class Draws:
    """The generators of one training run, on the CPU: what they give depends on nothing but their seed.

    Args:
        order: of the images.
        augmentation: of crops and flips.
    """

    order: torch.Generator
    augmentation: torch.Generator

    @classmethod
    def of(cls, seed: int) -> "Draws":
        return cls(
            torch.Generator().manual_seed(seed + _ORDER_STREAM), torch.Generator().manual_seed(seed + _CROP_STREAM)
        )


_ORDER_STREAM, _CROP_STREAM = 2_000_003, 3_000_017
"""Added to a replicate's seed, so that no draw of the data is one of the weights'."""


class DataError(ValueError):
    """Images that are not there or cannot be read; the message says where was looked, and how to get them."""


@dataclass(frozen=True)
class Place:
    """Where images may be.

    Args:
        root: the folder of the data sets; None where the user named none.
        download: whether torchvision may fetch what is missing.
    """

    root: Path | None
    download: bool = False


def held_out(labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """Indices to learn from and indices held out, each class in the same share, always the same ones, both ascending.

    Raises:
        DataError: a class has too few images to be split.
    """
    from sklearn.model_selection import train_test_split

    try:
        rest, out = train_test_split(
            range(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=SPLIT_SEED, shuffle=True
        )
    except ValueError as error:
        raise DataError(f"{100 * HELD_OUT:.0f} % of each class cannot be held out: {error}") from error
    return sorted(rest), sorted(out)


def digits(place: Place) -> "SmallSet":
    """Scikit-learn's 1,797 handwritten digits of 8 × 8 pixels, a fifth of each class as the test set.

    They come with the library: Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI, 1998.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    from bench.measure.training.small import SmallSet, grey

    pixels, labels = load_digits(return_X_y=True)
    images = grey(torch.from_numpy(pixels).reshape(-1, 8, 8).mul(255 / 16).round().to(torch.uint8))
    classes = torch.from_numpy(labels)
    train, test = train_test_split(range(len(labels)), test_size=0.2, stratify=labels, random_state=SPLIT_SEED)
    learned, judged = sorted(train), sorted(test)
    return SmallSet("digits", 10, images[learned], classes[learned], images[judged], classes[judged])


# The SimAM authors normalise both CIFAR sets by these; their spread is the mean of the images' own, not the pixels'.
_CIFAR_MEAN, _CIFAR_SPREAD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


def cifar10(place: Place) -> "SmallSet":
    """50,000 and 10,000 images of 32 × 32 pixels: Krizhevsky, *Learning Multiple Layers of Features*, 2009."""
    return _torchvision("CIFAR10", "CIFAR-10", 10, place, (_CIFAR_MEAN, _CIFAR_SPREAD))


def cifar100(place: Place) -> "SmallSet":
    """The same with 100 classes."""
    return _torchvision("CIFAR100", "CIFAR-100", 100, place, (_CIFAR_MEAN, _CIFAR_SPREAD))


def fashion_mnist(place: Place) -> "SmallSet":
    """60,000 and 10,000 grey images of 28 × 28 pixels: Xiao, Rasul, Vollgraf, *Fashion-MNIST*, 2017."""
    return _torchvision("FashionMNIST", "Fashion-MNIST", 10, place, None)


def _torchvision(name: str, title: str, classes: int, place: Place, normal: Any) -> "SmallSet":
    """A set that torchvision reads whole."""
    import torchvision

    from bench.measure.training.small import SmallSet, grey

    root = _root(name, place)
    read: Callable[..., Any] = getattr(torchvision.datasets, name)
    try:
        parts = [read(root, train=train, download=place.download) for train in (True, False)]
        images = [_pixels(part.data, grey) for part in parts]
        labels = [torch.as_tensor(part.targets) for part in parts]
    except Exception as error:  # torchvision, pickle and the network fail in many ways
        hint = f"python -c \"from torchvision.datasets import {name}; {name}('{root}', download=True)\""
        raise DataError(
            f"{name} is not in {root}, or damaged ({_one_line(error)}); get it with: {hint}; or set data.download: true"
        ) from error
    return SmallSet(title, classes, images[0], labels[0], images[1], labels[1], normal)


def _pixels(data: Any, grey: Callable[[Tensor], Tensor]) -> Tensor:
    """Torchvision's (n, height, width, 3), or (n, height, width) where grey, as (n, 3, height, width)."""
    images = torch.as_tensor(data)
    return grey(images) if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()


def image_folder(place: Place, folder: str = ".") -> Dataset:
    """Images in folders by class, ``<root>/<folder>/train/<class>/…`` and ``…/val/<class>/…``, as ImageNet's are.

    Args:
        place: where the data sets are.
        folder: of this one, below the root.
    """
    from bench.measure.training.folders import FolderSet

    return FolderSet(folder, _root(folder, place) / folder)


def imagenet(place: Place) -> Dataset:
    """ImageNet in ``<root>/imagenet/train`` and ``…/val``: Russakovsky et al., IJCV 2015."""
    from bench.measure.training.folders import FolderSet

    return FolderSet("ImageNet", _root("ImageNet", place) / "imagenet")


def _root(name: str, place: Place) -> Path:
    if place.root is None:
        raise DataError(
            f"nobody says where {name} is; name the folder of your data sets as data: {{root: …}} in the suite, with "
            f"--set data.root=…, or in the environment variable BENCH_DATA (the set `digits` needs none)"
        )
    return place.root


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
