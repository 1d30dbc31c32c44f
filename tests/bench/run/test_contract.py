"""The contract of a module: what is refused, what is allowed with a note, and what is restored."""

import random
from typing import Any

import pytest
import torch
from torch import nn

from bench.measure.complexity import count_costs, count_parameters
from bench.run.contract import ContractError, check_cell
from bench.run.torch_state import TorchState, restored_torch_state
from bench.run.workload import build_network, build_workload
from bench.suite.axes import Cell, Choice

HERE = "tests.bench.run.test_contract"


def cell(module: str, backbone: str = "tests.helpers:tiny", glob: str = "0", **axes: Any) -> Cell:
    placement = Choice("layers", (("glob", glob),))
    return Cell(Choice(backbone), Choice(module), placement, resolution=axes.pop("resolution", 8), **axes)


class Lambda(nn.Module):
    """The first parameter is not the number of channels."""

    def __init__(self, e_lambda: float = 1e-4) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class NoArgument(Lambda):
    def __init__(self) -> None:
        super().__init__()


class Channels(Lambda):
    """A module whose first parameter has a default and a usual name for the number of channels."""

    def __init__(self, in_planes: int = 64) -> None:
        super().__init__()


class Gate(nn.Module):
    """Returns the gate of shape (N, C, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3), keepdim=True).sigmoid()


class Half(Gate):
    """Returns another type."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.half()


class Pair(Gate):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        return x, x


class ChangesDtype(Gate):
    """A module whose forward pass changes a global setting of torch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.set_default_dtype(torch.float64)
        return x


class StopsGradients(Gate):
    """A module whose forward pass switches gradients off."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(False)
        return x


class NoGradients(Gate):
    """Switches gradients off while it is built."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        torch.set_grad_enabled(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Position(Gate):
    """Keeps a table of the size of its first input."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.table: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.table is None:
            self.table = torch.zeros(1, *x.shape[1:], device=x.device)
        return x + self.table


class OnCpu(Gate):
    """Makes a tensor without a device, which meta tensors cannot be combined with."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.ones(1, 1, 1, 1, device="cpu").expand(1, 1, x.shape[2], x.shape[3])


class Tokens(nn.Module):
    """A block whose linear layer works on channels-last features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mlp, self.head = nn.Conv2d(3, 16, 4, stride=4), nn.Linear(16, 16), nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.mlp(self.stem(x).flatten(2).transpose(1, 2)).mean(1))  # type: ignore[no-any-return]


class Grey(nn.Module):
    """A network for images of one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stem(x).mean((2, 3)))  # type: ignore[no-any-return]


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("Lambda", "the first parameter of .*Lambda is e_lambda=0.0001"),
        ("NoArgument", "takes no argument"),
        ("Gate", r"Gate returns a tensor of shape \(2, 4, 1, 1\)"),
        ("Half", "type float16"),
        ("Pair", "Pair returns a tuple"),
        ("StopsGradients", "gradients from True to False"),
        ("ChangesDtype", "dtype from torch.float32 to torch.float64"),
    ],
)
def test_broken_contract_is_refused(module: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_cell(cell(f"{HERE}:{module}"))
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()


@pytest.mark.parametrize("module", ["tests.helpers:Sigmoid", f"{HERE}:Channels", "torch.nn:Identity", "simam"])
def test_kept_contract_needs_no_note(module: str) -> None:
    assert check_cell(cell(module)) == []


def test_channels_last_features_are_refused() -> None:
    with pytest.raises(ContractError, match=r"receives a tensor of shape \(2, 64, 16\)"):
        check_cell(cell("simam", f"{HERE}:Tokens", "mlp", resolution=32))


def test_changed_settings_are_restored_with_a_note() -> None:
    [note] = check_cell(cell(f"{HERE}:NoGradients"))
    assert "gradients from True to False" in note and torch.is_grad_enabled()
    assert count_costs(build_workload(cell(f"{HERE}:NoGradients", mode="training"), 0, "meta")).total.macs > 0


def test_state_of_the_first_call_has_a_note() -> None:
    [note] = check_cell(cell(f"{HERE}:Position"))
    assert "creates 0.1.table" in note


def test_counts_do_not_depend_on_the_order_of_cells() -> None:
    """A cell that keeps tables of its first input counts like one in a fresh interpreter, whatever ran before."""
    cells = [cell(f"{HERE}:Position", "cifar_resnet8", "layer1.0.conv2", resolution=16, batch=n) for n in (1, 2, 3, 4)]
    cells += [Cell(Choice("cifar_resnet8"), Choice("none"), resolution=16, batch=batch) for batch in (2, 3)]
    counts: dict[str, set[tuple[int, ...]]] = {}
    for seed in range(4):
        for one in random.Random(seed).sample(cells, len(cells)):
            counts.setdefault(one.id, set()).add(tuple(count_costs(build_workload(one, 0, "meta")).total))
    assert len(counts) == 6 and all(len(distinct) == 1 for distinct in counts.values())
    # A table is written and read once, with one image's elements: 4 bytes of 16 channels of 16² positions.
    by_batch = {one.batch: next(iter(counts[one.id]))[3] for one in cells[:4]}
    assert by_batch[3] - by_batch[2] == by_batch[4] - by_batch[3] == by_batch[2] - by_batch[1]


def test_network_that_cannot_run_on_meta_is_checked_on_the_cpu() -> None:
    [note] = check_cell(cell(f"{HERE}:OnCpu"))
    assert "it is counted on the CPU" in note


def test_channels_of_images_are_those_of_the_first_convolution() -> None:
    assert build_workload(Cell(Choice(f"{HERE}:Grey"), batch=2, resolution=8), 0, "cpu").inputs.shape == (2, 1, 8, 8)


@pytest.mark.parametrize(("side", "features"), [(8, 8 * 36), (16, 8 * 196)])
def test_lazy_layers_take_the_size_of_the_cell(side: int, features: int) -> None:
    network = build_network(Cell(Choice(f"{HERE}:lazy"), resolution=side), 0)
    # 3·3·3·8 + 8 of the convolution, 2·8 of the norm, and the linear layer
    assert count_parameters(network) == 224 + 16 + 5 * features + 5
    [mean, variance] = [network.get_buffer(f"1.running_{name}") for name in ("mean", "var")]
    assert network.training and not mean.any() and bool((variance == 1).all())  # the dry run leaves them as they were
    on_meta = build_workload(Cell(Choice(f"{HERE}:lazy"), resolution=side), 0, "meta").network
    assert count_parameters(on_meta) == count_parameters(network)


def test_state_is_restored_after_an_error() -> None:
    before = TorchState.now()
    with pytest.raises(ZeroDivisionError), restored_torch_state() as changes:
        torch.set_num_threads(1 + before.threads)
        torch.set_grad_enabled(False)
        raise ZeroDivisionError
    assert TorchState.now() == before and len(changes) == 2
