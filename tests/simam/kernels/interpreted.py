"""Run with TRITON_INTERPRET=1: the GPU's kernels on CPU tensors, against the formula in float64."""

from itertools import product

import torch

from simam.formula import formula
from simam.kernels import cuda

# Whole maps, several to a program; maps in pieces; rows and columns that do not fill a tile; tiles over two images.
SHAPES = [(2, 3, 7, 7), (1, 1, 1, 1), (2, 5, 1, 1), (1, 2, 56, 56), (2, 20, 9, 4), (2, 3, 91, 91)]
LAYOUTS = (torch.contiguous_format, torch.channels_last)
CASES = [*product(SHAPES, LAYOUTS), ((1, 18, 33, 32), torch.channels_last)]
"""The last has fewer channels than a tile in pieces; contiguous it would be whole, as others are."""
ULPS = {torch.float32: 16, torch.float64: 16, torch.float16: 2, torch.bfloat16: 2}
"""Of the largest value; the interpreter cuts bfloat16 off where a GPU rounds."""


def main() -> None:
    torch.manual_seed(0)
    for (shape, layout), (dtype, ulps) in product(CASES, ULPS.items()):
        x, gradient = (torch.randn(shape).to(dtype).contiguous(memory_format=layout) for _ in range(2))
        exact = x.double().requires_grad_()
        truth = formula(exact, 1e-4)
        [slope] = torch.autograd.grad(truth, exact, gradient.double())
        seen = cuda.run(None, x, 1e-4), cuda.run(gradient, x, 1e-4)
        for ours, theirs in zip(seen, (truth, slope), strict=True):
            assert ours.dtype == dtype and ours.stride() == x.stride()
            bound = ulps * torch.finfo(dtype).eps * float(theirs.detach().abs().max())
            error = float((ours.double() - theirs).abs().max())
            assert error <= bound, (shape, dtype, layout, error, bound)
    for side in (4, 91):
        flat = torch.full((1, 2, side, side), 7.0)
        assert torch.allclose(cuda.run(None, flat, 0.0), flat * torch.sigmoid(torch.tensor(0.5)))
    far = 1000 + torch.randn(1, 2, 91, 91)  # a mean far from 0, and a first value far from the mean
    far[..., 0, 0] = 0
    truth = formula(far.double(), 1e-4)
    assert float((cuda.run(None, far, 1e-4).double() - truth).abs().max()) <= 64 * 2**-23 * float(truth.abs().max())
    print("all within bounds")


if __name__ == "__main__":
    main()
