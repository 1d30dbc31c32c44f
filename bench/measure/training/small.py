"""Datasets small enough for the memory of the device: one tensor of bytes, augmented a whole batch at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from bench.measure.training.images import Batches, Draws, EvalSplit, hold_out
from bench.measure.training.recipe import Augmentation


def grey_to_rgb(images: Tensor) -> Tensor:
    """Repeat greyscale images of shape (n, height, width) in three channels, shape (n, 3, height, width)."""
    return images.unsqueeze(1).repeat(1, 3, 1, 1)


@dataclass(frozen=True, eq=False)
class SmallDataset:
    """Images of equal size in memory.

    Args:
        title: display name.
        classes: number of classes.
        train_images: uint8, shape (n, 3, height, width).
        train_labels: class indices, shape (n,).
        test_images: uint8, shape (m, 3, height, width).
        test_labels: class indices, shape (m,).
        mean_std: mean and standard deviation of each channel, for pixel values from 0 to 1; None for those of the
            training images.
    """

    title: str
    classes: int
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    mean_std: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def split(
        self, eval_on: EvalSplit, augmentation: Augmentation, device: str, memory_format: torch.memory_format
    ) -> "SmallSplit":
        images, labels = self.train_images, self.train_labels
        eval_images, eval_labels = self.test_images, self.test_labels
        if eval_on == "held_out":
            training, held_out = hold_out(labels.tolist())
            eval_images, eval_labels = images[held_out], labels[held_out]
            images, labels = images[training], labels[training]
        mean, std = self.mean_std or _mean_std(images)
        # (x ÷ 255 − mean) ÷ std as one product and one sum: x · scale + shift.
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float32)).view(3, 1, 1)
        shift = -torch.tensor(mean, dtype=torch.float32).view(3, 1, 1) / torch.tensor(std).view(3, 1, 1)
        return SmallSplit(
            pad(images, (augmentation.pad,) * 4).to(device),
            labels.to(device),
            eval_images.to(device),
            eval_labels.to(device),
            scale.to(device),
            shift.to(device),
            augmentation,
            memory_format,
        )


def _mean_std(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of each channel over all pixels, for pixel values from 0 to 1."""
    pixels = images.double() / 255
    return tuple(pixels.mean((0, 2, 3)).tolist()), tuple(pixels.std((0, 2, 3)).tolist())


@dataclass(frozen=True, eq=False)
class SmallSplit:
    """Training images with a black border for random crops, and evaluation images.

    Args:
        images: padded training images, uint8, shape (n, 3, height + 2 · pad, width + 2 · pad).
        labels: class indices of the training images, shape (n,).
        eval_images: uint8, shape (m, 3, height, width).
        eval_labels: class indices of the evaluation images, shape (m,).
        scale: factor of the normalisation, shape (3, 1, 1); byte · scale + shift is the normalised value.
        shift: summand of the normalisation, shape (3, 1, 1).
        augmentation: crops and flips of the training images.
        memory_format: memory format of the batches.
    """

    images: Tensor
    labels: Tensor
    eval_images: Tensor
    eval_labels: Tensor
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
            indices = order[start : start + batch].to(self.images.device)
            yield self._normalised(self._augmented(indices, draws.augmentation)), self.labels[indices]

    def evaluation(self, batch: int) -> Batches:
        for start in range(0, len(self.eval_images), batch):
            part = slice(start, start + batch)
            yield self._normalised(self.eval_images[part]), self.eval_labels[part]

    def _augmented(self, indices: Tensor, generator: torch.Generator) -> Tensor:
        """Return random crops of the padded images, randomly flipped; each image has its own random draws."""
        border, count = self.augmentation.pad, len(indices)
        # Both are drawn even if they are not used, so that recipes with and without flips share the draws of the crops.
        rows, columns = torch.randint(2 * border + 1, (2, count), generator=generator).to(indices.device)
        flipped = torch.randint(2, (count, 1, 1, 1), generator=generator, dtype=torch.bool).to(indices.device)
        height, width = self.eval_images.shape[2:]
        if border:
            windows = self.images.unfold(2, height, 1).unfold(3, width, 1)
            images = windows[indices, :, rows, columns]
        else:
            images = self.images[indices]
        return torch.where(flipped, images.flip(3), images) if self.augmentation.flip else images

    def _normalised(self, images: Tensor) -> Tensor:
        floats = images.to(torch.float32, memory_format=self.memory_format)
        return torch.addcmul(self.shift, floats, self.scale)
