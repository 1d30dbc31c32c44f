"""Each module compared with its paper's equations in plain torch, or with timm's layer of the same weights."""

import math
from collections.abc import Callable

import pytest
import torch
from timm.layers import GatherExcite, GlobalContext, SelectiveKernel
from torch import Tensor, nn
from torch.nn import functional as F

from simam.registry import ATTENTION

EPS = 1e-5


def randomised(name: str, channels: int, **options: object) -> nn.Module:
    """The module in evaluation mode with random weights and statistics: zero weights would hide most of it."""
    module = ATTENTION.load(name)(channels, **options).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.normal_(0, 0.5, generator=generator)
                if key.endswith("running_var"):
                    tensor.abs_().add_(0.5)
    return module


def weights(module: nn.Module) -> dict[str, Tensor]:
    return module.state_dict()


def batch_norm(x: Tensor, w: dict[str, Tensor], name: str) -> Tensor:
    shape = (1, -1, *[1] * (x.dim() - 2))
    mean, variance, weight, bias = (
        w[f"{name}.{key}"].view(shape) for key in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + EPS).sqrt() * weight + bias


def group_norm(x: Tensor, w: dict[str, Tensor], name: str, groups: int) -> Tensor:
    split = x.reshape(x.shape[0], groups, -1)
    normal = (split - split.mean(2, keepdim=True)) / (split.var(2, correction=0, keepdim=True) + EPS).sqrt()
    shape = (1, -1, *[1] * (x.dim() - 2))
    return normal.reshape(x.shape) * w[f"{name}.weight"].view(shape) + w[f"{name}.bias"].view(shape)


