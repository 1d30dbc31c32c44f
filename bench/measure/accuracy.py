"""How well a network classifies images that it has not learned from, after training it; or with weights from a file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.measure import Announce, Outcome, Subject
from bench.measure.training.recipe import load_recipe
from bench.results.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.measure.training.datasets import Dataset, Split
    from bench.measure.training.loop import Epoch

TORCHVISION = "torchvision"
"""As ``weights``: those that torchvision publishes for a network."""

_FORWARD_STREAM = 4_000_037
"""Added to a replicate's seed, for what networks draw while they learn, such as dropout."""


@dataclass(frozen=True)
class Accuracy:
    """``top1`` and ``top5`` after the last epoch, as shares, and the ``loss``; ``best_top1`` is the best epoch's.

    ``throughput`` (images a second) and ``epoch_time`` are of the training part of each epoch. All variants of a seed
    start from the same weights where they share layers, and see the same images in the same order and crops. A
    training run keeps a checkpoint after each epoch and goes on from there.

    Args:
        recipe: how to train: a name in suites/recipes, the path of a YAML file, or the whole recipe as JSON, which a
            resolved suite has, so that a run goes on and is told by the recipe that it began with.
        judge: what the network is judged by: the test set, or images held out from the training set, for choices.
        memory_format: of images and weights.
        autocast: whether the forward pass runs under torch.autocast, in bfloat16.
        compile: whether it runs under torch.compile.
        weights: judge these instead of training: "torchvision" for the network's published ones, a file, or a folder
            of checkpoints that an earlier run left.
    """

    recipe: str = "smoke_digits"
    judge: Literal["test", "held_out"] = "test"
    memory_format: Literal["contiguous", "channels_last"] = "channels_last"
    autocast: bool = False
    compile: bool = False
    weights: str | None = None

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "dataset", "seed"})
    gates: ClassVar = ("top1", "top5")
    timed: ClassVar = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipe", load_recipe(self.recipe).text)

    def images_learned(self, size: int) -> int:
        """How many images a training run sees, of a set of so many."""
        return 0 if self.weights else load_recipe(self.recipe).epochs * size

    def check(self, subject: Subject) -> None:
        """Raise on images that are not there, weights that do not fit, and a recipe that torch does not take."""
        import torch

        dataset = subject.dataset()
        if self.weights is not None:
            self._load(subject, dataset)
            return
        with torch.device("meta"):
            load_recipe(self.recipe).try_out(subject.network(dataset.classes, None))

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            yield subject, self._judged(subject, announce) if self.weights else self._trained(subject, announce)

    def _on_device(self, network: "nn.Module", subject: Subject, dataset: "Dataset") -> "Split":
        """Move a network to the device, and the images."""
        import torch

        layout = torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format
        network.to(subject.device).to(memory_format=layout)
        return dataset.split(self.judge, load_recipe(self.recipe).augmentation, subject.device, layout)

    def _load(self, subject: Subject, dataset: "Dataset") -> "nn.Module":
        """The network with the weights that are asked for, on torch's default device."""
        from simam.checkpoints import load_weights

        if self.weights == TORCHVISION:
            return subject.network(dataset.classes, "DEFAULT")
        network = subject.network(dataset.classes, None)
        load_weights(network, self._file(subject))
        return network

    def _trained(self, subject: Subject, announce: Announce) -> Outcome:
        import torch

        from bench.measure.training.checkpoint import Checkpoint
        from bench.measure.training.datasets import Draws
        from bench.measure.training.loop import Trainer

        recipe, dataset = load_recipe(self.recipe), subject.dataset()
        network = subject.network(dataset.classes, None)
        split = self._on_device(network, subject, dataset)
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
            lambda reached: announce(subject, reached),
        )
        return _outcome(trainer.train(), {"recipe": asdict(recipe), **self._settings(subject, dataset)})

    def _judged(self, subject: Subject, announce: Announce) -> Outcome:
        from bench.measure.training.loop import JUDGE_BATCH, judge

        dataset = subject.dataset()
        network = self._load(subject, dataset)
        split = self._on_device(network, subject, dataset)
        tell = partial(announce, subject, "judging")
        top1, top5, loss = judge(network, self._forward(network, subject.device), split.judging(JUDGE_BATCH), tell)
        if not isfinite(loss):
            raise ArithmeticError(f"with these weights the loss is {loss}")
        values = Value("top1", "1", (top1,)), Value("top5", "1", (top5,)), Value("loss", "1", (loss,))
        return Outcome(values, {"weights": self.weights, **self._settings(subject, dataset)})

    def _file(self, subject: Subject) -> Path:
        """The file with a subject's weights."""
        from bench.measure.training.checkpoint import is_finished

        path = Path(str(self.weights))
        if not path.exists():
            raise FileNotFoundError(
                f"weights: there is no file or folder {path}; write one, or {TORCHVISION} for the published"
            )
        found = path if path.is_file() else path / _file_name(subject)
        if not found.is_file():
            raise FileNotFoundError(f"{path} holds no {found.name}, the weights of this network, module and seed")
        if not is_finished(found):
            raise ValueError(f"{found} is of a training run that was stopped; go on with it first, with run --resume")
        return found

    def _forward(self, network: "nn.Module", device: str) -> "Callable[[Tensor], Tensor]":
        import torch

        from bench.measure.compilation import compile_network

        forward: Callable[[Tensor], Tensor] = compile_network(network) if self.compile else network
        if not self.autocast:
            return forward

        def under_autocast(images: "Tensor") -> "Tensor":
            # bfloat16 has float32's range, so no gradient is lost for being small.
            with torch.autocast(device, torch.bfloat16):
                return forward(images)

        return under_autocast

    def _settings(self, subject: Subject, dataset: "Dataset") -> dict[str, Any]:
        """What a network was trained or judged under."""
        import torch

        return {
            "dataset": dataset.title,
            "device": subject.device,
            "judge": self.judge,
            "memory_format": self.memory_format,
            "autocast": self.autocast,
            "compile": self.compile,
            "threads": torch.get_num_threads(),
        }


def _file_name(subject: Subject) -> str:
    """Of a subject's checkpoint."""
    return f"{subject.key}.pt"


def _outcome(history: "Sequence[Epoch]", details: dict[str, Any]) -> Outcome:
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
    return Outcome(values, {**details, "epochs": {name: [getattr(each, name) for each in history] for name in names}})
