"""What the speed table measures: pairs of calls that compute the same numbers our way and the plain way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from forensics.benchmarks import plain
from forensics.generators.base import Generator
from forensics.generators.stylegan2 import StyleGAN2Generator
from forensics.generators.stylegan3 import StyleGAN3Generator


@dataclass(frozen=True)
class Work:
    """Both sides of a case for one batch, and the operations (2 a multiply-add) of its convolutions and products."""

    ours: Callable[[], Tensor | None]
    plain: Callable[[], Tensor | None]
    flops: float


@dataclass(frozen=True)
class Case:
    """A line of the table: `asked` is the ratio wanted, `build(batch)` makes the work."""

    name: str
    asked: float
    batches: tuple[int, ...]
    build: Callable[[int], Work]


def _synthesis(
    make: Callable[[], Generator], plainly: Callable[[Any, Tensor], Tensor]
) -> Callable[[int], Work]:
    def build(batch: int) -> Work:
        g = make().eval().requires_grad_(False)
        reference = copy.deepcopy(g)  # in the memory layout the public code has
        g.lay_out()
        ws = g.map(g.sample_z(batch))

        @torch.inference_mode()
        def ours() -> Tensor:
            return g.synthesize(ws)

        @torch.inference_mode()
        def theirs() -> Tensor:
            return plainly(reference, ws)

        return Work(ours, theirs, _flops(ours, g))

    return build


def _flops(call: Callable[[], object], module: nn.Module) -> float:
    """Operations of the layers that hold weights: what no rewriting can save."""
    counter = FlopCounterMode(display=False)
    with counter:
        call()
    return float(counter.get_total_flops())


def _stylegan2(**config: Any) -> Callable[[], Generator]:
    def make() -> Generator:
        g = StyleGAN2Generator(**config)
        for name, parameter in g.named_parameters():
            if name.endswith("noise_strength"):
                nn.init.constant_(parameter, 0.1)  # so that noise is added, as in a trained network
        return g

    return make


def _stylegan3(**config: Any) -> Callable[[], Generator]:
    return lambda: StyleGAN3Generator(**config)


_SG2 = plain.stylegan2_synthesis
_SG3 = plain.stylegan3_synthesis

CASES: tuple[Case, ...] = (
    Case(
        "StyleGAN2 64 px, maps <= 128",
        1.8,
        (1, 16),
        _synthesis(_stylegan2(img_resolution=64, channel_base=4096, channel_max=128), _SG2),
    ),
    Case(
        "StyleGAN2 256 px",
        2.0,
        (1, 16),
        _synthesis(_stylegan2(img_resolution=256, channel_base=16384, channel_max=512), _SG2),
    ),
    Case(
        "StyleGAN3-T 256 px",
        2.5,
        (1,),
        _synthesis(_stylegan3(img_resolution=256, channel_base=16384, channel_max=512), _SG3),
    ),
    Case(
        "StyleGAN3-R 256 px",
        1.5,
        (1,),
        _synthesis(
            _stylegan3(
                img_resolution=256,
                channel_base=32768,
                channel_max=1024,
                conv_kernel=1,
                use_radial_filters=True,
            ),
            _SG3,
        ),
    ),
)
