"""The accuracy measure: pairing of variants by seed, resume after a kill, and evaluation of given weights."""

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
from bench.run.worker import make_subject
from bench.run.workload import build_network
from bench.store.frame import load_frame
from bench.suite.axes import Cell, Choice
from bench.suite.plan import Member
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
    return make_subject(Member(0, "baseline", cell(attention)), seed, "cpu", scratch=scratch)


def outcomes(measure: Accuracy, *subjects: Subject) -> list[Outcome]:
    return [outcome for _, outcome in measure.measure(subjects, lambda subject, progress="": None, seed=0)]


def exact_values(outcome: Outcome) -> dict[str, Any]:
    return {value.name: value.samples for value in outcome.values if value.unit == "1"}


@pytest.mark.parametrize("attention", MODULES[1:])
@pytest.mark.parametrize("backbone", ["cifar_resnet8", "cifar_preresnet8", "cifar_mobilenet_v2"])
def test_variants_share_the_weights_of_common_layers(backbone: str, attention: str) -> None:
    plain = build_network(cell("none", backbone), 5, classes=10).state_dict()
    other = build_network(cell(attention, backbone), 5, classes=10)
    module_keys = {
        key for name, module in other.named_modules() if is_attention(module) for key in keys_of(name, module)
    }
    shared = [value for key, value in other.state_dict().items() if key not in module_keys]
    # `insert` renames the layers that it wraps, and keeps the order.
    assert len(shared) == len(plain)
    assert all(torch.equal(one, two) for one, two in zip(shared, plain.values(), strict=True))


def is_attention(module: nn.Module) -> bool:
    return type(module).__module__.startswith("simam.attention")


def keys_of(name: str, module: nn.Module) -> list[str]:
    return [f"{name}.{key}" for key in module.state_dict()]


def test_variants_train_on_the_same_batches(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: dict[str, list[torch.Tensor]] = {}
    normalise = SmallSplit._normalised
    for attention in MODULES:
        own_batches = batches.setdefault(attention, [])

        def recording(
            self: SmallSplit, images: torch.Tensor, own_batches: list[torch.Tensor] = own_batches
        ) -> torch.Tensor:
            own_batches.append(images)
            return normalise(self, images)

        monkeypatch.setattr(SmallSplit, "_normalised", recording)
        outcomes(Accuracy(recipe), member(attention, seed=3))
    assert len(batches["none"]) == 2 * (11 + 1)  # epochs with 1437 ÷ 128 training batches and one evaluation batch
    for attention in MODULES[1:]:
        assert len(batches[attention]) == len(batches["none"])
        assert all(map(torch.equal, batches[attention], batches["none"]))


def test_result_is_determined_by_the_seed(recipe: str) -> None:
    measure = Accuracy(recipe)
    first, again, other = (outcomes(measure, member("cbam", seed))[0] for seed in (0, 0, 1))
    assert exact_values(first) == exact_values(again) and first.details["epochs"] == again.details["epochs"]
    assert exact_values(first) != exact_values(other)


def test_last_epoch_is_reported_and_beats_chance(recipe: str) -> None:
    [outcome] = outcomes(Accuracy(recipe, eval_on="held_out"), member("simam"))
    values = {value.name: value for value in outcome.values}
    top1 = outcome.details["epochs"]["top1"]
    assert values["top1"].samples == (top1[-1],) and values["best_top1"].samples == (max(top1),)
    assert top1[-1] > 0.2  # with ten classes
    assert len(values["throughput"].samples) == len(values["epoch_time"].samples) == 2
    assert outcome.details["recipe"]["epochs"] == 2 and outcome.details["dataset"] == "digits"


@pytest.mark.parametrize("options", [{}, {"autocast": True}, {"memory_format": "contiguous"}], ids=str)
def test_options_of_the_forward_pass(recipe: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    observed: set[tuple[bool, bool]] = set()
    forward = CifarResNet.forward

    def observing(self: CifarResNet, images: torch.Tensor) -> torch.Tensor:
        output = forward(self, images)
        observed.add((output.dtype == torch.bfloat16, images.is_contiguous(memory_format=torch.channels_last)))
        return output

    monkeypatch.setattr(CifarResNet, "forward", observing)
    [outcome] = outcomes(Accuracy(recipe, **options), member())
    assert observed == {("autocast" in options, "memory_format" not in options)}
    assert exact_values(outcome)["top1"][0] > 0.15 and outcome.details.items() >= options.items()


def test_compiled_training_matches_eager_training(recipe: str) -> None:
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    [compiled] = outcomes(Accuracy(recipe, compile=True), member())
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > before
    [eager] = outcomes(Accuracy(recipe), member())
    assert compiled.details["epochs"]["train_loss"] == pytest.approx(eager.details["epochs"]["train_loss"], rel=0.05)


def test_resolved_recipe_does_not_need_its_file(recipe: str) -> None:
    resolved = Accuracy(recipe).recipe
    Path(recipe).unlink()
    assert Accuracy(resolved).recipe == resolved and load_recipe(resolved).epochs == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SGD: {lr: 0.05, momentum: 0.9}", "LBFGS: {}", "the training loop does not support LBFGS"),
        (
            "augmentation",
            "scheduler: {ReduceLROnPlateau: {}}\naugmentation",
            "the training loop does not support SGD with ReduceLR",
        ),
        ("momentum", "momentun", "SGD does not accept"),
    ],
)
def test_check_rejects_unsupported_recipes(recipe: str, old: str, new: str, message: str) -> None:
    Path(recipe).write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        Accuracy(recipe).check(member())
    assert message in str(caught.value)


