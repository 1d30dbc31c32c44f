"""Parameters and MACs of each module against formulas written from the layers that its paper describes."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from simam.registry import ATTENTION

H, W = 14, 21
M = H * W
"""Positions of the map that is counted, H × W."""
Formula = Callable[[int], int]


def kernel_mca(c: int) -> int:
    return {24: 1, 64: 3, 256: 5}[c]


PARAMETERS: dict[str, Formula] = {
    "gc": lambda c: (c + 1) + (c + 1) * (c // 16) + 2 * (c // 16) + (c // 16 + 1) * c,
    "srm": lambda c: 2 * c + 2 * c,
    # Channel branch; spatial branch: 1×1 down, two 3×3, 1×1 to one channel; batch norms.
    "bam": lambda c: (
        (c + 1) * (c // 16) + 2 * (c // 16) + (c // 16 + 1) * c
        + (c + 1) * (c // 16) + 2 * (9 * (c // 16) + 1) * (c // 16) + 3 * 2 * (c // 16) + (c // 16 + 1)
    ),
    "ge": lambda c: 0,
    # Two branches of grouped 3×3 convolutions with batch norm; C → d → 2 C, d at least 32.
    "sk": lambda c: 2 * (9 * c * c // math.gcd(c, 32) + 2 * c) + (3 * c + 2) * max(32, c // 16),
    "triplet": lambda c: 3 * (2 * 49 + 2),
    "coordinate": lambda c: (c + 1) * max(8, c // 32) + 2 * max(8, c // 32) + 2 * (max(8, c // 32) + 1) * c,
    "shuffle": lambda c: (4 + 2) * c // (2 * math.gcd(c // 2, 64)),
    "nam": lambda c: 2 * c,
    # c·c/4 twice in the MLP, 49·c·c/4 twice in the convolutions, biases and batch norms of both widths.
    "gam": lambda c: 2 * c * (c // 4) + 2 * 49 * c * (c // 4) + (2 + 2) * (c + c // 4),
    "gct": lambda c: 3 * c,
    "ema": lambda c: 10 * (c // math.gcd(c, 32)) ** 2 + 4 * (c // math.gcd(c, 32)),
    "ela": lambda c: 7 * c + 2 * c,
    # Convolutions with 3, 5, 7 and 9 weights and a bias for a quarter of the channels; three norms; q, k and v.
    "scsa": lambda c: (3 + 5 + 7 + 9 + 4) * c // 4 + 3 * 2 * c + 3 * c,
    "mca": lambda c: 3 * 2 + 3 + 3 + kernel_mca(c),
}  # fmt: skip

MACS: dict[str, Formula] = {
    # Mask, weighted sum, bottleneck.
    "gc": lambda c: c * M + c * M + 2 * c * (c // 16),
    "srm": lambda c: 0,
    "bam": lambda c: 2 * c * (c // 16) + M * (c * (c // 16) + 2 * 9 * (c // 16) ** 2 + c // 16),
    "ge": lambda c: 0,
    "sk": lambda c: 2 * 9 * c * c // math.gcd(c, 32) * M + 3 * c * max(32, c // 16),
    "triplet": lambda c: 2 * 49 * (c * W + H * c + M),
    "coordinate": lambda c: 2 * c * max(8, c // 32) * (H + W),
    "shuffle": lambda c: 0,
    "nam": lambda c: 0,
    "gam": lambda c: (2 + 2 * 49) * c * (c // 4) * M,
    "gct": lambda c: 0,
    # 1×1 on rows and columns, 3×3 on the map, and two weighted sums of channels.
    "ema": lambda c: c * (c // math.gcd(c, 32)) * (H + W) + 9 * c * (c // math.gcd(c, 32)) * M + 2 * c * M,
    "ela": lambda c: 7 * c * (H + W),
    # 14 × 21 has 2 × 3 windows: projections, then two products of C × C and 6 positions.
    "scsa": lambda c: (3 + 5 + 7 + 9) * c // 4 * (H + W) + 3 * c * 6 + 2 * c * c * 6,
    "mca": lambda c: 3 * H + 3 * W + kernel_mca(c) * c,
}


@pytest.mark.parametrize("channels", [24, 64, 256])
@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name: str, channels: int) -> None:
    module = ATTENTION.load(name)(channels)
    assert sum(parameter.numel() for parameter in module.parameters()) == PARAMETERS[name](channels)


@pytest.mark.parametrize("channels", [24, 64, 256])
@pytest.mark.parametrize("name", MACS)
def test_macs(name: str, channels: int) -> None:
    with torch.device("meta"):
        module, x = ATTENTION.load(name)(channels).eval(), torch.empty(1, channels, H, W)
    with FlopCounterMode(display=False) as counter:
        module(x)
    assert counter.get_total_flops() == 2 * MACS[name](channels)


def test_every_module_has_formulas() -> None:
    assert PARAMETERS.keys() == MACS.keys() == set(ATTENTION) - {"none", "simam", "se", "cbam", "eca"}


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"variant": "T"}, 5 * 64 + 2 * 64),
        ({"variant": "S"}, 5 * 8 * 64 + 2 * 64),
        ({"variant": "L"}, 7 * 8 * 64 + 2 * 64),
    ],
)
def test_parameters_of_ela_variants(options: dict[str, str], parameters: int) -> None:
    assert sum(p.numel() for p in ATTENTION.load("ela")(64, **options).parameters()) == parameters


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"extent": 8}, 0),
        ({"extent": 8, "parameters": "gather"}, 3 * (9 + 2) * 64),
        ({"extent": 2, "parameters": "gather_excite"}, (9 + 2) * 64 + 65 * 4 + 5 * 64),
    ],
)
def test_parameters_of_ge_variants(options: dict[str, object], parameters: int) -> None:
    assert sum(p.numel() for p in ATTENTION.load("ge")(64, **options).parameters()) == parameters
