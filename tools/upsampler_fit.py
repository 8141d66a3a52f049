"""Fit the up-samplers of `forensics.recipes.parts.upsampler` to photographs: minutes on one core.

`python -m tools.upsampler_fit OUT PHOTOGRAPHS... [--steps N] [--seed S]`

The loss is what a viewer, and a detector that looks at networks' layers, would see: mean absolute difference of the
pixels, of the first layers of an ImageNet network, and of the spread of each of their channels. The last keeps the
result sharper than the first two alone would.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet
from forensics.core.errors import ForensicsError
from forensics.core.terminal import note, print_line, progress
from forensics.images import ImageFailure, decode_many, find_images
from forensics.recipes.parts.upsampler import KINDS, Upsampler, as_input, halved, save_upsamplers

STEPS: Final = 800
_BATCH: Final = 8
_CROP_PX: Final = 64
_RATE: Final = 3e-3
_DEEPEST: Final = 5  # layers of the ImageNet network that count: the stem and the blocks down to an eighth
_FEATURES, _SPREADS = 0.3, 1.0  # what they count beside the pixels


class Likeness:
    """How far images are from photographs, float32 [n, 3, h, w] in [-1, 1] each; 0 where they are equal."""

    def __init__(self) -> None:
        self.trunk = FoldedLite0()
        self.trunk.absorb(load_imagenet())
        self.trunk.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def __call__(self, made: Tensor, photographs: Tensor) -> Tensor:
        """The loss, a scalar."""
        loss = (made - photographs).abs().mean()
        for ours, theirs in zip(self._layers(made), self._layers(photographs), strict=True):
            scale = theirs.std(dim=(0, 2, 3), keepdim=True) + 1e-2
            loss = loss + _FEATURES / _DEEPEST * ((ours - theirs) / scale).abs().mean()
            spreads = (ours.std(dim=(2, 3)) - theirs.std(dim=(2, 3))) / scale[:, :, 0, 0]
            loss = loss + _SPREADS / _DEEPEST * spreads.abs().mean()
        return loss

    def _layers(self, images: Tensor) -> list[Tensor]:
        x = self.trunk.stem(images.contiguous(memory_format=torch.channels_last) * (127.5 / 128))
        found = [x]
        for block in self.trunk.blocks[: _DEEPEST - 1]:
            found.append(block(found[-1]))
        return found


def fit(
    kind: str,
    photographs: Sequence[np.ndarray],
    steps: int = STEPS,
    seed: int = 0,
    advance: Callable[[int, str], None] = lambda n, status: None,
) -> tuple[Upsampler, list[float]]:
    """An up-sampler fitted to crops of `photographs` (uint8 [h, w, 3], even sides), and the loss at every step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Upsampler(kind)
    pairs = [(halved(image), image) for image in photographs if min(image.shape[:2]) >= _CROP_PX]
    if not pairs:
        raise ForensicsError(f"no photograph of {_CROP_PX} px to fit an up-sampler to; give larger ones")
    rng, likeness = np.random.default_rng(seed), Likeness()
    optimiser = torch.optim.Adam(network.parameters(), _RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses = []
    for _ in range(steps):
        small, whole = _crops(pairs, rng)
        loss = likeness(network(small), whole)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        advance(1, f"{kind} {losses[-1]:.3f}")
    return network.eval().requires_grad_(False), losses


def _crops(pairs: Sequence[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Crops of some pairs at the same places, half of them mirrored."""
    smalls, wholes, half = [], [], _CROP_PX // 2
    for number in rng.integers(len(pairs), size=_BATCH):
        small, whole = pairs[number]
        top, left = (int(rng.integers(side - half + 1)) for side in small.shape[:2])
        cut = small[top : top + half, left : left + half]
        own = whole[2 * top : 2 * top + _CROP_PX, 2 * left : 2 * left + _CROP_PX]
        turn = slice(None, None, -1 if rng.random() < 0.5 else 1)
        smalls.append(cut[:, turn])
        wholes.append(own[:, turn])
    return as_input(np.stack(smalls)), as_input(np.stack(wholes))


def read_photographs(folders: Sequence[Path]) -> list[np.ndarray]:
    """Every readable photograph, uint8 [h, w, 3], cut to even sides; the others are named on stderr."""
    found = find_images(list(folders))
    images = []
    for item in decode_many(found.paths):
        if isinstance(item, ImageFailure):
            note(f"rejected {item.message}")
        else:
            height, width = item.pixels.shape[:2]
            images.append(item.pixels[: height - height % 2, : width - width % 2])
    return images


def main(argv: Sequence[str] | None = None) -> int:
    """Fit both kinds and write them."""
    parser = argparse.ArgumentParser(prog="python -m tools.upsampler_fit")
    parser.add_argument("out", type=Path)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    try:
        images = read_photographs(asked.photographs)
        networks, ends = {}, {}
        with progress("fit", asked.steps * len(KINDS)) as meter:
            for kind in KINDS:
                networks[kind], losses = fit(kind, images, asked.steps, asked.seed, meter.advance)
                ends[kind] = round(float(np.mean(losses[-50:])), 4)
        card = {
            "made_by": "python -m tools.upsampler_fit",
            "photographs": {str(folder): len(find_images([folder]).paths) for folder in asked.photographs},
            "steps": asked.steps,
            "seed": asked.seed,
            "loss": ends,
            "licence": "research use, as the photographs they were fitted to",
        }
        save_upsamplers(asked.out, networks, card)
    except ForensicsError as error:
        note(f"error: {error}")
        return error.exit_code
    print_line(f"{asked.out}: {', '.join(KINDS)}, loss {ends}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
