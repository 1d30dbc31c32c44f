"""Variants of a seed share what they share; a killed run ends as if it had not been; weights come from everywhere."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._dynamo
from torch import nn

from bench.measure import Outcome, Subject
from bench.measure.accuracy import Accuracy
from bench.measure.training.recipe import load_recipe
from bench.measure.training.small import SmallSplit
from bench.results.frame import load_frame
from bench.run.worker import Member, subject
from bench.run.workload import build_network
from bench.suite.axes import Cell, Choice
from simam.backbones.cifar_resnet import CifarResNet
from tests.helpers import write

ROOT = Path(__file__).parents[3]
RECIPE = """
title: two epochs
epochs: 2
batch: 128
optimizer: {SGD: {lr: 0.05, momentum: 0.9}}
augmentation: {pad: 1, flip: true}
"""
MODULES = ("none", "simam", "se", "cbam", "eca")


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "two.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return str(path)


def cell(attention: str = "none", backbone: str = "cifar_resnet8", **options: int) -> Cell:
    placement = None if attention == "none" else Choice("spatial")
    return Cell(Choice(backbone, tuple(options.items())), Choice(attention), placement, dataset=Choice("digits"))


def member(attention: str = "none", seed: int = 0, scratch: Path | None = None) -> Subject:
    return subject(Member(0, "baseline", cell(attention)), seed, "cpu", scratch=scratch)


def measured(measure: Accuracy, *subjects: Subject) -> list[Outcome]:
    return [outcome for _, outcome in measure.measure(subjects, lambda subject, reached="": None, seed=0)]


def shares(outcome: Outcome) -> dict[str, Any]:
    return {value.name: value.samples for value in outcome.values if value.unit == "1"}


@pytest.mark.parametrize("attention", MODULES[1:])
@pytest.mark.parametrize("backbone", ["cifar_resnet8", "cifar_preresnet8", "cifar_mobilenet_v2"])
def test_a_module_changes_no_weight_of_the_layers_that_both_networks_have(backbone: str, attention: str) -> None:
    plain = build_network(cell("none", backbone), 5, classes=10).state_dict()
    other = build_network(cell(attention, backbone), 5, classes=10)
    own = {key for name, module in other.named_modules() if is_attention(module) for key in keys_of(name, module)}
    shared = [value for key, value in other.state_dict().items() if key not in own]
    # `insert` renames what it wraps and leaves the order.
    assert len(shared) == len(plain)
    assert all(torch.equal(one, two) for one, two in zip(shared, plain.values(), strict=True))


def is_attention(module: nn.Module) -> bool:
    return type(module).__module__.startswith("simam.attention")


def keys_of(name: str, module: nn.Module) -> list[str]:
    return [f"{name}.{key}" for key in module.state_dict()]


def test_a_module_changes_no_draw_of_the_data(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: dict[str, list[torch.Tensor]] = {}
    normal = SmallSplit._normalised
    for attention in MODULES:
        seen = batches.setdefault(attention, [])
        monkeypatch.setattr(
            SmallSplit, "_normalised", lambda self, images, seen=seen: (seen.append(images), normal(self, images))[1]
        )
        measured(Accuracy(recipe), member(attention, seed=3))
    assert len(batches["none"]) == 2 * (11 + 1)  # epochs of 1437 ÷ 128 batches, and one to judge
    for attention in MODULES[1:]:
        assert len(batches[attention]) == len(batches["none"])
        assert all(map(torch.equal, batches[attention], batches["none"]))


def test_the_same_seed_gives_the_same_bits_and_another_one_others(recipe: str) -> None:
    measure = Accuracy(recipe)
    first, again, other = (measured(measure, member("cbam", seed))[0] for seed in (0, 0, 1))
    assert shares(first) == shares(again) and first.details["epochs"] == again.details["epochs"]
    assert shares(first) != shares(other)


def test_what_is_learned_beats_chance_and_the_last_epoch_is_told(recipe: str) -> None:
    [outcome] = measured(Accuracy(recipe, judge="held_out"), member("simam"))
    values = {value.name: value for value in outcome.values}
    by_epoch = outcome.details["epochs"]["top1"]
    assert values["top1"].samples == (by_epoch[-1],) and values["best_top1"].samples == (max(by_epoch),)
    assert by_epoch[-1] > 0.2  # of ten classes
    assert len(values["throughput"].samples) == len(values["epoch_time"].samples) == 2
    assert outcome.details["recipe"]["epochs"] == 2 and outcome.details["dataset"] == "digits"


@pytest.mark.parametrize("options", [{}, {"autocast": True}, {"memory_format": "contiguous"}], ids=str)
def test_other_ways_to_run_it(recipe: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[bool, bool]] = set()
    forward = CifarResNet.forward

    def watched(self: CifarResNet, images: torch.Tensor) -> torch.Tensor:
        output = forward(self, images)
        seen.add((output.dtype == torch.bfloat16, images.is_contiguous(memory_format=torch.channels_last)))
        return output

    monkeypatch.setattr(CifarResNet, "forward", watched)
    [outcome] = measured(Accuracy(recipe, **options), member())
    assert seen == {("autocast" in options, "memory_format" not in options)}
    assert shares(outcome)["top1"][0] > 0.15 and outcome.details.items() >= options.items()


def test_compiled_it_learns_the_same(recipe: str) -> None:
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    [compiled] = measured(Accuracy(recipe, compile=True), member())
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > before
    [eager] = measured(Accuracy(recipe), member())
    assert compiled.details["epochs"]["train_loss"] == pytest.approx(eager.details["epochs"]["train_loss"], rel=0.05)


def test_the_recipe_stays_what_it_was_when_its_file_goes(recipe: str) -> None:
    resolved = Accuracy(recipe).recipe
    Path(recipe).unlink()
    assert Accuracy(resolved).recipe == resolved and load_recipe(resolved).epochs == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SGD: {lr: 0.05, momentum: 0.9}", "LBFGS: {}", "the loop cannot step LBFGS"),
        ("augmentation", "scheduler: {ReduceLROnPlateau: {}}\naugmentation", "the loop cannot step SGD and ReduceLR"),
        ("momentum", "momentun", "SGD does not take"),
    ],
)
def test_what_the_loop_cannot_use_is_said_before_anything_is_measured(
    recipe: str, old: str, new: str, message: str
) -> None:
    Path(recipe).write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        Accuracy(recipe).check(member())
    assert message in str(caught.value)


def test_a_short_cycle_is_no_reason_to_refuse_it(recipe: str) -> None:
    cycle = "scheduler: {OneCycleLR: {max_lr: 0.1, pct_start: 0.25}}\nadvance: step\naugmentation"
    text = RECIPE.replace("augmentation", cycle).replace("epochs: 2", "epochs: 4")
    Path(recipe).write_text(text, encoding="utf-8")
    Accuracy(recipe).check(member())


def test_classes_are_the_images_unless_the_suite_says_otherwise() -> None:
    assert build_network(cell(), 0, classes=7).fc.out_features == 7
    assert isinstance(
        build_network(cell(backbone="tests.helpers:tiny"), 0, classes=7), nn.Sequential
    )  # takes no option
    assert build_network(cell(num_classes=12), 0, classes=7).fc.out_features == 12


def test_weights_of_our_own_checkpoints(recipe: str, tmp_path: Path) -> None:
    scratch = tmp_path / "checkpoints"
    trained = member("se", seed=1, scratch=scratch)
    [outcome] = measured(Accuracy(recipe), trained)
    for weights in (scratch, scratch / f"{trained.key}.pt"):
        [judged] = measured(Accuracy(recipe, weights=str(weights)), member("se", seed=1))
        assert shares(judged)["top1"] == shares(outcome)["top1"] and shares(judged)["loss"] == shares(outcome)["loss"]
    with pytest.raises(FileNotFoundError, match="the weights of this network, module and seed"):
        Accuracy(recipe, weights=str(scratch)).check(replace(trained, key="other"))


def test_weights_that_cannot_be_judged_are_messages(recipe: str, tmp_path: Path) -> None:
    network = build_network(cell(), 0, classes=10).state_dict()
    path = tmp_path / "w.pt"
    measure = Accuracy(recipe, weights=str(path))
    torch.save({"state_dict": network, "optimizer": {}}, path)
    with pytest.raises(ValueError, match="a training run that was stopped"):
        measure.check(member())
    torch.save(network, path)
    measure.check(member())
    with pytest.raises(ValueError, match="missing keys"):
        measure.check(member("se"))
    torch.save(
        {key: value * float("nan") if value.is_floating_point() else value for key, value in network.items()}, path
    )
    with pytest.raises(ArithmeticError, match="with these weights the loss is nan"):
        measured(measure, member())


def test_the_authors_names_are_weights_too(recipe: str, tmp_path: Path) -> None:
    """Their files nest the weights and put `module.` before each key."""
    network = build_network(cell("simam"), 7, classes=10)
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in network.state_dict().items()}}, tmp_path / "a.pt"
    )
    [judged] = measured(Accuracy(recipe, weights=str(tmp_path / "a.pt")), member("simam", seed=3))
    [own] = measured(Accuracy(recipe, weights=str(tmp_path / "a.pt")), member("simam", seed=4))
    assert shares(judged) == shares(own)


def test_published_weights_are_put_in_before_the_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    asked: list[object] = []

    def fetched(self: object, *told: object, **more: object) -> dict[str, torch.Tensor]:
        asked.append(self)
        network = models.resnet18()
        return {key: torch.full_like(value, 0.5) for key, value in network.state_dict().items()}

    monkeypatch.setattr(models.ResNet18_Weights, "get_state_dict", fetched)
    network = build_network(cell("simam", "resnet18"), 0, classes=1000, weights="DEFAULT")
    assert asked and all(
        bool((value == 0.5).all()) for value in network.state_dict().values() if value.is_floating_point()
    )
    with pytest.raises(ValueError, match="torchvision publishes no weights for cifar_resnet8"):
        build_network(cell(), 0, weights="DEFAULT")


def test_options_that_cannot_be_used_are_messages() -> None:
    with pytest.raises(ValueError, match="no recipe 'none'"):
        Accuracy("none")
    with pytest.raises(FileNotFoundError, match=r"no file or folder nowhere\.pt"):
        Accuracy(weights="nowhere.pt").check(member())


SUITE = """
    name: killed
    axes:
      backbone: [cifar_resnet8]
      attention: [none, simam, "tests.helpers:Dropping"]
      placement: [spatial]
      seed: [0, 1]
    baseline: {{attention: none}}
    measures: {{accuracy: {{recipe: "{recipe}"}}}}
