"""The training loop: plain PyTorch on one device, with a checkpoint after each epoch."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from math import isfinite
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.measure.training.checkpoint import Checkpoint
from bench.measure.training.images import Batches, Draws, Split
from bench.measure.training.recipe import Recipe

EVAL_BATCH = 500
"""Batch size in evaluation, where it does not affect the results."""


@dataclass(frozen=True)
class Epoch:
    """Result of one epoch.

    Args:
        top1: share of evaluation images whose class has the highest score.
        top5: share of evaluation images whose class has one of the five highest scores.
        loss: mean cross-entropy of the evaluation images.
        train_loss: mean training loss over the steps.
        seconds: duration of the training part.
        images: number of training images processed.
    """

    top1: float
    top5: float
    loss: float
    train_loss: float
    seconds: float
    images: int


@dataclass(frozen=True)
class Trainer:
    """Training run of one network.

    Args:
        network: network on its device, trained in place.
        split: training and evaluation images.
        recipe: optimizer, schedule and number of epochs.
        draws: random number generators of the data.
        checkpoint: checkpoint to resume from and to write to.
        forward: calls the network on a batch, for example under autocast or compiled.
        report_progress: receives a progress text before each batch.
        clock: returns the time in seconds.
        history: results of the epochs so far.
    """

    network: nn.Module
    split: Split
    recipe: Recipe
    draws: Draws
    checkpoint: Checkpoint
    forward: Callable[[Tensor], Tensor]
    report_progress: Callable[[str], None] = lambda progress: None
    clock: Callable[[], float] = perf_counter
    history: list[Epoch] = field(default_factory=list)

    def train(self) -> list[Epoch]:
        """Train to the last epoch, resuming from the checkpoint if there is one. Returns the results of all epochs.

        Raises:
            ValueError: a batch is larger than the training set.
            ArithmeticError: a loss is NaN or infinite.
            CheckpointError: the checkpoint is damaged or belongs to another run.
        """
        steps = self.split.size // self.recipe.batch
        if not steps:
            raise ValueError(
                f"a batch of {self.recipe.batch} is larger than the training set of {self.split.size} images"
            )
        optimizer = self.recipe.make_optimizer(self.network)
        scheduler = self.recipe.make_scheduler(optimizer, steps)
        self._resume(optimizer, scheduler)
        for epoch in range(len(self.history), self.recipe.epochs):
            start = self.clock()
            train_loss = self._train_epoch(optimizer, scheduler, epoch, steps)
            seconds = self.clock() - start
            before_batch = partial(self._report, epoch, "evaluating")
            batches = self.split.evaluation(EVAL_BATCH)
            top1, top5, loss = evaluate(self.network, self.forward, batches, before_batch)
            if not (isfinite(train_loss) and isfinite(loss)):
                raise ArithmeticError(
                    f"diverged: in epoch {epoch + 1} the training loss is {train_loss} and the evaluation loss {loss}"
                )
            self.history.append(Epoch(top1, top5, loss, train_loss, seconds, steps * self.recipe.batch))
            self._save_checkpoint(optimizer, scheduler)
        return self.history

    def _train_epoch(self, optimizer: torch.optim.Optimizer, scheduler: Any, epoch: int, steps: int) -> float:
        """Train for one epoch. Returns the mean loss, which is read from the device only once."""
        self.network.train()
        total = torch.zeros((), device=self._device)
        for step, (images, labels) in enumerate(self.split.training(self.recipe.batch, self.draws)):
            self._report(epoch, f"step {step} of {steps}")
            optimizer.zero_grad()
            output = self.forward(images).float()
            if step == 0:
                self._require_classes(output, labels)
            loss = cross_entropy(output, labels, label_smoothing=self.recipe.label_smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
            if scheduler is not None and self.recipe.advance == "step":
                scheduler.step()
        if scheduler is not None and self.recipe.advance == "epoch":
            scheduler.step()
        return float(total) / steps

    def _require_classes(self, output: Tensor, labels: Tensor) -> None:
        """Check that the network has an output for each label of a batch.

        Raises:
            ValueError: the output has another shape, or too few classes.
        """
        if output.dim() != 2 or output.shape[1] <= int(labels.max()):
            raise ValueError(
                f"the images have labels up to {int(labels.max())}, but the network returns a tensor of shape "
                f"{tuple(output.shape)}; it must return logits of shape (N, classes)"
            )

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _report(self, epoch: int, activity: str) -> None:
        """Report the progress. It is called for every batch, because a single one may take a minute."""
        latest = f", {100 * self.history[-1].top1:.1f} % so far" if self.history else ""
        self.report_progress(f"epoch {epoch + 1} of {self.recipe.epochs}, {activity}{latest}")

    def _save_checkpoint(self, optimizer: torch.optim.Optimizer, scheduler: Any) -> None:
        """Save the state that the next epoch depends on; after the last epoch, only the weights and the history."""
        content: dict[str, Any] = {
            "state_dict": self.network.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
        }
        if len(self.history) < self.recipe.epochs:
            content |= {
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict() if scheduler is not None else None,
                "generators": [generator.get_state() for generator in self._generators],
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state() if self._device.type == "cuda" else None,
            }
        self.checkpoint.save(content)

    @property
    def _generators(self) -> tuple[torch.Generator, torch.Generator]:
        return self.draws.order, self.draws.augmentation

    def _resume(self, optimizer: torch.optim.Optimizer, scheduler: Any) -> None:
        """Restore the state from the checkpoint, if there is one."""
        content = self.checkpoint.load()
        if content is None:
            return
        self.network.load_state_dict(content["state_dict"])
        self.history.extend(Epoch(**epoch) for epoch in content["history"])
        if len(self.history) < self.recipe.epochs:
            optimizer.load_state_dict(content["optimizer"])
            if scheduler is not None:
                scheduler.load_state_dict(content["scheduler"])
            for generator, state in zip(self._generators, content["generators"], strict=True):
                generator.set_state(state)
            torch.set_rng_state(content["torch"])
            if content["cuda"] is not None:
                torch.cuda.set_rng_state(content["cuda"])


def evaluate(
    network: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Batches,
    before_batch: Callable[[], None] = lambda: None,
) -> tuple[float, float, float]:
    """Return top-1 accuracy, top-5 accuracy and mean cross-entropy of a network.

    With five classes or fewer, the top-5 accuracy is 1.

    Args:
        network: network, which is put into evaluation mode.
        forward: calls the network on a batch.
        batches: batches of images and labels.
        before_batch: called before each batch.
    """
    network.eval()
    count, top1, top5, loss = 0, 0, 0, 0.0
    with torch.inference_mode():
        for images, labels in batches:
            before_batch()
            output = forward(images).float()
            correct = output.topk(min(5, output.shape[1])).indices == labels[:, None]
            top1, top5 = top1 + int(correct[:, 0].sum()), top5 + int(correct.sum())
            loss += float(cross_entropy(output, labels, reduction="sum"))
            count += len(labels)
    return top1 / count, top5 / count, loss / count
