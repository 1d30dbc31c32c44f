"""What all devices' kernels share: which orders in memory they take as they are, and what becomes of others."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Launch: TypeAlias = Callable[[Tensor | None, Tensor, Tensor, bool], None]
"""(gradient or None, x, result, whether channels lie side by side): runs a kernel on tensors of one order."""


def in_order(launch: Launch, gradient: Tensor | None, x: Tensor) -> Tensor:
    """Forward, or with an upstream gradient backward; all of shape (N, C, H, W).

    Contiguous and channels-last tensors are taken as they are, others are copied; a gradient follows the input.

    Raises:
        ValueError: the gradient has another shape.
    """
    if gradient is not None and gradient.shape != x.shape:
        raise ValueError(f"the gradient has shape {tuple(gradient.shape)}, and the input {tuple(x.shape)}")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    channels_last = not x.is_contiguous()
    if channels_last and not x.is_contiguous(memory_format=torch.channels_last):
        return out.copy_(in_order(launch, gradient, x.contiguous()))
    if gradient is not None:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        gradient = gradient.to(x.dtype).contiguous(memory_format=layout)
    launch(gradient, x, out, channels_last)
    return out