"""


def bench(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "run", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, recipe: str) -> None:
    suite = write(tmp_path, SUITE.format(recipe=recipe))
    whole = bench(suite, "--out", tmp_path / "whole")
    assert whole.wait() == 0, whole.stderr and whole.stderr.read()
    killed, folder = bench(suite, "--out", tmp_path / "killed"), tmp_path / "killed"
    # Killed in the middle of the second network of the first seed: the first one's last checkpoint is there.
    while len(list((folder / "checkpoints").glob("*.pt"))) < 2:
        assert killed.poll() is None, killed.stderr and killed.stderr.read()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "checkpoints").glob("*none*seed0.pt")}
    resumed = bench("--resume", folder)
    assert resumed.wait() == 0, resumed.stderr and resumed.stderr.read()
    assert results(folder) == results(tmp_path / "whole")
    for path in (folder / "checkpoints").glob("*.pt"):
        ours, theirs = (
            torch.load(each, weights_only=True) for each in (path, tmp_path / "whole/checkpoints" / path.name)
        )
        assert all(torch.equal(value, theirs["state_dict"][key]) for key, value in ours["state_dict"].items())
    finished = {name: (folder / "checkpoints" / name).stat().st_mtime_ns for name in before}
    assert len(before) == 1 and finished == before  # never trained again


def results(folder: Path) -> list[tuple[Any, ...]]:
    frame = load_frame(folder)
    exact = frame[(frame["unit"] == "1") & (frame["status"] == "ok")]
    return [(row.cell, row.seed, row.value, row.samples) for row in exact.itertuples()]
