"""SE, CBAM and ECA, compared with their papers' equations in numpy, and validation of options."""

import numpy as np
import pytest
import torch
from torch import nn

from simam.registry import ATTENTION


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def parameter(module: nn.Module, name: str) -> np.ndarray:
    return module.get_parameter(name).detach().double().numpy()


def test_se_matches_paper() -> None:
    module, x = ATTENTION.load("se")(32, reduction=4), torch.randn(2, 32, 3, 5)
    pooled = x.double().numpy().mean((2, 3))
    gate = sigmoid(np.maximum(pooled @ parameter(module, "fc.0.weight").T, 0) @ parameter(module, "fc.2.weight").T)
    np.testing.assert_allclose(module(x).detach().numpy(), x.numpy() * gate[:, :, None, None], rtol=1e-4, atol=1e-6)
    assert [name for name, _ in module.named_parameters()] == ["fc.0.weight", "fc.2.weight"]


def test_eca_matches_paper() -> None:
    module, x = ATTENTION.load("eca")(8), torch.randn(2, 8, 3, 5)
    kernel = parameter(module, "conv.weight").ravel()
    padded = np.pad(x.double().numpy().mean((2, 3)), ((0, 0), (len(kernel) // 2,) * 2))
    gate = sigmoid(np.stack([np.correlate(row, kernel, mode="valid") for row in padded]))
    np.testing.assert_allclose(module(x).detach().numpy(), x.numpy() * gate[:, :, None, None], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "size"),
    # |log2(C)/2 + 1/2|, truncated and rounded up to odd: C = 64 gives 3.5 → 3; 256 gives 4.5 → 4 → 5; 2048 gives 6 → 7
    [(16, 3), (32, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)],
)
def test_eca_kernel_size_grows_with_channels(channels: int, size: int) -> None:
    assert ATTENTION.load("eca")(channels).conv.kernel_size == (size,)


def test_cbam_matches_paper() -> None:
    module, x = ATTENTION.load("cbam")(8, reduction=2).eval(), torch.randn(2, 8, 9, 9)
    y = x.double().numpy()

    def mlp(pooled: np.ndarray) -> np.ndarray:
        first, second = "channel_gate.mlp.0", "channel_gate.mlp.2"
        hidden = np.maximum(pooled @ parameter(module, f"{first}.weight").T + parameter(module, f"{first}.bias"), 0)
        return hidden @ parameter(module, f"{second}.weight").T + parameter(module, f"{second}.bias")

    y = y * sigmoid(mlp(y.mean((2, 3))) + mlp(y.max((2, 3))))[:, :, None, None]
    pooled = np.pad(np.stack((y.max(1), y.mean(1)), axis=1), ((0, 0), (0, 0), (3, 3), (3, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(pooled, (7, 7), axis=(2, 3))
    logits = np.einsum("nchwij,cij->nhw", windows, parameter(module, "spatial_gate.conv.weight")[0])
    # In inference, a newly initialised batch norm divides by sqrt(1 + 1e-5).
    y = y * sigmoid(logits / np.sqrt(1 + 1e-5))[:, None]
    np.testing.assert_allclose(module(x).detach().numpy(), y, rtol=1e-3, atol=1e-5)
    assert module.spatial_gate.bn.momentum == 0.01


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("se", {"reduction": 0}, "reduction must be 1 or more, not 0"),
        ("se", {"reduction": 65}, "reduction must be at most the number of channels, 64, not 65"),
        ("cbam", {"reduction": 65}, "reduction must be at most"),
        ("cbam", {"kernel_size": 4}, "kernel_size must be odd and at least 1, not 4"),
        ("eca", {"kernel_size": 4}, "kernel_size must be odd and at least 1, not 4"),
        ("eca", {"kernel_size": -1}, "kernel_size must be odd"),
        ("simam", {"e_lambda": -0.1}, "e_lambda must be 0 or more"),
        ("simam", {"e_lambda": float("nan")}, "e_lambda must be 0 or more"),
        ("simam", {"e_lambda": "0.1"}, "e_lambda must be 0 or more, not '0.1'"),
        ("se", {"reduction": 2.5}, "reduction must be a whole number, not 2.5"),
        ("cbam", {"kernel_size": 3.0}, "kernel_size must be a whole number, not 3.0"),
        ("eca", {"kernel_size": "3"}, "kernel_size must be a whole number, not '3'"),
    ],
)
def test_invalid_option_error(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ATTENTION.load(name)(64, **options)


@pytest.mark.parametrize("name", ["simam", "se", "cbam", "eca"])
def test_unknown_option_error(name: str) -> None:
    with pytest.raises(TypeError, match="'ratio'"):
        ATTENTION.load(name)(64, ratio=2)


@pytest.mark.parametrize("name", list(ATTENTION))
@pytest.mark.parametrize("side", [1, 7])
def test_modules_keep_shape_dtype_and_memory_format(name: str, side: int) -> None:
    module = ATTENTION.load(name)(32).eval()
    x = torch.randn(2, 32, side, side).to(memory_format=torch.channels_last)
    y = module(x)
    assert y.shape == x.shape and y.dtype == x.dtype and y.isfinite().all()
    assert y.is_contiguous(memory_format=torch.channels_last)
