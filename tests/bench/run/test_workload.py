from dataclasses import replace

import pytest
import torch

from bench.run.workload import build_network, build_workload
from bench.suite.axes import Cell, Choice

TINY = Choice("tests.helpers:tiny")


def cell(**axes: object) -> Cell:
    return Cell(backbone=TINY, attention=Choice("none"), resolution=8, **axes)  # type: ignore[arg-type]


def with_sigmoid(bias: float = 0.0) -> Cell:
    return Cell(TINY, Choice("tests.helpers:Sigmoid", (("bias", bias),)), Choice("layers", (("glob", "0"),)))


def test_variants_of_a_seed_share_weights() -> None:
    plain = build_network(Cell(TINY), seed=5).state_dict()
    ours = build_network(with_sigmoid(0.5), seed=5).state_dict()
    assert torch.equal(ours.pop("0.1.weight"), torch.full((4, 1, 1), 0.5))
    renamed = {name.replace("0.0.", "0."): weight for name, weight in ours.items()}
    assert renamed.keys() == plain.keys()
    assert all(torch.equal(renamed[name], weight) for name, weight in plain.items())


def test_variants_of_a_seed_share_inputs() -> None:
    plain, ours = (build_workload(built, 5, "cpu").inputs for built in (cell(), replace(with_sigmoid(), resolution=8)))
    assert torch.equal(plain, ours) and not torch.equal(plain, build_workload(cell(), 6, "cpu").inputs)


def test_seeds_are_reproducible_and_differ() -> None:
    one, same, other = (build_network(Cell(TINY), seed=seed).state_dict()["0.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_inference_without_gradients_in_eval_mode() -> None:
    workload = build_workload(cell(mode="inference", batch=2), 0, "cpu")
    output = workload.call()
    assert output.shape == (2, 5) and output.is_inference()
    assert not workload.network.training and workload.settings["inference_mode"] is True


def test_training_steps_all_do_the_same_work() -> None:
    workload = build_workload(cell(mode="training", batch=2), 0, "cpu")
    before = [parameter.clone() for parameter in workload.network.parameters()]
    first = workload.call().detach().clone()
    for _ in range(3):
        again = workload.call()
    assert all(torch.equal(old, new) for old, new in zip(before, workload.network.parameters(), strict=True))
    assert torch.equal(first, again.detach())
    assert all(parameter.grad is not None for parameter in workload.network.parameters())


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
    workload = build_workload(cell(mode=mode, batch=2, dtype=dtype), 0, "cpu")
    assert workload.inputs.dtype == inputs
    assert workload.call().dtype == output


def test_memory_format_and_threads() -> None:
    before = torch.get_num_threads()
    try:
        workload = build_workload(cell(mode="inference", batch=2, memory_format="channels_last", threads=1), 0, "cpu")
        assert workload.inputs.is_contiguous(memory_format=torch.channels_last)
        assert workload.settings["threads"] == 1
        torch.set_num_threads(2)
        workload.call()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_meta_network_has_no_data() -> None:
    workload = build_workload(Cell(Choice("resnet152"), Choice("simam"), Choice("spatial"), resolution=224), 0, "meta")
    assert (
        {parameter.device.type for parameter in workload.network.parameters()}
        == {"meta"}
        == {workload.inputs.device.type}
    )


def test_tensors_of_a_module_on_other_devices_are_drawn_on_meta() -> None:
    workload = build_workload(
        Cell(TINY, Choice("tests.helpers:Drawn"), Choice("layers", (("glob", "0"),)), resolution=8), 0, "meta"
    )
    (module,) = (layer for layer in workload.network.modules() if type(layer).__name__ == "Drawn")
    assert bool((module.numbers >= 1).all()) and next(workload.network.parameters()).is_meta