def srm(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    mean = x.mean((2, 3))
    variance = (x - mean[..., None, None]).square().sum((2, 3)) / (x.shape[2] * x.shape[3] - 1)
    z = w["weight"][:, 0] * mean + w["weight"][:, 1] * (variance + EPS).sqrt()
    return x * torch.sigmoid(batch_norm(z, w, "bn"))[..., None, None]


def bam(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    hidden = batch_norm(x.mean((2, 3)) @ w["channel.0.weight"].T + w["channel.0.bias"], w, "channel.1").relu()
    channel = hidden @ w["channel.3.weight"].T + w["channel.3.bias"]
    y = x
    for conv, padding in (("0", 0), ("3", 4), ("6", 4)):
        y = F.conv2d(
            y, w[f"spatial.{conv}.weight"], w[f"spatial.{conv}.bias"], padding=padding, dilation=max(1, padding)
        )
        y = batch_norm(y, w, f"spatial.{int(conv) + 1}").relu()
    spatial = F.conv2d(y, w["spatial.9.weight"], w["spatial.9.bias"])
    return x + x * torch.sigmoid(channel[..., None, None] * spatial)


def triplet(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    def branch(rotated: Tensor, name: str) -> Tensor:
        pooled = torch.stack((rotated.max(1).values, rotated.mean(1)), 1)
        logits = batch_norm(F.conv2d(pooled, w[f"{name}.conv.weight"], padding=3), w, f"{name}.bn")
        return rotated * torch.sigmoid(logits)

    first = branch(x.permute(0, 2, 1, 3), "channel_width").permute(0, 2, 1, 3)
    second = branch(x.permute(0, 3, 2, 1), "height_channel").permute(0, 3, 2, 1)
    return (first + second + branch(x, "height_width")) / 3


def coordinate(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    def bottleneck(lines: Tensor) -> Tensor:
        z = torch.einsum("ncl,kc->nkl", lines, w["reduce.0.weight"][..., 0, 0]) + w["reduce.0.bias"][:, None]
        z = batch_norm(z, w, "reduce.1")
        return z * (z + 3).clamp(0, 6) / 6

    def gate(lines: Tensor, name: str) -> Tensor:
        return torch.sigmoid(
            torch.einsum("nkl,ck->ncl", lines, w[f"{name}.weight"][..., 0, 0]) + w[f"{name}.bias"][:, None]
        )

    rows, columns = gate(bottleneck(x.mean(3)), "rows"), gate(bottleneck(x.mean(2)), "columns")
    return torch.einsum("nchw,nch,ncw->nchw", x, rows, columns)


def shuffle(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    width = w["channel_weight"].numel()
    parts = []
    for group in x.split(2 * width, dim=1):
        first, second = group[:, :width], group[:, width:]
        channel = w["channel_weight"] * first.mean((2, 3), keepdim=True) + w["channel_bias"]
        spatial = w["spatial_weight"] * group_norm(second, w, "norm", width) + w["spatial_bias"]
        parts += [first * torch.sigmoid(channel), second * torch.sigmoid(spatial)]
    joined = torch.cat(parts, 1)
    half = x.shape[1] // 2
    return joined[:, [half * (i % 2) + i // 2 for i in range(x.shape[1])]]


def nam(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    share = w["bn.weight"].abs() / w["bn.weight"].abs().sum()
    return x * torch.sigmoid(share[:, None, None] * batch_norm(x, w, "bn"))


def gam(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    hidden = (torch.einsum("nchw,kc->nkhw", x, w["channel.0.weight"]) + w["channel.0.bias"][:, None, None]).relu()
    y = x * (torch.einsum("nkhw,ck->nchw", hidden, w["channel.2.weight"]) + w["channel.2.bias"][:, None, None])
    z = batch_norm(F.conv2d(y, w["spatial.0.weight"], w["spatial.0.bias"], padding=3), w, "spatial.1").relu()
    return y * torch.sigmoid(
        batch_norm(F.conv2d(z, w["spatial.3.weight"], w["spatial.3.bias"], padding=3), w, "spatial.4")
    )


def gct(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    alpha, gamma, beta = (w[name].flatten() for name in ("alpha", "gamma", "beta"))
    s = alpha * (x.square().sum((2, 3)) + EPS).sqrt()
    s_hat = math.sqrt(x.shape[1]) * s / (s.square().sum(1, keepdim=True) + x.shape[1] * EPS).sqrt()
    return x * (1 + torch.tanh(gamma * s_hat + beta))[..., None, None]


def ema(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    width = w["norm.weight"].numel()
    parts = []
    for group in x.split(width, dim=1):
        mix, bias = w["mix.weight"][..., 0, 0], w["mix.bias"][:, None]
        rows = torch.sigmoid(torch.einsum("ncl,kc->nkl", group.mean(3), mix) + bias)
        columns = torch.sigmoid(torch.einsum("ncl,kc->nkl", group.mean(2), mix) + bias)
        first = group_norm(torch.einsum("nchw,nch,ncw->nchw", group, rows, columns), w, "norm", width)
        second = F.conv2d(group, w["conv.weight"], w["conv.bias"], padding=1)
        gate = sum(
            torch.einsum("nc,nchw->nhw", one.mean((2, 3)).softmax(1), other)
            for one, other in ((first, second), (second, first))
        )
        parts.append(group * torch.sigmoid(gate)[:, None])
    return torch.cat(parts, 1)


def ela(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    size = w["conv.weight"].shape[2]

    def gate(lines: Tensor) -> Tensor:
        padded = F.pad(lines, (size // 2, size // 2)).unfold(2, size, 1)
        return torch.sigmoid(group_norm(torch.einsum("ncls,cs->ncl", padded, w["conv.weight"][:, 0]), w, "norm", 16))

    return torch.einsum("nchw,nch,ncw->nchw", x, gate(x.mean(3)), gate(x.mean(2)))


def scsa(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    width = x.shape[1] // 4

    def gate(lines: Tensor, norm: str) -> Tensor:
        scales = [
            F.conv1d(part, w[f"convs.{i}.weight"], w[f"convs.{i}.bias"], padding=i + 1, groups=width)
            for i, part in enumerate(lines.split(width, 1))
        ]
        return torch.sigmoid(group_norm(torch.cat(scales, 1), w, norm, 4))

    y = torch.einsum("nchw,nch,ncw->nchw", x, gate(x.mean(3), "row_norm"), gate(x.mean(2), "column_norm"))
    # A 14 × 15 map has 2 × 2 whole windows of 7 × 7.
    pooled = y[:, :, :14, :14].reshape(*x.shape[:2], 2, 7, 2, 7).mean((3, 5))
    flat = group_norm(pooled, w, "norm", 1).flatten(2)
    q, k, v = (flat * w[f"{name}.weight"].view(-1, 1) for name in ("query", "key", "value"))
    attention = (torch.einsum("ncl,ndl->ncd", q, k) / math.sqrt(x.shape[1])).softmax(2)
    return y * torch.sigmoid(torch.einsum("ncd,ndl->nc", attention, v) / 4)[..., None, None]


def mca(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    def branch(dim: int, name: str) -> Tensor:
        others = [d for d in (1, 2, 3) if d != dim]
        mean, std = x.mean(others), x.std(others)
        alpha, beta = torch.sigmoid(w[f"{name}.weight"])
        pooled = (mean + std) / 2 + alpha * mean + beta * std
        kernel = w[f"{name}.conv.weight"]
        gate = torch.sigmoid(F.conv1d(pooled[:, None], kernel, padding=kernel.shape[2] // 2))[:, 0]
        return x * gate.reshape(len(gate), *(gate.shape[1] if d == dim else 1 for d in (1, 2, 3)))

    return (branch(1, "channel") + branch(2, "height") + branch(3, "width")) / 3


REFERENCES: dict[str, Callable[[Tensor, dict[str, Tensor]], Tensor]] = {
    function.__name__: function
    for function in (srm, bam, triplet, coordinate, shuffle, nam, gam, gct, ema, ela, scsa, mca)
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("channels", [64, 128])
def test_module_matches_equations(name: str, channels: int) -> None:
    module, x = randomised(name, channels), torch.randn(2, channels, 14, 15, dtype=torch.float64)
    torch.testing.assert_close(module(x), REFERENCES[name](x, weights(module)), rtol=1e-9, atol=1e-9)


def same_weights(module: nn.Module, layer: nn.Module) -> nn.Module:
    """timm's layer with the weights of the module; both keep them in the same order."""
    state = layer.double().eval().state_dict()
    values = module.state_dict().values()
    layer.load_state_dict({key: value.view(state[key].shape) for key, value in zip(state, values, strict=True)})
    return layer


@pytest.mark.parametrize("channels", [32, 64])
def test_gc_matches_timm(channels: int) -> None:
    layer = GlobalContext(channels, fuse_add=True, fuse_scale=False, rd_ratio=1 / 16)
    layer.mlp_add.norm.eps = EPS
    module, x = randomised("gc", channels), torch.randn(2, channels, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(module(x), same_weights(module, layer)(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "timm_options"),
    [
        ({}, {}),
        *(({"extent": extent}, {"extent": extent}) for extent in (2, 4, 8)),
        ({"extent": 2, "parameters": "gather"}, {"extent": 2, "extra_params": True}),
        ({"extent": 8, "parameters": "gather"}, {"extent": 8, "extra_params": True}),
    ],
)
@pytest.mark.parametrize("shape", [(16, 16), (9, 13), (1, 1)])
def test_ge_matches_timm(options: dict[str, object], timm_options: dict[str, object], shape: tuple[int, int]) -> None:
    module, layer = randomised("ge", 32, **options), GatherExcite(32, use_mlp=False, **timm_options)
    x = torch.randn(2, 32, *shape, dtype=torch.float64)
    torch.testing.assert_close(module(x), same_weights(module, layer)(x), rtol=1e-9, atol=1e-9)


def test_ge_with_excitation_matches_equations() -> None:
    module, x = randomised("ge", 32, extent=2, parameters="gather_excite"), torch.randn(2, 32, 8, 8).double()
    w = weights(module)
    context = batch_norm(F.conv2d(x, w["gather.0.weight"], stride=2, padding=1, groups=32), w, "gather.1").relu()
    hidden = F.conv2d(context, w["excite.1.weight"], w["excite.1.bias"]).relu()
    gate = torch.sigmoid(F.conv2d(hidden, w["excite.3.weight"], w["excite.3.bias"]))
    torch.testing.assert_close(module(x), x * gate.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize("channels", [64, 1024])
def test_sk_matches_timm(channels: int) -> None:
    layer = SelectiveKernel(channels, groups=32, split_input=False, rd_channels=max(32, channels // 16))
    module, x = randomised("sk", channels), torch.randn(2, channels, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(module(x), same_weights(module, layer)(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["gc", "gct"])
def test_new_module_is_the_identity(name: str) -> None:
    x = torch.randn(2, 32, 5, 5)
    torch.testing.assert_close(ATTENTION.load(name)(32)(x), x)
