"""The built-in datasets, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.measure.training.folders import FolderDataset
from bench.measure.training.images import SPLIT_SEED, DataError, DataLocation
from bench.measure.training.small import SmallDataset, grey_to_rgb

# The SimAM authors normalise both CIFAR datasets by these values. Their standard deviation is the mean over images of
# the standard deviation within an image, and not that of all pixels.
_CIFAR_MEAN, _CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


def digits(location: DataLocation) -> SmallDataset:
    """Load scikit-learn's 1,797 handwritten digits of 8 × 8 pixels; a fifth of each class is the test set.

    scikit-learn includes the images.

    Source: Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI, 1998.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, targets = load_digits(return_X_y=True)
    images = grey_to_rgb(torch.from_numpy(pixels).reshape(-1, 8, 8).mul(255 / 16).round().to(torch.uint8))
    labels = torch.from_numpy(targets)
    split = train_test_split(range(len(targets)), test_size=0.2, stratify=targets, random_state=SPLIT_SEED)
    train, test = map(sorted, split)
    return SmallDataset("digits", 10, images[train], labels[train], images[test], labels[test])


def cifar10(location: DataLocation) -> SmallDataset:
    """Load CIFAR-10: 50,000 training and 10,000 test images of 32 × 32 pixels in 10 classes.

    Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
    """
    return _load_torchvision("CIFAR10", "CIFAR-10", 10, location, (_CIFAR_MEAN, _CIFAR_STD))


def cifar100(location: DataLocation) -> SmallDataset:
    """Load CIFAR-100: 50,000 training and 10,000 test images of 32 × 32 pixels in 100 classes.

    Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
    """
    return _load_torchvision("CIFAR100", "CIFAR-100", 100, location, (_CIFAR_MEAN, _CIFAR_STD))


def fashion_mnist(location: DataLocation) -> SmallDataset:
    """Load Fashion-MNIST: 60,000 training and 10,000 test images, greyscale, of 28 × 28 pixels in 10 classes.

    Source: Xiao, Rasul and Vollgraf, *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms*, 2017.
    """
    return _load_torchvision("FashionMNIST", "Fashion-MNIST", 10, location, None)


def _load_torchvision(name: str, title: str, classes: int, location: DataLocation, mean_std: Any) -> SmallDataset:
    """Load a dataset that torchvision holds in memory.

    Args:
        name: class name in torchvision.datasets.
        title: display name.
        classes: number of classes.
        location: location of the dataset.
        mean_std: mean and standard deviation for the normalisation; None for those of the training images.
    """
    import torchvision

    root = _root_of(name, location)
    load: Callable[..., Any] = getattr(torchvision.datasets, name)
    try:
        parts = [load(root, train=train, download=location.download) for train in (True, False)]
        images = [_channels_first(part.data) for part in parts]
        labels = [torch.as_tensor(part.targets) for part in parts]
    except Exception as error:  # torchvision, pickle and downloads raise many types
        command = f"python -c \"from torchvision.datasets import {name}; {name}('{root}', download=True)\""
        raise DataError(
            f"{name} is missing or damaged in {root} ({_one_line(error)}); download it with: {command}; or set "
            f"data.download: true"
        ) from error
    return SmallDataset(title, classes, images[0], labels[0], images[1], labels[1], mean_std)


def _channels_first(data: Any) -> Tensor:
    """Convert torchvision's arrays, (n, height, width, 3) or (n, height, width), to shape (n, 3, height, width)."""
    images = torch.as_tensor(data)
    return grey_to_rgb(images) if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()


def image_folder(location: DataLocation, folder: str = ".") -> FolderDataset:
    """Open a dataset with one folder per class, ``<root>/<folder>/train/<class>/…`` and ``<root>/<folder>/val/…``.

    Args:
        location: location of the datasets.
        folder: folder of this dataset, relative to the root.
    """
    return FolderDataset(folder, _root_of(folder, location) / folder)


def imagenet(location: DataLocation) -> FolderDataset:
    """Open ImageNet in ``<root>/imagenet/train`` and ``<root>/imagenet/val``, with one folder per class.

    Source: Russakovsky et al., *ImageNet Large Scale Visual Recognition Challenge*, IJCV 2015.
    """
    return FolderDataset("ImageNet", _root_of("ImageNet", location) / "imagenet")


def _root_of(name: str, location: DataLocation) -> Path:
    """Return the folder of the datasets.

    Raises:
        DataError: no folder was given.
    """
    if location.root is None:
        raise DataError(
            f"no folder is given for the dataset {name}; name the folder of your datasets with data: {{root: …}} in "
            f"the suite, --set data.root=…, or the environment variable BENCH_DATA (the dataset `digits` needs none)"
        )
    return location.root


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
