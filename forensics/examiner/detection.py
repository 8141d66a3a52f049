"""`forensics.detect`: findings of files, folders, arrays, bytes and PIL images, as a function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError
from forensics.core.terminal import printable
from forensics.detectors.contract import Detector
from forensics.detectors.finding import Finding, examine_each
from forensics.detectors.loading import DEFAULT, load_on_device, weaker_here
from forensics.images import (
    DecodedImage,
    Found,
    ImageFailure,
    decode_bytes,
    decode_many,
    encode_png,
    find_images,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from forensics.faces.contract import FindsFaces

Photograph: TypeAlias = "str | PathLike[str] | bytes | NDArray[np.uint8] | Image"
NO_PACK: Final = "none"
_DECODING_AHEAD: Final = 2


@dataclass(frozen=True)
class Examiner:
    """A detector on its device, and what finds the faces; None: nobody looks, and there is no verdict.

    `warnings` go into every finding.
    """

    detector: Detector
    faces: FindsFaces | None
    warnings: tuple[str, ...] = ()

    def examine(self, images: Iterable[DecodedImage]) -> Iterator[tuple[DecodedImage, Finding]]:
        """Each image with its finding, in order."""
        return examine_each(images, self.detector, self.faces, warnings=self.warnings)


def load_examiner(
    detector: str | Path = "default",
    *,
    device: str = "auto",
    pack: str | None = None,
    pack_root: str | Path | None = None,
    faces: bool = True,
) -> Examiner:
    """The detector of that name or folder, with the InsightFace pack where there is one, else the finder that ships.

    `pack`: a pack's name or folder; `none`: the finder that ships. `faces` False: nobody looks for faces.
    Raises DetectorError, FacePackError (a pack that was named and cannot be used) or ForensicsError (the device).
    """
    loaded = load_on_device(str(detector), device)
    finder = load_finder(pack, pack_root, loaded) if faces else None
    weaker = weaker_here() if str(detector) == DEFAULT else ""
    return Examiner(loaded, finder, (weaker,) if weaker else ())


def load_finder(pack: str | None, pack_root: str | Path | None, detector: Detector) -> FindsFaces:
    """What finds the faces; a detector that looks at faces by itself is given the same pack.

    Raises FacePackError where a pack was named and cannot be used.
    """
    from forensics.faces.analyser import load_faces, pack_if_any
    from forensics.faces.finder import load_face_finder

    if pack_if_any(pack, pack_root) is None:
        return load_face_finder()
    analyser = load_faces(pack, pack_root)
    detector.use_faces(analyser)
    return analyser


def detect(
    *photographs: Photograph | Iterable[Photograph],
    detector: str | Path = "default",
    pack: str | None = None,
    device: str = "auto",
) -> list[Finding]:
    """What the detector says of each photograph: verdict, log10 LR, and the reasons where there is no verdict.

    A photograph is a path to a file or a folder (searched, with its folders), the bytes of an image file, an array
    uint8 [H, W, 3] RGB or [H, W] grey, or a PIL image; lists of these may be given as well. Findings come in the order
    of what was given, those of a folder by name, one an image. `pack`: an InsightFace pack to find faces with; without
    it, the usual one where it is installed, else the finder that ships.

    Raises ForensicsError, which names the file, where one cannot be read.
    """
    examiner = load_examiner(detector, device=device, pack=pack)
    return [
        finding for _, finding in examiner.examine(chain.from_iterable(map(_decoded, _flat(photographs))))
    ]


def _flat(photographs: Iterable[Photograph | Iterable[Photograph]]) -> Iterator[tuple[int, Photograph]]:
    flat: list[Photograph] = []
    for one in photographs:
        flat += one if isinstance(one, list | tuple) else [cast("Photograph", one)]
    return enumerate(flat)


def _decoded(numbered: tuple[int, Photograph]) -> Iterator[DecodedImage]:
    """The images of one photograph or folder."""
    number, photograph = numbered
    if isinstance(photograph, bytes):
        yield decode_bytes(photograph, f"bytes {number}")
    elif isinstance(photograph, str | PathLike):
        yield from _in(find_images((Path(photograph),), (), ()), Path(photograph))
    else:
        yield decode_bytes(encode_png(_pixels(photograph)), f"image {number}")


def _in(found: Found, place: Path) -> Iterator[DecodedImage]:
    for failure in found.failures:
        raise ForensicsError(failure.message)
    if not found.paths:
        raise ForensicsError(f"{printable(place)}: no images there")
    for image in decode_many(found.paths, workers=_DECODING_AHEAD):
        if isinstance(image, ImageFailure):
            raise ForensicsError(image.message)
        yield image


def _pixels(photograph: NDArray[np.uint8] | Image) -> NDArray[np.uint8]:
    """uint8 [H, W, 3] of an array or a PIL image; ForensicsError where it is none of both."""
    pixels = photograph if isinstance(photograph, np.ndarray) else np.asarray(photograph.convert("RGB"))
    if (
        pixels.dtype != np.uint8
        or not pixels.size
        or pixels.ndim not in (2, 3)
        or pixels.shape[2:] not in ((), (3,))
    ):
        raise ForensicsError(
            f"an image is uint8 [H, W, 3] or [H, W], not {pixels.dtype} {list(pixels.shape)}"
        )
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
