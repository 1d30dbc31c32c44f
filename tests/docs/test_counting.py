"""docs/counting.md: its table of modules agrees with the counters."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.measure.counters import count_fvcore, count_torch
from simam import CBAM, ECA, SE, SimAM
from tests.helpers import counted

PAGE = Path(__file__).parents[2] / "docs" / "counting.md"
MODULES = {"SimAM": partial(SimAM, implementation="eager"), "SE": SE, "CBAM": CBAM, "ECA": ECA}


def rows() -> dict[str, list[int]]:
    """Module → the numbers at the ends of its cells."""
    table = PAGE.read_text(encoding="utf-8").partition("Counts of one module")[2]
    cells = re.findall(r"^\| (\w+).*?\|(.+)\|$", table, re.MULTILINE)
    numbers = {name: [cell.split("=")[-1].replace(",", "").strip() for cell in row.split("|")] for name, row in cells}
    return {name: list(map(int, numbers[name])) for name in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_table_of_modules(name: str) -> None:
    module, image = MODULES[name](64).eval(), torch.randn(1, 64, 56, 56)
    ours = counted(module, image)
    counted_by_each = [ours.macs, ours.elementwise_ops, count_fvcore(module, image), count_torch(module, image)]
    assert rows()[name] == counted_by_each


def test_batch_norm_in_fvcore_and_torch() -> None:
    norm, image = nn.BatchNorm2d(8).eval(), torch.randn(2, 8, 5, 5)
    assert (count_fvcore(norm, image), count_torch(norm, image)) == (2 * image.numel(), 0)
