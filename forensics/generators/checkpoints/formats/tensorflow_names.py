"""How the variables of NVIDIA's TensorFlow StyleGAN and StyleGAN2 become our tensors, by their published names.

Weights of convolutions are stored [height, width, in, out] there and [out, in, height, width] here; those of dense
layers [in, out]. Where TensorFlow enlarges and convolves in one step, the kernel runs the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Change = Callable[[Tensor], Tensor]
FUSED_FROM_PX = 128  # StyleGAN enlarges and convolves in one step from this size on


@dataclass(frozen=True)
class Rule:
    """A pattern of their names, ours with the groups of the pattern in it, and what is done to the numbers.

    `dimensions`: how many theirs have.
    """

    theirs: str
    ours: str
    dimensions: int
    change: Change


def _same(x: Tensor) -> Tensor:
    return x


def _dense(x: Tensor) -> Tensor:
    return x.t()


def _convolution(x: Tensor) -> Tensor:
    return x.permute(3, 2, 0, 1)


def _turned(x: Tensor) -> Tensor:
    return x.permute(3, 2, 0, 1).flip((2, 3))


def _first(x: Tensor) -> Tensor:
    return x[0]


def _map(x: Tensor) -> Tensor:
    return x[0, 0]


def _plus_one(x: Tensor) -> Tensor:
    return x + 1


_MAPPING = (
    Rule("dlatent_avg", "mapping.w_avg", 1, _same),
    Rule(r"mapping/Dense(\d{1,3})/weight", "mapping.fc{0}.weight", 2, _dense),
    Rule(r"mapping/Dense(\d{1,3})/bias", "mapping.fc{0}.bias", 1, _same),
)


def _modulated(theirs: str, ours: str, change: Change) -> Iterator[Rule]:
    """The variables of one modulated convolution."""
    yield Rule(f"{theirs}/weight", f"{ours}.weight", 4, change)
    yield Rule(f"{theirs}/bias", f"{ours}.bias", 1, _same)
    yield Rule(f"{theirs}/noise_strength", f"{ours}.noise_strength", 0, _same)
    yield Rule(f"{theirs}/mod_weight", f"{ours}.affine.weight", 2, _dense)
    yield Rule(f"{theirs}/mod_bias", f"{ours}.affine.bias", 1, _plus_one)


_SIZE = r"synthesis/(\d{1,5})x\1"
STYLEGAN2 = (
    *_MAPPING,
    Rule("mapping/LabelEmbed/weight", "mapping.embed.weight", 2, _dense),
    Rule("mapping/LabelEmbed/bias", "mapping.embed.bias", 1, _same),
    Rule("synthesis/4x4/Const/const", "synthesis.b4.const", 4, _first),
    *_modulated("synthesis/4x4/Conv", "synthesis.b4.conv1", _convolution),
    *_modulated(f"{_SIZE}/Conv0_up", "synthesis.b{0}.conv0", _turned),
    *_modulated(f"{_SIZE}/Conv1", "synthesis.b{0}.conv1", _convolution),
    *_modulated(f"{_SIZE}/ToRGB", "synthesis.b{0}.torgb", _convolution),
    Rule(f"{_SIZE}/Skip/weight", "synthesis.b{0}.skip.weight", 4, _turned),
)
STYLEGAN2_DISCRIMINATOR = (
    Rule(r"(\d{1,5})x\1/FromRGB/weight", "b{0}.fromrgb.weight", 4, _convolution),
    Rule(r"(\d{1,5})x\1/FromRGB/bias", "b{0}.fromrgb.bias", 1, _same),
    Rule(r"(\d{1,5})x\1/Conv0/weight", "b{0}.conv0.weight", 4, _convolution),
    Rule(r"(\d{1,5})x\1/Conv0/bias", "b{0}.conv0.bias", 1, _same),
    Rule(r"(\d{1,5})x\1/Conv1_down/weight", "b{0}.conv1.weight", 4, _convolution),
    Rule(r"(\d{1,5})x\1/Conv1_down/bias", "b{0}.conv1.bias", 1, _same),
    Rule(r"(\d{1,5})x\1/Skip/weight", "b{0}.skip.weight", 4, _convolution),
    Rule("4x4/Conv/weight", "b4.conv.weight", 4, _convolution),
    Rule("4x4/Conv/bias", "b4.conv.bias", 1, _same),
    Rule("4x4/Dense0/weight", "b4.fc.weight", 2, _dense),
    Rule("4x4/Dense0/bias", "b4.fc.bias", 1, _same),
    Rule("Output/weight", "b4.out.weight", 2, _dense),
    Rule("Output/bias", "b4.out.bias", 1, _same),
    Rule("LabelEmbed/weight", "mapping.embed.weight", 2, _dense),
    Rule("LabelEmbed/bias", "mapping.embed.bias", 1, _same),
    Rule(r"Mapping(\d{1,3})/weight", "mapping.fc{0}.weight", 2, _dense),
    Rule(r"Mapping(\d{1,3})/bias", "mapping.fc{0}.bias", 1, _same),
)


def _styled(theirs: str, ours: str, change: Change = _convolution) -> Iterator[Rule]:
    """The variables of one layer of StyleGAN's synthesis."""
    yield Rule(f"{theirs}/weight", f"{ours}.conv.weight", 4, change)
    yield Rule(f"{theirs}/bias", f"{ours}.bias", 1, _same)
    yield Rule(f"{theirs}/Noise/weight", f"{ours}.noise_strength", 1, _same)
    yield Rule(f"{theirs}/StyleMod/weight", f"{ours}.affine.weight", 2, _dense)
    yield Rule(f"{theirs}/StyleMod/bias", f"{ours}.affine.bias", 1, _same)


