"""What a training run is asked to do: frozen options, checked, and compared with those of a saved run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from forensics.core.errors import ForensicsError
from forensics.generators.training.strengths import PIPELINES

# Options that a run finds for itself, and those that are no single value.
_BY_THE_RUN = ("preset", "c_dim", "transfer", "transfer_kimg", "generator_extra", "discriminator_extra")
# Networks that tell persons apart, and where the weights of each are in forensics/weights.
DESCRIPTORS = {"dlib": "descriptor", "mobile": "descriptor-mobile"}
_SWITCH = {"true": True, "false": False}
_ABOVE_0 = ("lr_g", "lr_d", "lr_projected", "ema_kimg", "ada_kimg")
_FROM_1 = ("matching_interval", "anchor_count")
_FROM_0 = (
    *("r1_gamma", "pl_weight", "seed", "freeze_d", "plain_weight", "style_mixing_prob"),
    *("matching_weight", "inner_weight", "identity_weight", "truncation_weight"),
    *("anchor_weight", "anchor_identity", "anchor_kimg", "warmup_kimg"),
)


@dataclass(frozen=True)
class TrainingOptions:
    """Every number that shapes the weights. Units: kimg = thousand images shown to the discriminator.

    A run that was saved before an option existed had its default: an option added here must default to what the
    code did before.
    """

    preset: str = "stylegan2-64"
    architecture: str = "stylegan2"  # stylegan2, stylegan3, stylegan, progan, srcnet
    resolution: int = 64
    z_dim: int = 256
    w_dim: int = 256
    c_dim: int = 0  # classes of a conditional network
    channel_base: int = 2048
    channel_max: int = 256
    num_mapping_layers: int = 2
    generator_extra: dict[str, Any] = field(default_factory=dict)  # further constructor arguments
    discriminator_extra: dict[str, Any] = field(default_factory=dict)
    batch: int = 16  # over all ranks
    mbstd_group_size: int = 4
    loss: str = "logistic"  # logistic (with R1) or wgan-gp
    lr_g: float = 0.0025
    lr_d: float = 0.0025
    lr_mapping: float = 0.0  # of the mapping and the constant; 0: as lr_g
    beta1_g: float = 0.0
    lazy_correction: bool = True  # Adam corrected for the steps that lazy regularisers add
    plain_weight: float = 1.0  # of what the discriminator says to the generator, beside what follows
    projected_side: int = 0  # a second discriminator over Lite0 features of images of this size; 0: none
    projected_weight: float = (
        0.2  # of its loss beside the plain one; at 1 its gradient is some 16 times as large
    )
    projected_inner: bool = False  # of every second image it sees the inner face alone, enlarged
    projected_faces: bool = False  # three more scales of it are those of dlib's face network
    lr_projected: float = 0.002
    matching_weight: float = 0.0  # of the energy distance over the projected network's features; 0: none
    inner_weight: float = (
        0.0  # of the same distance over the inner face, enlarged; anchors are compared there, too
    )
    identity_weight: float = 0.0  # of the same distance over descriptors of persons; 0: none
    truncation_weight: float = 0.0  # of persons that stray where ws are truncated; 0: none
    descriptors: str = "dlib"  # the networks that make these, joined by +
    matching_interval: int = 2  # iterations from one use of these to the next, at so many times the weight
    anchor_weight: float = (
        0.0  # of the distance of photographs from what is made of their own latents; 0: none
    )
    anchor_identity: float = 0.0  # of descriptors of persons in that distance; 0: none
    anchor_count: int = 8  # of them an iteration
    anchor_kimg: float = (
        0.0  # at the beginning, in which the generator learns from them alone, with all of the batch
    )
    warmup_kimg: float = (
        0.0  # over which G's learning rate grows from 0 before discriminators that know nothing
    )
    r1_gamma: float = 0.1
    d_reg_interval: int = 16
    pl_weight: float = 0.0  # path length: off on a CPU, where it costs a fifth of the time
    g_reg_interval: int = 4
    pl_batch_shrink: int = 2
    pl_decay: float = 0.01
    style_mixing_prob: float = 0.9
    lowest_psi: float = 1.0  # training's faces are truncated, each to a psi drawn between this and 1
    w_avg_beta: float = 0.995
    ema_kimg: float = 10.0
    ema_rampup: float = 0.05  # 0: none
    ema_decay: float = 0.0  # an iteration; 0: by ema_kimg
    magnitude_ema_kimg: float = 0.0  # StyleGAN3: half-life of the layers' magnitudes; 0: not tracked
    blur_sigma: float = 0.0  # StyleGAN3-R: blur of what the discriminator sees, faded out over blur_kimg
    blur_kimg: float = 0.0
    start_resolution: int = 0  # progressive growing from here; 0: none
    stable_kimg: float = 600.0
    fade_kimg: float = 600.0
    augment: str = "bgc"
    ada_target: float = 0.6
    ada_interval: int = 4
    ada_kimg: float = 100.0
    freeze_d: int = 0  # layers of the discriminator, from the image inwards, that keep their weights
    framing: str = "square"  # square: centred square, bicubic; shorter-side: resized, then cropped, bilinear
    pixels: str = "unit"  # unit: [-1, 1]; imagenet: normalised by ImageNet's mean and deviation
    mirror: bool = True
    transfer: str = ""  # sha256 of the weights file that the run began with
    transfer_kimg: float = 0.0  # what these weights had been trained, over all runs, as far as files say
    seed: int = 0

    def generator_config(self) -> dict[str, Any]:
        """Constructor arguments of the generator."""
        config: dict[str, Any] = {"z_dim": self.z_dim, "img_resolution": self.resolution}
        if self.architecture != "srcnet":
            config |= {"channel_base": self.channel_base, "channel_max": self.channel_max}
        if self.architecture in ("stylegan2", "stylegan3", "stylegan"):
            config |= {"w_dim": self.w_dim}
        if self.architecture != "progan":
            config |= {"num_mapping_layers": self.num_mapping_layers}
        return config | ({"c_dim": self.c_dim} if self.c_dim else {}) | self.generator_extra

    def discriminator_config(self) -> dict[str, Any]:
        """Constructor arguments of the discriminator."""
        config: dict[str, Any] = {"img_resolution": self.resolution}
        if self.architecture != "srcnet":
            config |= {
                "channel_base": self.channel_base,
                "channel_max": self.channel_max,
                "mbstd_group_size": self.mbstd_group_size,
            }
        return config | ({"c_dim": self.c_dim} if self.c_dim else {}) | self.discriminator_extra

    def as_json(self) -> dict[str, Any]:
        """The options as plain values."""
        return asdict(self)


def settings(texts: Sequence[str]) -> dict[str, int | float | bool | str]:
    """Options out of texts as NAME=VALUE, each of the kind its option has; others are a `ForensicsError`."""
    own = {name: value for name, value in TrainingOptions().as_json().items() if name not in _BY_THE_RUN}
    found: dict[str, int | float | bool | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in own:
            raise ForensicsError(f"{text!r} is no training option: give NAME=VALUE, as in anchor_kimg=0")
        found[name] = _as_kind(name, value, own[name])
    return found


def _as_kind(name: str, value: str, example: Any) -> int | float | bool | str:
    try:
        if isinstance(example, bool):
            return _SWITCH[value.lower()]
        if isinstance(example, int):
            return int(value)
        if isinstance(example, str):
            return value
        if math.isfinite(number := float(value)):
            return number
    except (KeyError, ValueError):
        pass
    wanted = {bool: "true or false", int: "a whole number"}.get(type(example), "a number")
    raise ForensicsError(f"{name} needs {wanted}, and {value!r} is none")


def check(o: TrainingOptions) -> None:
    """Raise `ForensicsError` for numbers no run can have."""
    for complaint in (*_of_images(o), *_of_single_numbers(o), *_of_partners(o)):
        raise ForensicsError(complaint)


def _of_images(o: TrainingOptions) -> Iterator[str]:
    """What is wrong with sizes, batches and how images are changed."""
    if o.augment not in PIPELINES:
        yield f"no augmentation pipeline {o.augment!r}: choose one of {', '.join(PIPELINES)}"
    elif PIPELINES[o.augment].imgfilter > 0 and o.resolution < 32:
        yield f"augmentation {o.augment!r} filters over 43 pixels: it needs 32 px or more"
    if o.resolution < 8 or o.resolution & (o.resolution - 1):
        yield f"resolution {o.resolution} is not possible: a power of two from 8 up"
    if o.batch < 1:
        yield f"batch {o.batch} is not possible: give 1 or more"
    elif o.batch % min(o.mbstd_group_size, o.batch):
        yield f"batch {o.batch} does not divide into groups of {o.mbstd_group_size} (minibatch std)"
    if o.projected_side and (o.projected_side < 128 or o.projected_side % 32 or o.loss != "logistic"):
        yield (
            f"projected_side {o.projected_side} is not possible: 0, or with the logistic loss 128, 160, 192, ..."
        )


def _of_single_numbers(o: TrainingOptions) -> Iterator[str]:
    """What is out of its range."""
    for names, lowest, wanted in (
        (_ABOVE_0, math.ulp(0), "a number above 0"),  # ulp(0): the least of these
        (_FROM_1, 1, "1 or more"),
        (_FROM_0, 0, "0 or more"),
    ):
        for name in names:
            if getattr(o, name) < lowest:
                yield f"{name} {getattr(o, name)} is not possible: give {wanted}"
    if not 0 <= o.lowest_psi <= 1:
        yield f"lowest_psi {o.lowest_psi} is not possible: give 0 to 1"


def _of_partners(o: TrainingOptions) -> Iterator[str]:
    """What is asked for without that which it needs."""
    if (o.matching_weight or o.inner_weight or o.anchor_weight) and not o.projected_side:
        yield (
            "matching_weight, inner_weight and anchor_weight use the features of the projected discriminator: "
            "give projected_side"
        )
    if not set(o.descriptors.split("+")) <= DESCRIPTORS.keys():
        yield f"no descriptors {o.descriptors!r}: {', '.join(DESCRIPTORS)}, or several with +"
    if o.truncation_weight and not o.identity_weight:
        yield "truncation_weight needs the distance of persons: give identity_weight"
    if o.anchor_identity and not o.anchor_weight:
        yield "anchor_identity needs anchors whose persons it compares: give anchor_weight"
    if o.anchor_kimg and not o.anchor_weight:
        yield "anchor_kimg needs anchors to learn from: give anchor_weight"
    if o.anchor_weight and o.c_dim:
        yield "anchor_weight is for networks without classes: leave out --cond, or set it to 0"
    if o.c_dim and o.architecture not in ("stylegan2", "stylegan3"):
        yield f"{o.architecture} has no classes here: leave out --cond, or use stylegan2"


def differences(before: dict[str, Any], now: TrainingOptions) -> list[str]:
    """Lines `name: was A, now B` for the options in which a saved run and this one differ.

    An option that did not exist when the run was saved had the value that is its default today. `transfer_kimg`
    follows from `transfer`, and runs older than it do not have it.
    """
    was, after = {**asdict(TrainingOptions()), **before}, now.as_json()
    compared = [k for k in after if k != "transfer_kimg"]
    return [f"{k}: was {was[k]!r}, now {after[k]!r}" for k in compared if was[k] != after[k]]
