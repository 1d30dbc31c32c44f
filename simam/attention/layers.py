"""Layers and pooling that several attention modules share."""

import torch
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """Group norm that accepts a single value per group: (N, C, ...) → (N, C, ...).

    ``nn.GroupNorm`` rejects such an input if the batch has one group in total, such as a 1×1 map at batch 1. Here its
    result is the bias, as it is at larger batches.
    """

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def spatial_std(x: Tensor) -> Tensor:
    """Standard deviation of each map, with Bessel's correction: (N, C, H, W) → (N, C, 1, 1).

    It is 0 for a 1×1 map, where the correction would divide by 0.
    """
    return x.std((2, 3), correction=min(1, x.shape[2] * x.shape[3] - 1), keepdim=True)