def stylegan(fused: bool | None) -> tuple[Rule, ...]:
    """The rules of StyleGAN's generator. `fused`: whether every enlarging is fused, none, or those from 128 px on."""
    whole = "({})x\\1".format
    above = r"128|256|512|1024|2048|4096"
    every = r"\d{1,5}"
    turned = every if fused else above if fused is None else "(?!)"
    return (
        *_MAPPING,
        Rule("(?:synthesis/)?lod", "synthesis.lod", 0, _same),
        Rule("synthesis/4x4/Const/const", "synthesis.b4.const", 4, _first),
        *_styled("synthesis/4x4/Const", "synthesis.b4.layer0"),
        *_styled("synthesis/4x4/Conv", "synthesis.b4.layer1"),
        *_styled(f"synthesis/{whole(turned)}/Conv0_up", "synthesis.b{0}.layer0", _turned),
        *_styled(f"synthesis/{whole(every)}/Conv0_up", "synthesis.b{0}.layer0"),
        *_styled(f"synthesis/{whole(every)}/Conv1", "synthesis.b{0}.layer1"),
        Rule(f"synthesis/{whole(every)}/ToRGB/weight", "synthesis.b{0}.torgb.weight", 4, _convolution),
        Rule(f"synthesis/{whole(every)}/ToRGB/bias", "synthesis.b{0}.torgb.bias", 1, _same),
    )


STYLEGAN_DISCRIMINATOR = (
    Rule("lod", "lod", 0, _same),
    *STYLEGAN2_DISCRIMINATOR[:6],
    *STYLEGAN2_DISCRIMINATOR[7:11],
    Rule("4x4/Dense1/weight", "b4.out.weight", 2, _dense),
    Rule("4x4/Dense1/bias", "b4.out.bias", 1, _same),
)


def renamed(theirs: Mapping[str, Tensor], rules: tuple[Rule, ...]) -> tuple[dict[str, Tensor], list[str]]:
    """Our tensors, float32 and contiguous, and the names that no rule knows (or that have other dimensions)."""
    ours: dict[str, Tensor] = {}
    unknown = []
    for name, value in theirs.items():
        for rule in rules:
            match = re.fullmatch(rule.theirs, name)
            if match and value.ndim == rule.dimensions and 0 not in value.shape:
                key = rule.ours.format(*match.groups())
                if key not in ours:
                    ours[key] = rule.change(value).float().contiguous()
                    break
        else:
            unknown.append(name)
    return ours, unknown


def by_size(theirs: Mapping[str, Tensor], largest: int) -> dict[str, Tensor]:
    """The variables of levels of detail under the size in pixels that they stand for: ToRGB_lod0 is the largest."""
    named: dict[str, Tensor] = {}
    for name, value in theirs.items():
        match = re.fullmatch(r"(synthesis/|)(ToRGB|FromRGB)_lod(\d{1,2})/(weight|bias)", name)
        if match:
            r = largest >> int(match[3])
            name = f"{match[1]}{r}x{r}/{match[2]}/{match[4]}"
        named[name] = value
    return named


def noise_maps(theirs: dict[str, Tensor], layer_of: Callable[[int], str]) -> dict[str, Tensor]:
    """Take synthesis/noise0, noise1 ... out of `theirs`: the maps float32 [r, r] under the names of their layers."""
    maps = {}
    for name in [name for name in theirs if re.fullmatch(r"synthesis/noise\d{1,2}", name)]:
        value = theirs[name]
        if value.ndim == 4 and value.shape[:2] == (1, 1):
            maps[layer_of(int(name.removeprefix("synthesis/noise")))] = _map(theirs.pop(name)).contiguous()
    return maps


def stylegan2_noise(k: int) -> str:
    """Where map `k` of StyleGAN2 belongs: one at 4 px, then two a size."""
    return f"synthesis.b{2 ** ((k + 5) // 2)}.conv{1 - k % 2}.noise_const"


def stylegan_noise(k: int) -> str:
    """Where map `k` of StyleGAN belongs: two a size."""
    return f"synthesis.b{2 ** (k // 2 + 2)}.layer{k % 2}.noise_const"


def filters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The filters [1, 3, 3, 1] that StyleGAN2's modules keep and TensorFlow's do not; float32 [4, 4]."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps) / 64
    places = set()
    for key in state:
        place, _, name = key.rpartition(".")
        block, _, layer = place.rpartition(".")
        if name == "weight" and layer in ("conv0", "conv1", "conv", "skip", "fromrgb"):
            places |= {place} | ({block} if layer in ("conv0", "conv1") else set())
    return {f"{place}.resample_filter": kernel.clone() for place in places}
