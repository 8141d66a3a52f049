"""What the speed table measures: pairs of calls that compute the same numbers our way and the plain way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from forensics.generators.architectures.mobile_stylegan import MobileStyleGANGenerator
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.architectures.stylegan3 import StyleGAN3Generator
from forensics.generators.base import Generator
from forensics.generators.export import export_onnx, session_of
from forensics.generators.training.augmentation.pipe import PIPELINES, AugmentPipe
from forensics.generators.training.losses.contract import LabelledImages
from forensics.generators.training.options import SamplingOptions
from forensics.generators.training.steps import GradientSteps, Lazy
from tools.speed import plain
from tools.speed.plain_mobile import mobile_stylegan_synthesis
from tools.speed.plain_training import PlainDiscriminator, PlainSteps


@dataclass(frozen=True)
class Work:
    """Both sides of a case for one batch, and how to count the operations (2 a multiply-add) of its convolutions and
    products, which runs our side once."""

    ours: Callable[[], Tensor | None]
    plain: Callable[[], Tensor | None]
    flops: Callable[[], float]


@dataclass(frozen=True)
class Case:
    """Lines of the table: `asked` is the ratio wanted (None: just to know), `build(batch)` makes the work.

    `in_children`: whether memory can be compared, each side in a process of its own.
    """

    name: str
    asked: float | None
    batches: tuple[int, ...]
    build: Callable[[int], Work]
    in_children: bool = True


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

        return Work(ours, theirs, lambda: _flops(ours))

    return build


def _in_onnx_runtime(make: Callable[[], StyleGAN2Generator]) -> Callable[[int], Work]:
    """The exported file in ONNX Runtime as our side, against plain synthesis of the same weights."""

    @cache
    def exported() -> tuple[StyleGAN2Generator, Any]:
        g = make().eval().requires_grad_(False)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "synthesis.onnx"
            export_onnx(g, path)
            return g, session_of(path)

    def build(batch: int) -> Work:
        g, session = exported()
        ws = g.map(g.sample_z(batch)).contiguous()

        def ours() -> Tensor:
            (image,) = session.run(None, {"ws": ws.numpy()})
            return torch.from_numpy(image)

        @torch.inference_mode()
        def theirs() -> Tensor:
            return _SG2(g, ws)

        return Work(ours, theirs, lambda: _flops(torch.inference_mode()(lambda: g.synthesize(ws))))

    return build


def _flops(call: Callable[[], object]) -> float:
    """Operations of the layers that hold weights: what no rewriting can save."""
    counter = FlopCounterMode(display=False)
    with counter:
        call()
    return float(counter.get_total_flops())


def _stylegan2(**config: Any) -> Callable[[], StyleGAN2Generator]:
    def make() -> StyleGAN2Generator:
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


def _training(batch: int) -> Work:
    """One iteration: a step of G, a step of D, and the lazy regularisers' share of it (R1 every 16th iteration on
    the batch, path length every 4th on half of it, so on a sixteenth and an eighth of the batch each time)."""
    sizes: dict[str, Any] = {"img_resolution": 64, "channel_base": 4096, "channel_max": 128}
    real = torch.rand(batch, 3, 64, 64) * 2 - 1
    sides = []
    for plainly in (False, True):
        torch.manual_seed(0)
        g, d = StyleGAN2Generator(**sizes, num_mapping_layers=2), StyleGAN2Discriminator(**sizes)
        pipe = AugmentPipe(PIPELINES["noaug"])
        sampling = SamplingOptions(style_mixing_prob=0.0)
        if plainly:
            steps: GradientSteps = PlainSteps(g, PlainDiscriminator(d), pipe, sampling=sampling)
        else:
            g.lay_out()
            d.to(memory_format=torch.channels_last)
            steps = GradientSteps(g, d, pipe, sampling=sampling)
        sides.append(_iteration(steps, g, d, real, fused=not plainly))

    def flops() -> float:
        with torch.no_grad():
            per_g = _flops(lambda: g.synthesize(g.map(g.sample_z(1))))
            per_d = _flops(lambda: d(real[:1]))
        # Passes over each network: forward 1, gradient of inputs 1, of weights 1; a regulariser differentiates twice.
        passes_g = 3 + 1 + 6 / 8
        passes_d = 2 + 2 * 3 + 6 / 16
        return batch * (passes_g * per_g + passes_d * per_d)

    return Work(sides[0], sides[1], flops)


def _iteration(
    steps: GradientSteps, g: StyleGAN2Generator, d: StyleGAN2Discriminator, real: Tensor, *, fused: bool
) -> Callable[[], None]:
    n = len(real)
    opt_g = torch.optim.Adam(g.parameters(), lr=1e-4, betas=(0.0, 0.99), fused=fused)
    opt_d = torch.optim.Adam(d.parameters(), lr=1e-4, betas=(0.0, 0.99), fused=fused)

    def iteration() -> None:
        d.requires_grad_(False)
        steps.generator_step(n, track_w_avg=0.995)
        steps.path_length_step(max(n // 8, 1), Lazy(2.0, 4))
        opt_g.step()
        opt_g.zero_grad(set_to_none=True)
        d.requires_grad_(True)
        steps.discriminator_step(LabelledImages(real), n)
        steps.r1_step(LabelledImages(real[: max(n // 16, 1)]), Lazy(0.1, 16))
        opt_d.step()
        opt_d.zero_grad(set_to_none=True)

    return iteration


_SG2_64 = _stylegan2(img_resolution=64, channel_base=4096, channel_max=128)
_SG2_256 = _stylegan2(img_resolution=256, channel_base=16384, channel_max=512)
_SG3_T = _stylegan3(img_resolution=256, channel_base=16384, channel_max=512)
_SG3_R = _stylegan3(
    img_resolution=256, channel_base=32768, channel_max=1024, conv_kernel=1, use_radial_filters=True
)

CASES: tuple[Case, ...] = (
    Case("StyleGAN2 64 px, maps <= 128", 1.8, (1, 16), _synthesis(_SG2_64, _SG2)),
    Case("StyleGAN2 256 px", 2.0, (1, 16), _synthesis(_SG2_256, _SG2)),
    Case("training iteration, 64 px", 1.8, (16,), _training),
    Case(
        "MobileStyleGAN 1024 px", 2.0, (1, 8), _synthesis(MobileStyleGANGenerator, mobile_stylegan_synthesis)
    ),
    Case("StyleGAN3-T 256 px", 2.5, (1,), _synthesis(_SG3_T, _SG3)),
    Case("StyleGAN3-R 256 px", 1.5, (1,), _synthesis(_SG3_R, _SG3)),
    Case("ONNX Runtime, StyleGAN2 64 px", None, (1, 16), _in_onnx_runtime(_SG2_64), in_children=False),
    Case("ONNX Runtime, StyleGAN2 256 px", None, (1,), _in_onnx_runtime(_SG2_256), in_children=False),
)
