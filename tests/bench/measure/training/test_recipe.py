from pathlib import Path

import pytest
import torch
from torch import nn

from bench.measure.training.recipe import RecipeError, load_recipe
from bench.suite.builtin import recipe_names

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


def learning_rates(name: str, steps: int) -> list[float]:
    """Return the learning rate at the first step of each epoch."""
    recipe, network = load_recipe(name), nn.Linear(1, 1)
    optimizer = recipe.make_optimizer(network)
    scheduler = recipe.make_scheduler(optimizer, steps)
    assert scheduler is not None
    rates = []
    for _ in range(recipe.epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        for _ in range(steps if recipe.advance == "step" else 1):
            optimizer.step()
            scheduler.step()
    return rates


def test_cifar_protocol_of_the_paper() -> None:
    recipe = load_recipe("paper_cifar")
    assert (recipe.epochs, recipe.batch, recipe.augmentation.pad, recipe.augmentation.flip) == (164, 128, 4, True)
    assert recipe.optimizer == {"SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}}
    assert learning_rates("paper_cifar", 390) == pytest.approx([0.1] * 82 + [0.01] * 41 + [0.001] * 41)


def test_imagenet_protocols_of_the_paper() -> None:
    recipe = load_recipe("paper_imagenet")
    assert (recipe.epochs, recipe.batch, recipe.augmentation.size, recipe.augmentation.resize) == (100, 256, 224, 256)
    assert learning_rates("paper_imagenet", 1) == pytest.approx([0.1] * 30 + [0.01] * 30 + [1e-3] * 30 + [1e-4] * 10)
    mobilenet = learning_rates("paper_imagenet_mobilenet", 1)
    assert len(mobilenet) == 150 and mobilenet[0] == 0.05 and mobilenet[75] == pytest.approx(0.025)
    assert load_recipe("paper_imagenet_mobilenet").optimizer["SGD"]["weight_decay"] == 4e-5


@pytest.mark.parametrize("name", recipe_names())
def test_built_in_recipes_end_at_a_low_learning_rate(name: str) -> None:
    rates = learning_rates(name, 3)
    assert rates[-1] < max(rates) / 2


def test_recipe_from_a_file(tmp_path: Path) -> None:
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
def test_invalid_recipe_message(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert path in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)


def test_json_form_of_a_recipe(tmp_path: Path) -> None:
    for name in ("quick_cifar", "paper_imagenet", write(tmp_path, GOOD)):
        recipe = load_recipe(name)
        assert load_recipe(recipe.text) == recipe and "\n" not in recipe.text


def test_unknown_recipe_lists_the_built_in_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'quick'.*quick_cifar"):
        load_recipe("quick")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("SGD", "SDG"), "torch.optim has no class SDG"),
        (GOOD.replace("lr: 0.1", "rate: 0.1"), "SGD does not accept {'rate': 0.1}"),
        (GOOD.replace("lr: 0.1", "lr: -1.0"), "Invalid learning rate"),
    ],
)
def test_options_that_torch_rejects(tmp_path: Path, text: str, message: str) -> None:
    recipe = load_recipe(write(tmp_path, text))
    with pytest.raises(RecipeError) as caught:
        recipe.make_optimizer(nn.Linear(1, 1))
    assert message in str(caught.value)
