from dataclasses import replace

import pytest
import torch

from bench.run.workload import build, build_network
from bench.suite.axes import Cell, Choice

TINY = Choice("tests.helpers:tiny")


def cell(**axes: object) -> Cell:
    return Cell(backbone=TINY, attention=Choice("none"), resolution=8, **axes)  # type: ignore[arg-type]


def with_sigmoid(bias: float = 0.0) -> Cell:
    return Cell(TINY, Choice("tests.helpers:Sigmoid", (("bias", bias),)), Choice("layers", (("glob", "0"),)))


def test_variants_of_a_seed_share_the_weights_of_the_layers_they_share() -> None:
    plain = build_network(Cell(TINY), seed=5).state_dict()
    ours = build_network(with_sigmoid(0.5), seed=5).state_dict()
    assert torch.equal(ours.pop("0.1.weight"), torch.full((4, 1, 1), 0.5))
    renamed = {name.replace("0.0.", "0."): weight for name, weight in ours.items()}
    assert renamed.keys() == plain.keys()
    assert all(torch.equal(renamed[name], weight) for name, weight in plain.items())


def test_variants_of_a_seed_see_the_same_images() -> None:
    plain, ours = (build(each, 5, "cpu").inputs for each in (cell(), replace(with_sigmoid(), resolution=8)))
    assert torch.equal(plain, ours) and not torch.equal(plain, build(cell(), 6, "cpu").inputs)


def test_seeds_differ_and_repeat() -> None:
    one, same, other = (build_network(Cell(TINY), seed=seed).state_dict()["0.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_inference_runs_without_gradients_in_eval_mode() -> None:
    work = build(cell(mode="inference", batch=2), 0, "cpu")
    output = work.call()
    assert output.shape == (2, 5) and output.is_inference()
    assert not work.network.training and work.settings["inference_mode"] is True


def test_the_hundredth_training_step_does_the_work_of_the_first() -> None:
    work = build(cell(mode="training", batch=2), 0, "cpu")
    before = [parameter.clone() for parameter in work.network.parameters()]
    first = work.call().detach().clone()
    for _ in range(3):
        again = work.call()
    assert all(torch.equal(old, new) for old, new in zip(before, work.network.parameters(), strict=True))
    assert torch.equal(first, again.detach())
    assert all(parameter.grad is not None for parameter in work.network.parameters())


@pytest.mark.parametrize(
    ("dtype", "inputs", "output"),
    [
        ("fp32", torch.float32, torch.float32),
        ("bf16", torch.bfloat16, torch.bfloat16),
        ("fp16", torch.float16, torch.float16),
        ("autocast", torch.float32, torch.bfloat16),
    ],
)
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_dtypes(dtype: str, mode: str, inputs: torch.dtype, output: torch.dtype) -> None:
    work = build(cell(mode=mode, batch=2, dtype=dtype), 0, "cpu")
    assert work.inputs.dtype == inputs
    assert work.call().dtype == output


def test_memory_format_and_threads() -> None:
    before = torch.get_num_threads()
    try:
        work = build(cell(mode="inference", batch=2, memory_format="channels_last", threads=1), 0, "cpu")
        assert work.inputs.is_contiguous(memory_format=torch.channels_last)
        assert work.settings["threads"] == 1
        torch.set_num_threads(2)
        work.call()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_meta_takes_no_memory() -> None:
    work = build(Cell(Choice("resnet152"), Choice("simam"), Choice("spatial"), resolution=224), 0, "meta")
    assert {parameter.device.type for parameter in work.network.parameters()} == {"meta"} == {work.inputs.device.type}


def test_on_meta_a_module_has_the_numbers_that_it_keeps_elsewhere() -> None:
    work = build(Cell(TINY, Choice("tests.helpers:Drawn"), Choice("layers", (("glob", "0"),)), resolution=8), 0, "meta")
    (module,) = (each for each in work.network.modules() if type(each).__name__ == "Drawn")
    assert bool((module.numbers >= 1).all()) and next(work.network.parameters()).is_meta
