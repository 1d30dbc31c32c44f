"""The loop: plain PyTorch on one device, an epoch at a time."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.measure.training.checkpoint import Checkpoint
from bench.measure.training.datasets import Draws, Split
from bench.measure.training.recipe import Recipe

JUDGE_BATCH = 500
"""Images at a time when judging; a network in evaluation gives the same for any."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Args:
        top1, top5: share of the judged images whose class is the likeliest, or among the five likeliest.
        loss: mean cross-entropy of the judged images.
        train_loss: mean over the steps, as optimised.
        seconds: of the training part.
        images: learned from.
    """

    top1: float
    top5: float
    loss: float
    train_loss: float
    seconds: float
    images: int


@dataclass(frozen=True)
class Trainer:
    """One network's training run.

    Args:
        network: on the device, to be trained in place.
        split: the images.
        recipe: how.
        draws: the generators of the data.
        checkpoint: where to go on from.
        forward: network called on a batch; under autocast or compiled as asked.
        tell: told how far it has come.
        clock: seconds.
    """

    network: nn.Module
    split: Split
    recipe: Recipe
    draws: Draws
    checkpoint: Checkpoint
    forward: Callable[[Tensor], Tensor]
    tell: Callable[[str], None] = lambda reached: None
    clock: Callable[[], float] = perf_counter
    history: list[Epoch] = field(default_factory=list)

    def train(self) -> list[Epoch]:
        """Train to the last epoch, from where the checkpoint was left. Returns every epoch.

        Raises:
            ArithmeticError: a loss is not finite any more.
            CheckpointError: the checkpoint is not this run's.
        """
        steps = self.split.size // self.recipe.batch
        if not steps:
            raise ValueError(f"a batch of {self.recipe.batch} is more than the {self.split.size} images to learn from")
        optimizer = self.recipe.make_optimizer(self.network)
        scheduler = self.recipe.make_scheduler(optimizer, steps)
        self._go_on(optimizer, scheduler)
        for epoch in range(len(self.history), self.recipe.epochs):
            start = self.clock()
            train_loss = self._learn(optimizer, scheduler, epoch, steps)
            seconds = self.clock() - start
            tell = partial(self._say, epoch, "judging")
            top1, top5, loss = judge(self.network, self.forward, self.split.judging(JUDGE_BATCH), tell)
            if not all(map(_finite, (train_loss, loss))):
                raise ArithmeticError(f"diverged: the loss of epoch {epoch + 1} is {train_loss}, judged {loss}")
            self.history.append(Epoch(top1, top5, loss, train_loss, seconds, steps * self.recipe.batch))
            self._keep(optimizer, scheduler)
        return self.history

    def _learn(self, optimizer: torch.optim.Optimizer, scheduler: Any, epoch: int, steps: int) -> float:
        """One epoch. Returns the mean loss, which is asked of the device only once."""
        self.network.train()
        total = torch.zeros((), device=self._device)
        for step, (images, labels) in enumerate(self.split.training(self.recipe.batch, self.draws)):
            self._say(epoch, f"step {step} of {steps}")
            optimizer.zero_grad()
            output = self.forward(images).float()
            loss = cross_entropy(output, labels, label_smoothing=self.recipe.label_smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
            if scheduler is not None and self.recipe.advance == "step":
                scheduler.step()
        if scheduler is not None and self.recipe.advance == "epoch":
            scheduler.step()
        return float(total) / steps

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _say(self, epoch: int, what: str) -> None:
        """A sign of life, at each step and judged batch: one of either may take a minute."""
        best = f", {100 * self.history[-1].top1:.1f} % so far" if self.history else ""
        self.tell(f"epoch {epoch + 1} of {self.recipe.epochs}, {what}{best}")

    def _keep(self, optimizer: torch.optim.Optimizer, scheduler: Any) -> None:
        """All that the next epoch depends on; after the last one only what was learned."""
        content: dict[str, Any] = {
            "state_dict": self.network.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
        }
        if len(self.history) < self.recipe.epochs:
            content |= {
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict() if scheduler is not None else None,
                "generators": [each.get_state() for each in (self.draws.order, self.draws.augmentation)],
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state() if self._device.type == "cuda" else None,
            }
        self.checkpoint.save(content)

    def _go_on(self, optimizer: torch.optim.Optimizer, scheduler: Any) -> None:
        kept = self.checkpoint.load()
        if kept is None:
            return
        self.network.load_state_dict(kept["state_dict"])
        self.history.extend(Epoch(**epoch) for epoch in kept["history"])
        if len(self.history) < self.recipe.epochs:
            optimizer.load_state_dict(kept["optimizer"])
            if scheduler is not None:
                scheduler.load_state_dict(kept["scheduler"])
            for generator, state in zip((self.draws.order, self.draws.augmentation), kept["generators"], strict=True):
                generator.set_state(state)
            torch.set_rng_state(kept["torch"])
            if kept["cuda"] is not None:
                torch.cuda.set_rng_state(kept["cuda"])


def judge(
    network: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Iterator[tuple[Tensor, Tensor]],
    tell: Callable[[], None] = lambda: None,
) -> tuple[float, float, float]:
    """Top-1, top-5 (of fewer than five classes, all) and mean cross-entropy of a network in evaluation.

    Args:
        network: to be put into evaluation.
        forward: the network, called on a batch.
        batches: images and labels.
        tell: called before each batch.
    """
    network.eval()
    seen, hits1, hits5, loss = 0, 0, 0, 0.0
    with torch.inference_mode():
        for images, labels in batches:
            tell()
            output = forward(images).float()
            best = output.topk(min(5, output.shape[1])).indices == labels[:, None]
            hits1, hits5 = hits1 + int(best[:, 0].sum()), hits5 + int(best.sum())
            loss += float(cross_entropy(output, labels, reduction="sum"))
            seen += len(labels)
    return hits1 / seen, hits5 / seen, loss / seen


def _finite(number: float) -> bool:
    return number - number == 0
