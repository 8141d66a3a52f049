"""A network with a logit at every place: the mean of the places is the image's logit, so its map is exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LocalLogits(nn.Module):
    """A trunk and a linear classifier: float32 [n, 3, h, w], as the trunk takes them → logits float32 [n, h', w']."""

    def __init__(self, trunk: nn.Module, n_features: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(n_features, 1)
        nn.init.normal_(self.classifier.weight, 0, 0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits float32 [n], of any value, of images as the trunk takes them (for training: dropout after pooling)."""
        pooled = self.trunk(x).float().mean((2, 3))
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits[:, 0]

    def local(self, x: Tensor) -> Tensor:
        """Logits float32 [n, h', w'], of any value, whose mean over the places is `forward` without dropout."""
        features = self.trunk(x).float()
        logits = torch.einsum("nchw,c->nhw", features, self.classifier.weight[0])
        return logits + self.classifier.bias
