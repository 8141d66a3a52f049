"""CLIP's ViT-B/16 image tower (Radford et al. 2021, arXiv 2103.00020; MIT), frozen, as PyTorch: gradients pass.

The weights come from a file whose matrices are stored with 8 bits; here they are float32 again, and so is every
product, so that an image's features depend neither on the images beside it nor on the kind of processor. Images of
any size that is a multiple of 16 are taken: the position embedding is interpolated where the grid is not 14 × 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from forensics.backbones.clip_file import N_BLOCKS, read_tower
from forensics.core.errors import CheckpointError

WIDTH: Final = 768
EMBEDDING: Final = 512
PATCH_PX: Final = 16
_HEADS: Final = 12
_GRID: Final = 14
_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
_STD: Final = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class ClipFeatures:
    """`embedding` float32 [n, 512]; `tokens`: block → float32 [n, 1 + rows · columns, 768], class token first."""

    embedding: Tensor
    tokens: dict[int, Tensor]


class _Block(nn.Module):
    """A pre-norm transformer block: attention, then a perceptron with the sigmoid's approximation of GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.self_attn = nn.ModuleDict(
            {name: nn.Linear(WIDTH, WIDTH) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
        )
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)})

    def forward(self, x: Tensor) -> Tensor:
        dtype = self.mlp["fc1"].weight.dtype
        x = x + self._attended(self.layer_norm1(x).to(dtype)).to(x.dtype)
        y = self.mlp["fc1"](self.layer_norm2(x).to(dtype))
        z: Tensor = x + self.mlp["fc2"](y * torch.sigmoid(1.702 * y)).to(x.dtype)
        return z

    def multiply_in(self, dtype: torch.dtype) -> None:
        """Keep the matrices in `dtype`, and multiply in it."""
        self.self_attn.to(dtype)
        self.mlp.to(dtype)

    def _attended(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        q, k, v = (
            self.self_attn[name](x).view(n, t, _HEADS, WIDTH // _HEADS).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        y = functional.scaled_dot_product_attention(q, k, v)
        z: Tensor = self.self_attn["out_proj"](y.transpose(1, 2).reshape(n, t, WIDTH))
        return z


class _Embeddings(nn.Module):
    """Patches of 16 px, a class token before them, and where each of them lies."""

    def __init__(self) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(WIDTH))
        self.patch_embedding = nn.Conv2d(3, WIDTH, PATCH_PX, PATCH_PX, bias=False)
        self.position_embedding = nn.Embedding(1 + _GRID**2, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch_embedding(x)
        rows, columns = patches.shape[2:]
        tokens = patches.flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(x), 1, WIDTH)
        return torch.cat([first, tokens], dim=1) + self._positions(rows, columns)

    def _positions(self, rows: int, columns: int) -> Tensor:
        weight = self.position_embedding.weight
        if (rows, columns) == (_GRID, _GRID):
            return weight
        grid = weight[1:].float().T.reshape(1, WIDTH, _GRID, _GRID)
        grid = functional.interpolate(grid, (rows, columns), mode="bicubic", antialias=True)
        return torch.cat([weight[:1], grid.flatten(2)[0].T.to(weight.dtype)])


class ClipTower(nn.Module):
    """float32 [n, 3, h, w] in [0, 1], h and w multiples of 16 (224 as published) → `ClipFeatures`."""

    mean: Tensor
    std: Tensor

    def __init__(self, n_blocks: int = N_BLOCKS) -> None:
        super().__init__()
        self.embeddings = _Embeddings()
        self.pre_layrnorm, self.post_layernorm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(_Block() for _ in range(n_blocks))
        self.visual_projection = nn.Linear(WIDTH, EMBEDDING, bias=False)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor, blocks: Sequence[int] = ()) -> ClipFeatures:
        """The embedding, and what the `blocks` (0 to 11) make of every token."""
        x = self.pre_layrnorm(self.embeddings((images - self.mean) / self.std))
        tokens = {}
        for number, block in enumerate(self._blocks()):
            x = block(x)
            if number in blocks:
                tokens[number] = x
        return ClipFeatures(self.visual_projection(self.post_layernorm(x[:, 0])), tokens)

    def multiply_in(self, dtype: torch.dtype) -> None:
        """Keep the blocks' matrices in `dtype`, and multiply in it; all between them, and the pixels, stay float32.

        In bfloat16, on a processor with a matrix unit for it, an image takes a fourth of the time.
        """
        for block in self._blocks():
            if isinstance(block, _Block):
                block.multiply_in(dtype)

    def _blocks(self) -> nn.ModuleList:
        blocks = self.encoder.layers
        assert isinstance(blocks, nn.ModuleList)
        return blocks


def load_tower(path: Path) -> ClipTower:
    """The tower with its weights, in eval mode, its weights without gradients. CheckpointError: not that file."""
    arrays = read_tower(path)
    with torch.device("meta"):
        tower = ClipTower()
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    try:
        tower.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: does not fit CLIP's ViT-B/16 image tower ({error})") from error
    for name, value in (("mean", _MEAN), ("std", _STD)):
        tower.register_buffer(name, torch.tensor(value)[:, None, None], persistent=False)
    return tower.eval().requires_grad_(False)
