"""GCT: Yang, Zhu, Wu, Yang, *Gated Channel Transformation for Visual Recognition*, CVPR 2020.

Deviations from the authors' code:

- They insert the module before each convolution of a network. The placement `spatial` is after the block's spatial
  convolution.
- The norms of float16 maps are processed in float32, so that their squares do not overflow.
"""

import torch
from torch import Tensor, nn

EPSILON = 1e-5
"""Added below both square roots."""


class GCT(nn.Module):
    """Channel gates 1 + tanh from the ℓ2 norms of the maps, normalised over channels: (N, C, H, W) → (N, C, H, W).

    A new module is the identity.

    Args:
        channels: number of input channels, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        norm = norm.to(torch.promote_types(x.dtype, torch.float32))
        embedding = (norm.square() + EPSILON).sqrt() * self.alpha
        scale = self.gamma / (embedding.square().mean(1, keepdim=True) + EPSILON).sqrt()
        gate = 1 + torch.tanh(embedding * scale + self.beta)
        return x * gate.to(x.dtype)
