"""Comparison of the GPU kernels, run by Triton's interpreter on CPU tensors, with the formula in float64.

Run this program with TRITON_INTERPRET=1.
"""

from itertools import product

import torch

from simam.formula import formula
from simam.kernels import cuda

# Maps that fit into a tile, several maps per program, maps in chunks, partly filled tiles, and tiles over two images.
SHAPES = [(2, 3, 7, 7), (1, 1, 1, 1), (2, 5, 1, 1), (1, 2, 56, 56), (2, 20, 9, 4), (2, 3, 91, 91)]
MEMORY_FORMATS = (torch.contiguous_format, torch.channels_last)
CASES = [*product(SHAPES, MEMORY_FORMATS), ((1, 18, 33, 32), torch.channels_last)]
"""Shapes and memory formats. The last case has fewer channels than a chunk."""
ULPS = {torch.float32: 16, torch.float64: 16, torch.float16: 2, torch.bfloat16: 2}
"""Tolerance in units in the last place of the largest value. The interpreter truncates bfloat16; a GPU rounds it."""


def main() -> None:
    torch.manual_seed(0)
    for (shape, memory_format), (dtype, ulps) in product(CASES, ULPS.items()):
        x, gradient = (torch.randn(shape).to(dtype).contiguous(memory_format=memory_format) for _ in range(2))
        x_double = x.double().requires_grad_()
        y = formula(x_double, 1e-4)
        [dx] = torch.autograd.grad(y, x_double, gradient.double())
        actual_results = cuda.run(None, x, 1e-4), cuda.run(gradient, x, 1e-4)
        for actual, expected in zip(actual_results, (y, dx), strict=True):
            assert actual.dtype == dtype and actual.stride() == x.stride()
            tolerance = ulps * torch.finfo(dtype).eps * float(expected.detach().abs().max())
            error = float((actual.double() - expected).abs().max())
            assert error <= tolerance, (shape, dtype, memory_format, error, tolerance)
    for side in (4, 91):
        constant = torch.full((1, 2, side, side), 7.0)
        assert torch.allclose(cuda.run(None, constant, 0.0), constant * torch.sigmoid(torch.tensor(0.5)))
    x = 1000 + torch.randn(1, 2, 91, 91)  # the mean is far from 0, and the first value is far from the mean
    x[..., 0, 0] = 0
    expected = formula(x.double(), 1e-4)
    error = float((cuda.run(None, x, 1e-4).double() - expected).abs().max())
    assert error <= 64 * 2**-23 * float(expected.abs().max())
    print("all within tolerance")


if __name__ == "__main__":
    main()
