"""Accuracy of a network on images that it was not trained on, after training or with given weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.measure import Announce, Outcome, Subject
from bench.measure.training.recipe import load_recipe
from bench.store.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.measure.training.images import Dataset, Split
    from bench.measure.training.loop import Epoch

TORCHVISION = "torchvision"
"""Value of the option ``weights`` for the weights that torchvision publishes."""

_FORWARD_STREAM = 4_000_037
"""Offset to a replicate's seed for the random draws of a network during training, such as dropout."""


@dataclass(frozen=True)
class Accuracy:
    """``top1`` and ``top5`` accuracy as fractions and the ``loss`` after the last epoch; ``best_top1`` is of any epoch.

    ``throughput`` (images per second) and ``epoch_time`` are those of the training part of each epoch. All variants of
    a seed start from the same weights in the layers that they share, and train on the same images in the same order and
    with the same crops. A training run writes a checkpoint after each epoch and resumes from it.

    Args:
        recipe: how to train: the name of a built-in recipe, the path of a YAML file, or a whole recipe as JSON. The
            suite.yaml of a run contains the whole recipe, so that a resumed run uses the recipe it started with.
        eval_on: images that the network is evaluated on: the test set, or held-out training images, which are meant
            for choosing options such as a placement.
        memory_format: memory format of images and weights.
        autocast: whether the forward pass runs under torch.autocast in bfloat16.
        compile: whether the forward pass runs under torch.compile.
        weights: weights to evaluate instead of training: "torchvision" for the published ones, a file, or the folder
            of checkpoints of an earlier run.
    """

    recipe: str = "smoke_digits"
    eval_on: Literal["test", "held_out"] = "test"
    memory_format: Literal["contiguous", "channels_last"] = "channels_last"
    autocast: bool = False
    compile: bool = False
    weights: str | None = None

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "dataset", "seed"})
    gates: ClassVar = ("top1", "top5")
    timed: ClassVar = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipe", load_recipe(self.recipe).text)

    @property
    def check_every_seed(self) -> bool:
        """Whether :meth:`check` depends on the seed: each seed may have its own file of weights."""
        return self.weights is not None

    def training_images(self, size: int) -> int:
        """Return the number of images that a training run processes, for a training set of ``size`` images."""
        return 0 if self.weights else load_recipe(self.recipe).epochs * size

    def check(self, subject: Subject) -> None:
        """Raise an error if images are missing, weights do not fit, or torch rejects the recipe."""
        import torch

        dataset = subject.dataset()
        if self.weights is not None:
            self._load(subject, dataset)
            return
        with torch.device("meta"):
            load_recipe(self.recipe).dry_run(subject.network(dataset.classes, None))

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            yield subject, self._evaluate(subject, announce) if self.weights else self._train(subject, announce)

    def _train(self, subject: Subject, announce: Announce) -> Outcome:
        import torch

        from bench.measure.training.checkpoint import Checkpoint
        from bench.measure.training.images import Draws
        from bench.measure.training.loop import Trainer

        recipe, dataset = load_recipe(self.recipe), subject.dataset()
        network = subject.network(dataset.classes, None)
        split = self._to_device(network, subject, dataset)
        torch.manual_seed(subject.seed + _FORWARD_STREAM)
        trainer = Trainer(
            network,
            split,
            recipe,
            Draws.of(subject.seed),
            Checkpoint(
                subject.scratch and subject.scratch / _file_name(subject), {**asdict(self), "device": subject.device}
            ),
            self._forward(network, subject.device),
            lambda progress: announce(subject, progress),
        )
        return _outcome_of_training(trainer.train(), {"recipe": asdict(recipe), **self._settings(subject, dataset)})

    def _evaluate(self, subject: Subject, announce: Announce) -> Outcome:
        from bench.measure.training.loop import EVAL_BATCH, evaluate

        dataset = subject.dataset()
        network = self._load(subject, dataset)
        split = self._to_device(network, subject, dataset)
        forward, before_batch = self._forward(network, subject.device), partial(announce, subject, "evaluating")
        top1, top5, loss = evaluate(network, forward, split.evaluation(EVAL_BATCH), before_batch)
        if not isfinite(loss):
            raise ArithmeticError(f"with these weights the loss is {loss}")
        values = Value("top1", "1", (top1,)), Value("top5", "1", (top5,)), Value("loss", "1", (loss,))
        return Outcome(values, {"weights": self.weights, **self._settings(subject, dataset)})

    def _to_device(self, network: "nn.Module", subject: Subject, dataset: "Dataset") -> "Split":
        """Move the network to the device. Returns the images on the same device."""
        import torch

        layout = torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format
        network.to(subject.device).to(memory_format=layout)
        return dataset.split(self.eval_on, load_recipe(self.recipe).augmentation, subject.device, layout)

    def _load(self, subject: Subject, dataset: "Dataset") -> "nn.Module":
        """Return the network with the given weights, on torch's default device."""
        from simam.checkpoints import load_weights

        if self.weights == TORCHVISION:
            return subject.network(dataset.classes, "DEFAULT")
        network = subject.network(dataset.classes, None)
        load_weights(network, self._weights_file(subject))
        return network

    def _weights_file(self, subject: Subject) -> Path:
        """Return the file with a subject's weights.

        Raises:
            FileNotFoundError: the file, or the subject's file in the folder, does not exist.
            ValueError: the file is the checkpoint of an unfinished training run.
        """
        from bench.measure.training.checkpoint import is_finished

        path = Path(str(self.weights))
        if not path.exists():
            raise FileNotFoundError(
                f"weights: there is no file or folder {path}; write an existing one, or {TORCHVISION} for the "
                f"published weights"
            )
        file = path if path.is_file() else path / _file_name(subject)
        if not file.is_file():
            raise FileNotFoundError(
                f"{path} does not contain {file.name}, the weights of this network, module and seed"
            )
        if not is_finished(file):
            raise ValueError(
                f"{file} is the checkpoint of an unfinished training run; finish that run first, with run --resume"
            )
        return file

    def _forward(self, network: "nn.Module", device: str) -> "Callable[[Tensor], Tensor]":
        import torch

        from bench.measure.compilation import compile_network

        forward: Callable[[Tensor], Tensor] = compile_network(network) if self.compile else network
        if not self.autocast:
            return forward

        def autocast_forward(images: "Tensor") -> "Tensor":
            # bfloat16 has the exponent range of float32, so gradients do not underflow and need no scaling.
            with torch.autocast(device, torch.bfloat16):
                return forward(images)

        return autocast_forward

    def _settings(self, subject: Subject, dataset: "Dataset") -> dict[str, Any]:
        """Return the conditions of training and evaluation, for the record."""
        import torch

        return {
            "dataset": dataset.title,
            "device": subject.device,
            "eval_on": self.eval_on,
            "memory_format": self.memory_format,
            "autocast": self.autocast,
            "compile": self.compile,
            "threads": torch.get_num_threads(),
        }


def _file_name(subject: Subject) -> str:
    """Return the name of a subject's checkpoint file."""
    return f"{subject.key}.pt"


def _outcome_of_training(history: "Sequence[Epoch]", details: dict[str, Any]) -> Outcome:
    last = history[-1]
    values = (
        Value("top1", "1", (last.top1,)),
        Value("top5", "1", (last.top5,)),
        Value("loss", "1", (last.loss,)),
        Value("best_top1", "1", (max(epoch.top1 for epoch in history),)),
        Value("throughput", "1/s", tuple(epoch.images / epoch.seconds for epoch in history)),
        Value("epoch_time", "s", tuple(epoch.seconds for epoch in history)),
    )
    names = ("top1", "top5", "loss", "train_loss")
    return Outcome(values, {**details, "epochs": {name: [getattr(epoch, name) for epoch in history] for name in names}})
