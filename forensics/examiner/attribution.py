"""`forensics.attribute`, and what `forensics attribute` does: files one by one, an answer each as it is found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.core.errors import ForensicsError
from forensics.core.terminal import note, print_line, printable
from forensics.examiner.photographs import Photograph, decoded
from forensics.generators.attribution.attribute import DEFAULT_SEEDS, Attribution, Attributor
from forensics.images import ImageFailure, decode_many, find_images

if TYPE_CHECKING:
    from forensics.generators.base import Generator


def attribute(
    *photographs: Photograph | Iterable[Photograph],
    to: Sequence[Generator | str | Path] = ("ffhq-256",),
    seeds: str = DEFAULT_SEEDS,
    encoder: Path | None = None,
) -> list[Attribution]:
    """Which seed of which generator made each photograph, if any of those searched did.

    A photograph is a path to a file or folder, bytes, an array uint8 [H, W, 3] or [H, W], or a PIL image. `seeds`: a
    range, by this toolkit's rule and by NVIDIA's. Raises ForensicsError where a file cannot be read, or a generator has
    no encoder.
    """
    return Attributor(to, seeds, encoder=encoder).attribute(list(decoded(photographs)))


def attribute_files(
    paths: tuple[Path, ...],
    to: tuple[str, ...],
    seeds: str,
    encoder: Path | None,
    device: str,
    *,
    as_json: bool,
) -> int:
    """Say of every image which seed made it; gives how many files could not be read.

    Answers go to stdout, everything else to stderr. ForensicsError: no image is there, or a generator without encoder.
    """
    found = find_images(paths)
    if not found.paths and not found.failures:
        raise ForensicsError(f"{', '.join(map(printable, paths))}: no images there")
    for passed in found.passed_over:
        note(passed.message)
    attributor = Attributor(to, seeds, encoder=encoder, device=device)
    failures = list(found.failures)
    for image in decode_many(found.paths):
        if isinstance(image, ImageFailure):
            failures.append(image)
            continue
        answer = attributor.attribute([image])[0]
        print_line(json.dumps(answer.to_json()) if as_json else str(answer))
    for failure in failures:
        note(f"error: {failure.message}")
    return len(failures)
