"""A linear encoder as a folder: four small matrices, and a record that names the weights file it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.backbones.layer_statistics import LayerStatistics
from forensics.core.apart.arrays_file import read_arrays
from forensics.core.errors import CheckpointError
from forensics.core.files import write_bytes, write_json
from forensics.core.terminal import printable
from forensics.core.untrusted import read_json
from forensics.core.weights import FOLDER
from forensics.generators.base import Generator
from forensics.generators.inversion.encoders.views import encoder_view

FILE: Final = "encoder.safetensors"
RECORD: Final = "encoder.json"
VARIANTS: Final = (0,)  # of EfficientNet-Lite, whose statistics it reads
_MAX_BYTES: Final = 64 << 20
_MAX_RECORD_BYTES: Final = 1 << 16
_CLIP: Final = 5.0  # standard deviations: a strange image must not extrapolate far
_MATRICES: Final = ("mean", "scale", "down", "up", "shrink", "whiten")
_ADVICE: Final = "fit the encoder again: forensics fit-encoder"

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class EncoderRecord:
    """What an encoder was fitted to: a weights file by its sha256, how many images, of which seed, and how strictly."""

    weights_sha256: str
    generator: str
    images: int
    seed: int
    ridge: float
    rank: int
    also_of: tuple[str, ...]  # sha256 of weights files with the same mapping network, whose w mean the same
    cosine: float  # median between w - w_avg as it is and as it is found, on images left out

    @property
    def of(self) -> tuple[str, ...]:
        """sha256 of the weights files that it serves."""
        return (self.weights_sha256, *self.also_of)


@dataclass(frozen=True)
class Encoder:
    """image → statistics s [d] → coordinates y = clip((s - mean) / scale) · down [r] → w = w_avg + y · up.

    Ridge regression says less than there is, and errs more in some directions than in others: of a latent whose own
    coordinates are t it is expected to say t · shrink [r, r], and `whiten` [r, r] brings what it says to units of its
    error. Angles between what is said and what is expected are taken there.
    """

    record: EncoderRecord
    mean: Floats
    scale: Floats
    down: Floats
    up: Floats
    shrink: Floats
    whiten: Floats
    statistics: LayerStatistics = field(repr=False)

    def coordinates(self, images: Sequence[Pixels]) -> Floats:
        """y, float32 [n, r], of images uint8 [H, W, 3] of any size; any value."""
        rows = self.statistics([encoder_view(image) for image in images])
        standard = np.clip((rows - self.mean) / self.scale, -_CLIP, _CLIP).astype(np.float32)
        y: Floats = standard @ self.down
        return y

    def offsets(self, coordinates: Floats) -> Floats:
        """w - w_avg, float32 [n, w_dim], of coordinates [n, r]; any value."""
        found: Floats = coordinates @ self.up
        return found

    def said(self, coordinates: Floats) -> Floats:
        """Coordinates [n, r] of images in units of their error, float32 [n, r]; any value."""
        whitened: Floats = coordinates @ self.whiten
        return whitened

    def expected(self, offsets: Floats) -> Floats:
        """What images of latents w - w_avg, float32 [n, w_dim], should say, in the same units: float32 [n, r]."""
        expected: Floats = (offsets @ self.up.T @ self.shrink @ self.whiten).astype(np.float32)
        return expected

    def save(self, folder: Path) -> None:
        """Write the two files into `folder`, matrices as float16."""
        from safetensors.numpy import save

        arrays = {name: getattr(self, name) for name in _MATRICES}
        write_bytes(folder / FILE, save({name: value.astype(np.float16) for name, value in arrays.items()}))
        write_json(folder / RECORD, asdict(self.record))


def load_encoder(folder: Path) -> Encoder:
    """The encoder in a folder that `forensics fit-encoder` wrote. CheckpointError, one line: there is none, or it is
    damaged."""
    arrays, _ = read_arrays(folder / FILE, CheckpointError, _ADVICE, _MAX_BYTES)
    record = _record(folder / RECORD)
    statistics = _statistics()
    d, r = statistics.length(), record.rank
    width = arrays["up"].shape[-1] if "up" in arrays and arrays["up"].ndim == 2 else 0
    shapes = {"mean": (d,), "scale": (d,), "down": (d, r), "up": (r, width)} | {
        "shrink": (r, r),
        "whiten": (r, r),
    }
    if {name: value.shape for name, value in arrays.items()} != shapes or not (arrays["scale"] > 0).all():
        raise CheckpointError(f"{printable(folder)}: its matrices do not fit each other; {_ADVICE}")
    floats = {name: value.astype(np.float32) for name, value in arrays.items()}
    return Encoder(record, statistics=statistics, **floats)


def encoder_of(generator: Generator, folder: Path | None = None) -> Encoder | None:
    """The encoder of this generator: the one in `folder`, else one that ships; None where there is none.

    CheckpointError: the one in `folder` belongs to another weights file.
    """
    if folder is not None:
        encoder = load_encoder(folder)
        if generator.weights_sha256 not in encoder.record.of:
            raise CheckpointError(
                f"{printable(folder)}: is the encoder of other weights ({encoder.record.generator}); fit one: "
                f"forensics fit-encoder {generator.source} OUT"
            )
        return encoder
    place = _shipped().get(generator.weights_sha256)
    return None if place is None else load_encoder(place)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Path]:
    """sha256 of a weights file → the folder of its encoder."""
    folders = sorted(path.parent for path in FOLDER.glob(f"encoder-*/{RECORD}"))
    return {sha256: folder for folder in folders for sha256 in _record(folder / RECORD).of}


@lru_cache(maxsize=1)
def _statistics() -> LayerStatistics:
    return LayerStatistics.from_imagenet(VARIANTS)


def _record(path: Path) -> EncoderRecord:
    value = read_json(path, _MAX_RECORD_BYTES, CheckpointError)
    kinds: dict[str, type] = {
        "weights_sha256": str,
        "generator": str,
        "images": int,
        "seed": int,
        "rank": int,
    }
    kinds |= {"ridge": float, "cosine": float, "also_of": list}
    right = isinstance(value, dict) and value.keys() == kinds.keys()
    if not right or any(type(value[name]) is not kind for name, kind in kinds.items()):
        raise CheckpointError(f"{printable(path)}: is no record of an encoder; {_ADVICE}")
    if not all(isinstance(sha256, str) for sha256 in value["also_of"]):
        raise CheckpointError(f"{printable(path)}: also_of is no list of sha256; {_ADVICE}")
    if not 1 <= value["rank"] <= 4096:
        raise CheckpointError(f"{printable(path)}: a rank of {value['rank']}; {_ADVICE}")
    return EncoderRecord(**{**value, "also_of": tuple(value["also_of"])})
