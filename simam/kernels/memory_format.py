"""Preparation of tensors for a kernel, shared by all devices. Kernels support contiguous and channels-last tensors."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

KernelLauncher: TypeAlias = Callable[[Tensor | None, Tensor, Tensor, bool], None]
"""Function ``(gradient or None, x, out, channels_last)`` that runs a kernel on tensors of the same memory format."""


def run_kernel(launch: KernelLauncher, gradient: Tensor | None, x: Tensor) -> Tensor:
    """Run a kernel on tensors of shape (N, C, H, W) in any memory layout.

    Contiguous and channels-last inputs are passed to the kernel without a copy; inputs in other layouts are copied. A
    gradient is converted to the dtype and the memory format of the input.

    Args:
        launch: function that runs the kernel.
        gradient: upstream gradient for the backward kernel; None for the forward kernel.
        x: input of the operator.

    Returns:
        The output or, with an upstream gradient, the gradient of the input. It has the shape, dtype and memory layout
        of ``x``.

    Raises:
        ValueError: the shape of the gradient differs from that of ``x``.
    """
    if gradient is not None and gradient.shape != x.shape:
        raise ValueError(f"the gradient has shape {tuple(gradient.shape)}, but the input has shape {tuple(x.shape)}")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    channels_last = not x.is_contiguous()
    if channels_last and not x.is_contiguous(memory_format=torch.channels_last):
        return out.copy_(run_kernel(launch, gradient, x.contiguous()))
    if gradient is not None:
        memory_format = torch.channels_last if channels_last else torch.contiguous_format
        gradient = gradient.to(x.dtype).contiguous(memory_format=memory_format)
    launch(gradient, x, out, channels_last)
    return out
