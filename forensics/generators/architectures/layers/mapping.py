"""The mapping network that StyleGAN2 and StyleGAN3 share: latents and labels to w.

Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (CVPR 2019).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from forensics.generators.architectures.layers.equalised import FullyConnectedLayer, normalize_2nd_moment


class MappingNetwork(nn.Module):
    """z [n, z_dim] and label c [n, c_dim] to w [n, w_dim]; `w_avg` tracks the mean of w in training.

    With z_dim 0 (the conditional discriminator) only the label is mapped.
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        *,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        track_w_avg: bool = True,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.num_layers = z_dim, c_dim, num_layers
        if c_dim > 0:
            self.embed = FullyConnectedLayer(c_dim, w_dim)
        features = z_dim + (w_dim if c_dim > 0 else 0)
        for i in range(num_layers):
            layer = FullyConnectedLayer(features, w_dim, activation="lrelu", lr_multiplier=lr_multiplier)
            setattr(self, f"fc{i}", layer)
            features = w_dim
        if track_w_avg:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        """w, untruncated. Raises ValueError when a conditional network is given no label.

        As float32 [n, w_dim], any value.
        """
        parts = [normalize_2nd_moment(z)] if z is not None and self.z_dim > 0 else []
        if self.c_dim > 0:
            if c is None:
                raise ValueError(f"this network is conditional: give labels c of shape [n, {self.c_dim}]")
            parts.append(normalize_2nd_moment(self.embed(c)))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        return x
