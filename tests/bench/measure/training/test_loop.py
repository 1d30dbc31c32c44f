"""The loop against torch's own arithmetic, and interrupted at every epoch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.measure.training.checkpoint import Checkpoint, CheckpointError
from bench.measure.training.datasets import Draws
from bench.measure.training.loop import Trainer, judge
from bench.measure.training.recipe import Augmentation, Recipe
from bench.measure.training.small import SmallSet

RECIPE = Recipe(
    "t",
    epochs=4,
    batch=8,
    optimizer={"SGD": {"lr": 0.1, "momentum": 0.9}},
    scheduler={"OneCycleLR": {"max_lr": 0.1}},
    advance="step",
    augmentation=Augmentation(pad=1, flip=True),
)


def images(count: int = 64) -> SmallSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.randint(6, (count,), generator=generator)
    return SmallSet("x", 6, pixels, labels, pixels, labels)


def network() -> nn.Module:
    """With a norm, whose statistics are state, and dropout, which draws from torch's own stream."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(144, 6)
    )


def trainer(path: Path | None = None, recipe: Recipe = RECIPE, seconds: Callable[[], float] = lambda: 0.0) -> Trainer:
    model = network()
    split = images().split("test", recipe.augmentation, "cpu", torch.contiguous_format)
    torch.manual_seed(2)
    return Trainer(model, split, recipe, Draws.of(0), Checkpoint(path, {"seed": 0}), model, clock=seconds)


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


def test_one_step_is_torchs_own() -> None:
    recipe = Recipe("t", 1, 64, {"SGD": {"lr": 0.5}}, label_smoothing=0.1)
    trained = trainer(recipe=recipe)
    trained.train()
    by_hand = network()
    torch.manual_seed(2)
    [(batch, labels)] = trained.split.training(64, Draws.of(0))
    cross_entropy(by_hand(batch), labels, label_smoothing=0.1).backward()
    with torch.no_grad():
        for parameter in by_hand.parameters():
            parameter -= 0.5 * parameter.grad
    assert same(trained.network, by_hand)


def test_the_same_seeds_give_the_same_bits() -> None:
    first = trainer()
    history = first.train()
    again = trainer()
    assert again.train() == history and same(first.network, again.network)


BY_EPOCH = replace(RECIPE, scheduler={"MultiStepLR": {"milestones": [1, 3]}}, advance="epoch")


@pytest.mark.parametrize("recipe", [RECIPE, BY_EPOCH], ids=["by step", "by epoch"])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(tmp_path: Path, after: int, recipe: Recipe) -> None:
    whole = trainer(recipe=recipe)
    history = whole.train()
    stopped = trainer(tmp_path / "c.pt", recipe)
    keep = stopped.checkpoint

    class Stopping(Checkpoint):
        def save(self, content: object) -> None:
            keep.save(content)  # type: ignore[arg-type]
            if len(content["history"]) == after:  # type: ignore[index]
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(stopped, checkpoint=Stopping(keep.path, keep.identity)).train()
    resumed = trainer(tmp_path / "c.pt", recipe)
    torch.manual_seed(99)  # another process starts elsewhere
    assert resumed.train() == history and same(resumed.network, whole.network)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    history = trainer(tmp_path / "c.pt").train()
    again = trainer(tmp_path / "c.pt")
    told: list[str] = []
    assert replace(again, tell=told.append, forward=None).train() == history  # type: ignore[arg-type]
    assert told == []


def test_a_finished_run_keeps_what_it_learned_and_no_optimizer(tmp_path: Path) -> None:
    done = trainer(tmp_path / "c.pt")
    done.train()
    kept = torch.load(tmp_path / "c.pt", weights_only=True)
    assert kept.keys() == {"state_dict", "history", "identity"}
    assert all(torch.equal(kept["state_dict"][key], value) for key, value in done.network.state_dict().items())


def test_another_runs_checkpoint_and_a_damaged_one_are_messages(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    trainer(path).train()
    with pytest.raises(CheckpointError, match="another training run: it differs in seed"):
        Checkpoint(path, {"seed": 1}).load()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"cannot be read .*; delete it") as caught:
        Checkpoint(path, {"seed": 0}).load()
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path / "c.pt", {"seed": 0})
    checkpoint.save({"n": 1})

    def full(content: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save({"n": 2})
    assert checkpoint.load() == {"n": 1}


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    recipe = replace(RECIPE, optimizer={"SGD": {"lr": 1e30}}, scheduler={})
    with pytest.raises(ArithmeticError, match="diverged: the loss of epoch"):
        trainer(recipe=recipe).train()


def test_a_batch_larger_than_the_set_is_a_message() -> None:
    with pytest.raises(ValueError, match="a batch of 100 is more than the 64 images"):
        trainer(recipe=replace(RECIPE, batch=100)).train()


def test_seconds_are_of_the_training_part_and_images_are_those_learned() -> None:
    ticks = iter(range(100))
    history = trainer(seconds=lambda: float(next(ticks))).train()
    assert [(epoch.seconds, epoch.images) for epoch in history] == [(1.0, 64)] * 4


def test_judging_by_hand() -> None:
    """Of four images with seven classes: two right, one among the five likeliest, one not."""
    scores = torch.tensor(
        [
            [9.0, 1, 2, 3, 4, 5, 6],
            [1, 9, 2, 3, 4, 5, 6],
            [9, 8, 7, 6, 5, 4, 3],
            [9, 8, 7, 6, 5, 4, 3],
        ]
    )
    labels = torch.tensor([0, 1, 4, 6])

    class Fixed(nn.Module):
        def forward(self, indices: Tensor) -> Tensor:
            return scores[indices]

    model = Fixed()
    top1, top5, loss = judge(model, model, iter([(torch.arange(3), labels[:3]), (torch.tensor([3]), labels[3:])]))
    assert (top1, top5) == (0.5, 0.75)
    by_hand = -sum(float(scores[i].double().log_softmax(0)[labels[i]]) for i in range(4)) / 4
    assert loss == pytest.approx(by_hand, rel=1e-6)


def test_judging_fewer_than_five_classes() -> None:
    model = nn.Identity()
    assert judge(model, model, iter([(torch.eye(3), torch.tensor([0, 1, 0]))]))[:2] == (2 / 3, 1.0)
