"""Times of the attention modules on feature maps of a ResNet's first stage; nothing is gated."""

from collections.abc import Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from simam.registry import ATTENTION

pytestmark = pytest.mark.perf

SHAPE = (8, 64, 56, 56)

modules = pytest.mark.parametrize("name", [name for name in ATTENTION if name != "none"])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: on a busy machine, several threads spend most of their time waiting for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@modules
@pytest.mark.benchmark(group="forward")
def test_forward(benchmark: BenchmarkFixture, name: str) -> None:
    module, x = ATTENTION.load(name)(SHAPE[1]).eval(), torch.randn(SHAPE)
    with torch.inference_mode():
        assert benchmark(module, x).shape == SHAPE


@modules
@pytest.mark.benchmark(group="forward and backward")
def test_forward_and_backward(benchmark: BenchmarkFixture, name: str) -> None:
    module, x = ATTENTION.load(name)(SHAPE[1]), torch.randn(SHAPE, requires_grad=True)
    inputs, upstream = [x, *module.parameters()], torch.randn(SHAPE)

    def step() -> tuple[Tensor, ...]:
        return torch.autograd.grad(module(x), inputs, upstream)

    assert benchmark(step)[0].shape == SHAPE
