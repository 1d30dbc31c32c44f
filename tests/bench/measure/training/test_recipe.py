from pathlib import Path

import pytest
import torch
from torch import nn

from bench.measure.training.recipe import RECIPES, RecipeError, load_recipe

GOOD = """
title: t
epochs: 2
batch: 4
optimizer: {SGD: {lr: 0.1}}
"""


def write(folder: Path, text: str) -> str:
    path = folder / f"{abs(hash(text))}.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def rates(name: str, steps: int) -> list[float]:
    """The learning rate in each epoch, at its first step."""
    recipe, network = load_recipe(name), nn.Linear(1, 1)
    optimizer = recipe.make_optimizer(network)
    scheduler = recipe.make_scheduler(optimizer, steps)
    assert scheduler is not None
    found = []
    for _ in range(recipe.epochs):
        found.append(optimizer.param_groups[0]["lr"])
        for _ in range(steps if recipe.advance == "step" else 1):
            optimizer.step()
            scheduler.step()
    return found


def test_the_papers_cifar_protocol() -> None:
    recipe = load_recipe("paper_cifar")
    assert (recipe.epochs, recipe.batch, recipe.augmentation.pad, recipe.augmentation.flip) == (164, 128, 4, True)
    assert recipe.optimizer == {"SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}}
    seen = rates("paper_cifar", 390)
    assert seen == pytest.approx([0.1] * 82 + [0.01] * 41 + [0.001] * 41)


def test_the_papers_imagenet_protocols() -> None:
    recipe = load_recipe("paper_imagenet")
    assert (recipe.epochs, recipe.batch, recipe.augmentation.size, recipe.augmentation.resize) == (100, 256, 224, 256)
    assert rates("paper_imagenet", 1) == pytest.approx([0.1] * 30 + [0.01] * 30 + [1e-3] * 30 + [1e-4] * 10)
    mobilenet = rates("paper_imagenet_mobilenet", 1)
    assert len(mobilenet) == 150 and mobilenet[0] == 0.05 and mobilenet[75] == pytest.approx(0.025)
    assert load_recipe("paper_imagenet_mobilenet").optimizer["SGD"]["weight_decay"] == 4e-5


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_taken_by_torch_and_ends_at_a_low_rate(path: Path) -> None:
    seen = rates(path.stem, 3)
    assert seen[-1] < max(seen) / 2


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    text = GOOD.replace("SGD: {lr: 0.1}", "AdamW: {lr: 0.001, betas: [0.9, 0.99]}")
    recipe = load_recipe(write(tmp_path, text))
    assert isinstance(recipe.make_optimizer(nn.Linear(1, 1)), torch.optim.AdamW)
    assert recipe.make_scheduler(recipe.make_optimizer(nn.Linear(1, 1)), 1) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("epochs: 2", "epochs: 0"), "epochs: Input should be greater than or equal to 1"),
        (GOOD.replace("epochs: 2", "epochs: true"), "epochs: Input should be a valid integer"),
        (GOOD + "augmentation: {pad: -1}", "augmentation.pad: Input should be greater than or equal to 0"),
        (GOOD + "augmentation: {padding: 1}", "augmentation.padding"),
        (GOOD + "epoch: 3", "epoch: "),
        (GOOD + "advance: day", "advance: Input should be 'epoch' or 'step'"),
        (GOOD.replace("title: t", ""), "title: Field required"),
        (GOOD.replace("{SGD: {lr: 0.1}}", "{}"), "optimizer: write one class with its options"),
        (GOOD.replace("{SGD: {lr: 0.1}}", "{SGD: {lr: 0.1}, Adam: {}}"), "optimizer: write one class"),
        ("[1, 2]", "a recipe is a mapping"),
        ("a: [", "cannot be read as a recipe"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_a_message(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert path in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)


def test_a_recipe_in_one_line_is_the_same_recipe(tmp_path: Path) -> None:
    for name in ("quick_cifar", "paper_imagenet", write(tmp_path, GOOD)):
        recipe = load_recipe(name)
        assert load_recipe(recipe.text) == recipe and "\n" not in recipe.text


def test_an_unknown_name_lists_the_recipes() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'quick'.*quick_cifar"):
        load_recipe("quick")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("SGD", "SDG"), "torch.optim has no class SDG"),
        (GOOD.replace("lr: 0.1", "rate: 0.1"), "SGD does not take {'rate': 0.1}"),
        (GOOD.replace("lr: 0.1", "lr: -1.0"), "Invalid learning rate"),
    ],
)
def test_what_torch_does_not_take_is_a_message(tmp_path: Path, text: str, message: str) -> None:
    recipe = load_recipe(write(tmp_path, text))
    with pytest.raises(RecipeError) as caught:
        recipe.make_optimizer(nn.Linear(1, 1))
    assert message in str(caught.value)