def test_check_accepts_a_short_cycle(recipe: str) -> None:
    cycle = "scheduler: {OneCycleLR: {max_lr: 0.1, pct_start: 0.25}}\nadvance: step\naugmentation"
    text = RECIPE.replace("augmentation", cycle).replace("epochs: 2", "epochs: 4")
    Path(recipe).write_text(text, encoding="utf-8")
    Accuracy(recipe).check(member())


def test_number_of_classes_follows_the_dataset() -> None:
    assert build_network(cell(), 0, classes=7).fc.out_features == 7
    without_option = build_network(cell(backbone="tests.helpers:tiny"), 0, classes=7)
    assert isinstance(without_option, nn.Sequential)
    assert build_network(cell(num_classes=12), 0, classes=7).fc.out_features == 12


def test_weights_from_own_checkpoints(recipe: str, tmp_path: Path) -> None:
    scratch = tmp_path / "checkpoints"
    trained = member("se", seed=1, scratch=scratch)
    [outcome] = outcomes(Accuracy(recipe), trained)
    for weights in (scratch, scratch / f"{trained.key}.pt"):
        [evaluated] = outcomes(Accuracy(recipe, weights=str(weights)), member("se", seed=1))
        for name in ("top1", "loss"):
            assert exact_values(evaluated)[name] == exact_values(outcome)[name]
    with pytest.raises(FileNotFoundError, match="the weights of this network, module and seed"):
        Accuracy(recipe, weights=str(scratch)).check(replace(trained, key="other"))


def test_unusable_weights_messages(recipe: str, tmp_path: Path) -> None:
    network = build_network(cell(), 0, classes=10).state_dict()
    path = tmp_path / "w.pt"
    measure = Accuracy(recipe, weights=str(path))
    torch.save({"state_dict": network, "optimizer": {}}, path)
    with pytest.raises(ValueError, match="an unfinished training run"):
        measure.check(member())
    torch.save(network, path)
    measure.check(member())
    with pytest.raises(ValueError, match="missing keys"):
        measure.check(member("se"))
    torch.save(
        {key: value * float("nan") if value.is_floating_point() else value for key, value in network.items()}, path
    )
    with pytest.raises(ArithmeticError, match="with these weights the loss is nan"):
        outcomes(measure, member())


def test_weights_in_the_authors_format(recipe: str, tmp_path: Path) -> None:
    """Their files nest the weights and prefix each key with `module.`."""
    network = build_network(cell("simam"), 7, classes=10)
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in network.state_dict().items()}}, tmp_path / "a.pt"
    )
    [first] = outcomes(Accuracy(recipe, weights=str(tmp_path / "a.pt")), member("simam", seed=3))
    [second] = outcomes(Accuracy(recipe, weights=str(tmp_path / "a.pt")), member("simam", seed=4))
    assert exact_values(first) == exact_values(second)


def test_published_weights_are_loaded_before_insertion(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    requested: list[object] = []

    def get_state_dict(self: object, *arguments: object, **options: object) -> dict[str, torch.Tensor]:
        requested.append(self)
        network = models.resnet18()
        return {key: torch.full_like(value, 0.5) for key, value in network.state_dict().items()}

    monkeypatch.setattr(models.ResNet18_Weights, "get_state_dict", get_state_dict)
    network = build_network(cell("simam", "resnet18"), 0, classes=1000, weights="DEFAULT")
    assert requested and all(
        bool((value == 0.5).all()) for value in network.state_dict().values() if value.is_floating_point()
    )
    with pytest.raises(ValueError, match="torchvision publishes no weights for cifar_resnet8"):
        build_network(cell(), 0, weights="DEFAULT")


def test_unusable_options_messages() -> None:
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


def test_killed_run_resumes_to_the_same_result(tmp_path: Path, recipe: str) -> None:
    suite = write(tmp_path, SUITE.format(recipe=recipe))
    uninterrupted = bench(suite, "--out", tmp_path / "uninterrupted")
    assert uninterrupted.wait() == 0, uninterrupted.stderr and uninterrupted.stderr.read()
    killed, folder = bench(suite, "--out", tmp_path / "killed"), tmp_path / "killed"
    # The run is killed while it trains the second network; the checkpoint of the first network is final by then.
    while len(list((folder / "checkpoints").glob("*.pt"))) < 2:
        assert killed.poll() is None, killed.stderr and killed.stderr.read()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "checkpoints").glob("*none*seed0.pt")}
    resumed = bench("--resume", folder)
    assert resumed.wait() == 0, resumed.stderr and resumed.stderr.read()
    assert results(folder) == results(tmp_path / "uninterrupted")
    for path in (folder / "checkpoints").glob("*.pt"):
        resumed_content, uninterrupted_content = (
            torch.load(file, weights_only=True) for file in (path, tmp_path / "uninterrupted/checkpoints" / path.name)
        )
        assert all(
            torch.equal(value, uninterrupted_content["state_dict"][key])
            for key, value in resumed_content["state_dict"].items()
        )
    finished = {name: (folder / "checkpoints" / name).stat().st_mtime_ns for name in before}
    assert len(before) == 1 and finished == before  # not trained again


def results(folder: Path) -> list[tuple[Any, ...]]:
    frame = load_frame(folder)
    exact = frame[(frame["unit"] == "1") & (frame["status"] == "ok")]
    return [(row.cell, row.seed, row.value, row.samples) for row in exact.itertuples()]
