"""Which transforms of discriminator augmentation are on, how strong, and the published sets of them.

Source: Karras et al., "Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020), appendix B.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AugmentStrengths:
    """Probability multipliers of the transforms (0 is off) and their ranges, named as in the paper."""

    xflip: float = 0.0
    rotate90: float = 0.0
    xint: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0
    aniso: float = 0.0
    xfrac: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    lumaflip: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    imgfilter: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0
    xint_max: float = 0.125
    scale_std: float = 0.2
    rotate_max: float = 1.0
    aniso_std: float = 0.2
    xfrac_std: float = 0.125
    brightness_std: float = 0.2
    contrast_std: float = 0.5
    hue_max: float = 1.0
    saturation_std: float = 1.0
    imgfilter_std: float = 1.0
    noise_std: float = 0.1
    cutout_size: float = 0.5


_BLIT = {"xflip": 1.0, "rotate90": 1.0, "xint": 1.0}
_GEOM = {"scale": 1.0, "rotate": 1.0, "aniso": 1.0, "xfrac": 1.0}
_COLOR = {"brightness": 1.0, "contrast": 1.0, "lumaflip": 1.0, "hue": 1.0, "saturation": 1.0}
PIPELINES = {
    "noaug": AugmentStrengths(),
    "blit": AugmentStrengths(**_BLIT),
    "geom": AugmentStrengths(**_GEOM),
    "color": AugmentStrengths(**_COLOR),
    "filter": AugmentStrengths(imgfilter=1.0),
    "noise": AugmentStrengths(noise=1.0),
    "cutout": AugmentStrengths(cutout=1.0),
    "bg": AugmentStrengths(**_BLIT, **_GEOM),
    "bgc": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR),
    "bgcf": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR, imgfilter=1.0),
    "bgcfn": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR, imgfilter=1.0, noise=1.0),
    "bgcfnc": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR, imgfilter=1.0, noise=1.0, cutout=1.0),
}
