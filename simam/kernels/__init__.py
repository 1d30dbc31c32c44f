"""Fused operator ``simam::simam``, with kernels in C for the CPU and in Triton for GPUs.

Forward reads the input once and writes the output once; backward reads two tensors and writes one. Backward is a
separate operator that needs the input and the upstream gradient only, so the input is the only tensor saved. Both
operators are deterministic. The second derivative is computed from the formula.
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

SUPPORTED_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)

MAX_CUDA_ELEMENTS = 2**31 - 1
"""Maximum number of elements of a GPU tensor.

The GPU kernels index the elements of one image with 32-bit integers, and they are not tested on larger tensors.
"""


def fused(x: Tensor, e_lambda: float) -> Tensor:
    """SimAM of feature maps of shape (N, C, H, W) as one differentiable operator; see :func:`simam.functional.simam`.

    Raises:
        NotImplementedError: the operator has no implementation for the device of ``x``.
        RuntimeError: this installation has no kernels for the CPU.
    """
    out: Tensor = _FORWARD(x, float(e_lambda))
    return out


def use_fused(x: Tensor) -> bool:
    """Whether the fused operator supports ``x`` in the current context and is faster there than the formula."""
    if x.dtype not in SUPPORTED_DTYPES or x.layout != torch.strided or (x.is_cuda and x.numel() > MAX_CUDA_ELEMENTS):
        return False
    # These checks run in every layer. The flags cost less than the call of is_in_onnx_export, so they come first.
    if (torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None) and torch.onnx.is_in_onnx_export():
        return False
    # The operator supports neither forward-mode differentiation nor torch.func transforms; the formula supports both.
    if torch.compiler.is_compiling():
        # On a GPU, torch.compile fuses the formula with adjacent operators. On a CPU, the kernel is faster.
        supported = not x.is_cuda and not torch._C._are_functorch_transforms_active()
    else:
        supported = forward_ad._current_level < 0 and not torch._C._functorch.is_functorch_wrapped_tensor(x)
    return supported and bool(available(x.device.type))


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def available(device: str) -> bool:
    """Whether the fused operator has kernels for a device type, or, for ``"meta"``, for any device type."""
    if device == "meta":
        return cpu.library() is not None or _has_triton()
    return _has_triton() if device == "cuda" else device == "cpu" and cpu.library() is not None


@cache  # torch queries the driver in every call, and every layer calls this function
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


def _setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, float], output: Tensor) -> None:
    x, ctx.e_lambda = inputs  # type: ignore[attr-defined]
    ctx.save_for_backward(x)


def _backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
    (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
    return _BACKWARD(gradient, x, ctx.e_lambda), None  # type: ignore[attr-defined]


def _setup_backward_context(
    ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, Tensor, float], output: Tensor
) -> None:
    gradient, x, ctx.e_lambda = inputs  # type: ignore[attr-defined]
    ctx.save_for_backward(gradient, x)


def _double_backward(ctx: torch.autograd.function.FunctionCtx, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
    """Gradients of :func:`_backward` for its gradient and its input, by automatic differentiation of the formula."""
    gradient, x = ctx.saved_tensors  # type: ignore[attr-defined]

    def formula_backward(gradient: Tensor, x: Tensor) -> Tensor:
        vjp = torch.func.vjp(lambda x: formula(x, ctx.e_lambda), x)[1]  # type: ignore[attr-defined]
        out: Tensor = vjp(gradient)[0]
        return out

    vjp = torch.func.vjp(formula_backward, gradient, x)[1]
    return *vjp(upstream), None


torch.library.register_autograd("simam::simam", _backward, setup_context=_setup_context)
torch.library.register_autograd("simam::simam_backward", _double_backward, setup_context=_setup_backward_context)
