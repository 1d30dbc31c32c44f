"""The training loop, compared with a step by hand, and resumed after every epoch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.measure.training.checkpoint import Checkpoint, CheckpointError
from bench.measure.training.images import Draws
from bench.measure.training.loop import Trainer, evaluate
from bench.measure.training.recipe import Augmentation, Recipe
from bench.measure.training.small import SmallDataset

RECIPE = Recipe(
    "t",
    epochs=4,
    batch=8,
    optimizer={"SGD": {"lr": 0.1, "momentum": 0.9}},
    scheduler={"OneCycleLR": {"max_lr": 0.1}},
    advance="step",
    augmentation=Augmentation(pad=1, flip=True),
)


def images(count: int = 64) -> SmallDataset:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.randint(6, (count,), generator=generator)
    return SmallDataset("x", 6, pixels, labels, pixels, labels)


def network() -> nn.Module:
    """Return a network with a norm, which has running statistics, and dropout, which uses torch's global generator."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(144, 6)
    )


def trainer(path: Path | None = None, recipe: Recipe = RECIPE, clock: Callable[[], float] = lambda: 0.0) -> Trainer:
    model = network()
    split = images().split("test", recipe.augmentation, "cpu", torch.contiguous_format)
    torch.manual_seed(2)
    return Trainer(model, split, recipe, Draws.of(0), Checkpoint(path, {"seed": 0}), model, clock=clock)


def have_equal_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


def test_one_step_by_hand() -> None:
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
    assert have_equal_weights(trained.network, by_hand)


def test_equal_seeds_give_equal_weights() -> None:
    first = trainer()
    history = first.train()
    again = trainer()
    assert again.train() == history and have_equal_weights(first.network, again.network)


BY_EPOCH = replace(RECIPE, scheduler={"MultiStepLR": {"milestones": [1, 3]}}, advance="epoch")


@pytest.mark.parametrize("recipe", [RECIPE, BY_EPOCH], ids=["by step", "by epoch"])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, after: int, recipe: Recipe) -> None:
    whole = trainer(recipe=recipe)
    history = whole.train()
    interrupted = trainer(tmp_path / "c.pt", recipe)
    checkpoint = interrupted.checkpoint

    class InterruptingCheckpoint(Checkpoint):
        def save(self, content: object) -> None:
            checkpoint.save(content)  # type: ignore[arg-type]
            if len(content["history"]) == after:  # type: ignore[index]
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(interrupted, checkpoint=InterruptingCheckpoint(checkpoint.path, checkpoint.identity)).train()
    resumed = trainer(tmp_path / "c.pt", recipe)
    torch.manual_seed(99)  # another process has another generator state
    assert resumed.train() == history and have_equal_weights(resumed.network, whole.network)


def test_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    history = trainer(tmp_path / "c.pt").train()
    again = trainer(tmp_path / "c.pt")
    progress: list[str] = []
    assert replace(again, report_progress=progress.append, forward=None).train() == history  # type: ignore[arg-type]
    assert progress == []


def test_final_checkpoint_has_no_optimizer_state(tmp_path: Path) -> None:
    finished = trainer(tmp_path / "c.pt")
    finished.train()
    content = torch.load(tmp_path / "c.pt", weights_only=True)
    assert content.keys() == {"state_dict", "history", "identity"}
    assert all(torch.equal(content["state_dict"][key], value) for key, value in finished.network.state_dict().items())


def test_foreign_and_damaged_checkpoint_messages(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    trainer(path).train()
    with pytest.raises(CheckpointError, match="another training run, which differs in seed; delete the file"):
        Checkpoint(path, {"seed": 1}).load()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"cannot be read .*; delete it") as caught:
        Checkpoint(path, {"seed": 0}).load()
    assert "\n" not in str(caught.value)


def test_full_disk_keeps_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path / "c.pt", {"seed": 0})
    checkpoint.save({"n": 1})

    def fail(content: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save({"n": 2})
    assert checkpoint.load() == {"n": 1}


def test_diverged_run_raises_an_error() -> None:
    recipe = replace(RECIPE, optimizer={"SGD": {"lr": 1e30}}, scheduler={})
    with pytest.raises(ArithmeticError, match="diverged: in epoch"):
        trainer(recipe=recipe).train()


def test_batch_larger_than_the_training_set() -> None:
    with pytest.raises(ValueError, match="a batch of 100 is larger than the training set of 64 images"):
        trainer(recipe=replace(RECIPE, batch=100)).train()


def test_seconds_and_images_of_the_training_part() -> None:
    ticks = iter(range(100))
    history = trainer(clock=lambda: float(next(ticks))).train()
    assert [(epoch.seconds, epoch.images) for epoch in history] == [(1.0, 64)] * 4


def test_evaluation_by_hand() -> None:
    """Four images and seven classes: two are correct, one is in the top 5, one is not."""
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
    top1, top5, loss = evaluate(model, model, iter([(torch.arange(3), labels[:3]), (torch.tensor([3]), labels[3:])]))
    assert (top1, top5) == (0.5, 0.75)
    by_hand = -sum(float(scores[i].double().log_softmax(0)[labels[i]]) for i in range(4)) / 4
    assert loss == pytest.approx(by_hand, rel=1e-6)


def test_evaluation_with_fewer_than_five_classes() -> None:
    model = nn.Identity()
    assert evaluate(model, model, iter([(torch.eye(3), torch.tensor([0, 1, 0]))]))[:2] == (2 / 3, 1.0)
