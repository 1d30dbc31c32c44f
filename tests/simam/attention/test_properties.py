"""What every registered module promises, over random widths and sizes of maps."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from simam.registry import ATTENTION

NAMES = [name for name in ATTENTION if name != "none"]
PROPERTIES = settings(max_examples=10, deadline=None, derandomize=True)
WIDTHS = st.one_of(st.integers(1, 40), st.sampled_from([48, 64, 96, 128, 144]))
"""Numbers of channels below, at and above the reductions, with odd ones."""
SIDES = st.one_of(st.just(1), st.integers(1, 15))
modules = pytest.mark.parametrize("name", NAMES)


def build(name: str, channels: int) -> nn.Module | None:
    """The module in evaluation mode, or None if it rejects the width with an error that names the number."""
    try:
        module: nn.Module = ATTENTION.load(name)(channels)
    except ValueError as error:
        assert str(channels) in str(error)
        return None
    return module.eval()


def same_layout(x: Tensor, y: Tensor) -> bool:
    return y.shape == x.shape and y.dtype == x.dtype and bool(y.isfinite().all())


@modules
@PROPERTIES
@given(channels=WIDTHS, height=SIDES, width=SIDES)
def test_output_and_gradients(name: str, channels: int, height: int, width: int) -> None:
    if (module := build(name, channels)) is None:
        return
    x = torch.randn(1, channels, height, width, requires_grad=True)
    y = module(x)
    assert same_layout(x, y)
    y.sum().backward()
    gradients = [x.grad, *(parameter.grad for parameter in module.parameters())]
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@modules
@PROPERTIES
@given(channels=WIDTHS, height=SIDES, width=SIDES, value=st.sampled_from([0.0, 1.0, -3.0]))
def test_constant_maps_have_finite_gradients(name: str, channels: int, height: int, width: int, value: float) -> None:
    if (module := build(name, channels)) is None:
        return
    x = torch.full((2, channels, height, width), value, requires_grad=True)
    y = module.train()(x)
    y.sum().backward()
    assert same_layout(x, y) and x.grad is not None and x.grad.isfinite().all()


@modules
@PROPERTIES
@given(channels=WIDTHS, height=SIDES, width=SIDES)
def test_bfloat16_and_autocast(name: str, channels: int, height: int, width: int) -> None:
    if (module := build(name, channels)) is None:
        return
    x = torch.randn(2, channels, height, width, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert same_layout(x, module(x))
    assert same_layout(x, module.bfloat16()(x))


@modules
@PROPERTIES
@given(channels=WIDTHS, height=SIDES, width=SIDES)
def test_meta_copy_and_state(name: str, channels: int, height: int, width: int) -> None:
    if (module := build(name, channels)) is None:
        return
    x = torch.randn(2, channels, height, width)
    fresh = ATTENTION.load(name)(channels).eval()
    fresh.load_state_dict(module.state_dict())
    torch.testing.assert_close(fresh(x), module(x))
    torch.testing.assert_close(copy.deepcopy(module)(x), module(x))
    assert module.to("meta")(x.to("meta")).shape == x.shape


@modules
def test_gradients_match_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    module = ATTENTION.load(name)(16).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    x = torch.randn(2, 16, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (x,), fast_mode=True)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("simam", "triplet")])
def test_weights_get_the_gradient_of_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    module = ATTENTION.load(name)(16).double().eval()
    if name == "nam":  # as in its authors' code, its weights also act as constants
        return
    inputs = {key: torch.randn_like(value, requires_grad=True) for key, value in module.named_parameters()}
    x = torch.randn(2, 16, 3, 4, dtype=torch.float64)

    def call(*values: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(inputs, values, strict=True)), (x,))

    assert not inputs or torch.autograd.gradcheck(call, tuple(inputs.values()), fast_mode=True)


@pytest.mark.parametrize(
    ("name", "channels", "options", "message"),
    [
        ("gc", 8, {}, "reduction must be at most the number of channels, 8, not 16"),
        ("bam", 64, {"reduction": 0}, "reduction must be 1 or more, not 0"),
        ("gam", 2, {}, "reduction must be at most"),
        ("gam", 64, {"kernel_size": 4}, "kernel_size must be odd"),
        ("triplet", 64, {"kernel_size": 2}, "kernel_size must be odd"),
        ("ge", 64, {"extent": 3}, r"extent must be 0 \(global\) or a power of 2 from 2, not 3"),
        ("ge", 64, {"extent": 1}, "a power of 2 from 2, not 1"),
        ("ge", 64, {"parameters": "gather"}, "parameters='gather' needs an extent of 2 or more"),
        ("ge", 64, {"parameters": "all"}, "parameters must be one of none, gather, gather_excite, not 'all'"),
        ("sk", 64, {"groups": 0}, "groups must be 1 or more, not 0"),
        ("sk", 64, {"minimum": 0.5}, "minimum must be a whole number, not 0.5"),
        ("coordinate", 64, {"reduction": True}, "reduction must be a whole number, not True"),
        ("shuffle", 7, {}, "the number of channels must be a multiple of 2, not 7"),
        ("ela", 64, {"variant": "XL"}, "variant must be one of T, B, S, L, not 'XL'"),
        ("scsa", 6, {}, "the number of channels must be a multiple of 4, not 6"),
        ("scsa", 12, {"heads": 8}, "the number of channels must be a multiple of 8, not 12"),
        ("scsa", 64, {"window": 0}, "window must be 1 or more, not 0"),
    ],
)
def test_option_errors(name: str, channels: int, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ATTENTION.load(name)(channels, **options)


def test_gct_norm_of_large_float16_maps_is_finite() -> None:
    module = ATTENTION.load("gct")(8)
    with torch.no_grad():
        module.gamma.fill_(1)
    x = torch.full((1, 8, 14, 14), 300.0, dtype=torch.float16)
    assert module(x).isfinite().all()
