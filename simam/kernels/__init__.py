"""The fused operator ``simam::simam``: one read and one write forward, two reads and one write backward.

Its gradient is an operator of its own, which needs the input and the upstream gradient only, so nothing but the input
is saved. Both are deterministic. A second derivative goes through the formula.
"""

from functools import cache

import torch
from torch import Tensor
from torch.autograd import forward_ad

from simam.formula import formula
from simam.kernels import cpu

torch.library.define("simam::simam", "(Tensor x, float e_lambda) -> Tensor", tags=torch.Tag.pt2_compliant_tag)
torch.library.define(
    "simam::simam_backward",
    "(Tensor gradient, Tensor x, float e_lambda) -> Tensor",
    tags=torch.Tag.pt2_compliant_tag,
)

_FORWARD, _BACKWARD = torch.ops.simam.simam.default, torch.ops.simam.simam_backward.default
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


MOST_ON_CUDA = 2**31 - 1
"""Elements: the kernels count those of one image in 32 bits, and were never run on more."""


def fused(x: Tensor, e_lambda: float) -> Tensor:
    """SimAM of feature maps of shape (N, C, H, W) as one differentiable operator; see :func:`simam.functional.simam`.

    Raises:
        NotImplementedError, RuntimeError: there are no kernels for the device, or here.
    """
    out: Tensor = _FORWARD(x, float(e_lambda))
    return out


def fuses(x: Tensor) -> bool:
    """Whether the fused operator runs on this tensor here and now, and is the better choice."""
    if x.dtype not in FLOATS or x.layout != torch.strided or (x.is_cuda and x.numel() > MOST_ON_CUDA):
        return False
    # Between two layers of a network Python's caches are cold, and each call here costs microseconds.
    if (torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None) and torch.onnx.is_in_onnx_export():
        return False
    # The operator has no forward derivative and no rules for torch.func; the formula gets them for nothing.
    if torch.compiler.is_compiling():
        # On a GPU the compiler fuses the formula with what comes before and after it; on a CPU its code is slower.
        wanted = not x.is_cuda and not torch._C._are_functorch_transforms_active()
    else:
        wanted = forward_ad._current_level < 0 and not torch._C._functorch.is_functorch_wrapped_tensor(x)
    return wanted and bool(available(x.device.type))


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def available(device: str) -> bool:
    """Whether there are kernels for a type of device; "meta" stands for whatever there is."""
    if device == "meta":
        return cpu.library() is not None or _has_triton()
    return _has_triton() if device == "cuda" else device == "cpu" and cpu.library() is not None


@cache  # torch asks the driver each time, and each layer asks here
def _has_triton() -> bool:
    return torch.cuda.is_available() and torch.utils._triton.has_triton()


@torch.library.impl("simam::simam", "cpu")
def _cpu_forward(x: Tensor, e_lambda: float) -> Tensor:
    return cpu.run(None, x, e_lambda)


@torch.library.impl("simam::simam_backward", "cpu")
def _cpu_backward(gradient: Tensor, x: Tensor, e_lambda: float) -> Tensor:
    return cpu.run(gradient, x, e_lambda)


@torch.library.impl("simam::simam", "cuda")
def _cuda_forward(x: Tensor, e_lambda: float) -> Tensor:
    from simam.kernels import cuda

    return cuda.run(None, x, e_lambda)


@torch.library.impl("simam::simam_backward", "cuda")
def _cuda_backward(gradient: Tensor, x: Tensor, e_lambda: float) -> Tensor:
    from simam.kernels import cuda

    return cuda.run(gradient, x, e_lambda)


@torch.library.register_fake("simam::simam")  # type: ignore[untyped-decorator]
def _fake_forward(x: Tensor, e_lambda: float) -> Tensor:
    return torch.empty_like(x)


@torch.library.register_fake("simam::simam_backward")  # type: ignore[untyped-decorator]
def _fake_backward(gradient: Tensor, x: Tensor, e_lambda: float) -> Tensor:
    return torch.empty_like(x)


def _save(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, float], output: Tensor) -> None:
    x, ctx.e_lambda = inputs  # type: ignore[attr-defined]
    ctx.save_for_backward(x)


def _backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
    (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
    return _BACKWARD(gradient, x, ctx.e_lambda), None  # type: ignore[attr-defined]


def _save_both(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, Tensor, float], output: Tensor) -> None:
    gradient, x, ctx.e_lambda = inputs  # type: ignore[attr-defined]
    ctx.save_for_backward(gradient, x)


def _double_backward(ctx: torch.autograd.function.FunctionCtx, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
    """The gradient of the gradient, by torch's own differentiation of the formula."""
    gradient, x = ctx.saved_tensors  # type: ignore[attr-defined]

    def product(gradient: Tensor, x: Tensor) -> Tensor:
        pull = torch.func.vjp(lambda x: formula(x, ctx.e_lambda), x)[1]  # type: ignore[attr-defined]
        out: Tensor = pull(gradient)[0]
        return out

    pull = torch.func.vjp(product, gradient, x)[1]
    return *pull(upstream), None


torch.library.register_autograd("simam::simam", _backward, setup_context=_save)
torch.library.register_autograd("simam::simam_backward", _double_backward, setup_context=_save_both)
