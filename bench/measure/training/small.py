"""A set small enough to lie in memory as one tensor of bytes, on the device; augmented a whole batch at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from bench.measure.training.datasets import Batches, Draws, Judge, held_out
from bench.measure.training.recipe import Augmentation


def grey(images: Tensor) -> Tensor:
    """(n, height, width) → (n, 3, height, width), three times the same, so that every network takes them."""
    return images.unsqueeze(1).repeat(1, 3, 1, 1)


@dataclass(frozen=True, eq=False)
class SmallSet:
    """Images of one size.

    Args:
        title: what people call the set.
        classes: how many.
        train_images: uint8 of shape (n, 3, height, width).
        train_labels: shape (n,).
        test_images: likewise.
        test_labels: likewise.
        normal: mean and spread of each channel, images taken from 0 to 1; None for those of the training images.
    """

    title: str
    classes: int
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    normal: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def split(
        self, judge: Judge, augmentation: Augmentation, device: str, memory_format: torch.memory_format
    ) -> "SmallSplit":
        images, labels = self.train_images, self.train_labels
        judged, judged_labels = self.test_images, self.test_labels
        if judge == "held_out":
            rest, out = held_out(labels.tolist())
            judged, judged_labels = images[out], labels[out]
            images, labels = images[rest], labels[rest]
        mean, spread = self.normal or _normal(images)
        # One multiplication and one addition make (x ÷ 255 − mean) ÷ spread.
        scale = 1 / (255 * torch.tensor(spread, dtype=torch.float32)).view(3, 1, 1)
        shift = -torch.tensor(mean, dtype=torch.float32).view(3, 1, 1) / torch.tensor(spread).view(3, 1, 1)
        return SmallSplit(
            pad(images, (augmentation.pad,) * 4).to(device),
            labels.to(device),
            judged.to(device),
            judged_labels.to(device),
            scale.to(device),
            shift.to(device),
            augmentation,
            memory_format,
        )


def _normal(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels, taken from 0 to 1."""
    pixels = images.double() / 255
    return tuple(pixels.mean((0, 2, 3)).tolist()), tuple(pixels.std((0, 2, 3)).tolist())


@dataclass(frozen=True, eq=False)
class SmallSplit:
    """What is learned, with a black edge around each image to crop from, and what it is judged by.

    Args:
        images: uint8 of shape (n, 3, height + 2 · pad, width + 2 · pad).
        labels: shape (n,).
        judged: uint8 of shape (m, 3, height, width).
        judged_labels: shape (m,).
        scale, shift: shape (3, 1, 1); a byte times scale plus shift is normalised.
        augmentation: crops of the padded images, and flips.
        memory_format: of the batches.
    """

    images: Tensor
    labels: Tensor
    judged: Tensor
    judged_labels: Tensor
    scale: Tensor
    shift: Tensor
    augmentation: Augmentation
    memory_format: torch.memory_format

    @property
    def size(self) -> int:
        return len(self.images)

    def training(self, batch: int, draws: Draws) -> Batches:
        order = torch.randperm(self.size, generator=draws.order)
        for start in range(0, self.size - batch + 1, batch):
            chosen = order[start : start + batch].to(self.images.device)
            yield self._normalised(self._augmented(chosen, draws.augmentation)), self.labels[chosen]

    def judging(self, batch: int) -> Batches:
        for start in range(0, len(self.judged), batch):
            part = slice(start, start + batch)
            yield self._normalised(self.judged[part]), self.judged_labels[part]

    def _augmented(self, chosen: Tensor, draws: torch.Generator) -> Tensor:
        """Random crops of the padded images, and flips, drawn for each image by itself."""
        edge, count = self.augmentation.pad, len(chosen)
        # Drawn whether they are used or not, so that recipes which differ in them share the draws of the others.
        rows, columns = torch.randint(2 * edge + 1, (2, count), generator=draws).to(chosen.device)
        flipped = torch.randint(2, (count, 1, 1, 1), generator=draws, dtype=torch.bool).to(chosen.device)
        height, width = self.judged.shape[2:]
        if edge:
            windows = self.images.unfold(2, height, 1).unfold(3, width, 1)
            images = windows[chosen, :, rows, columns]
        else:
            images = self.images[chosen]
        return torch.where(flipped, images.flip(3), images) if self.augmentation.flip else images

    def _normalised(self, images: Tensor) -> Tensor:
        floats = images.to(torch.float32, memory_format=self.memory_format)
        return torch.addcmul(self.shift, floats, self.scale)
