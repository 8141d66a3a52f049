"""`forensics generate` as one function: a picture a seed, a sheet of them, sheets of noise and psi, a clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.files import write_bytes, write_json
from forensics.core.outputs import hold_folder
from forensics.core.terminal import printable, progress
from forensics.core.untrusted import read_json
from forensics.generators.base import Generator, load_generator
from forensics.generators.labels import chosen_labels
from forensics.generators.pictures.interpolation import Film
from forensics.generators.pictures.seeds import Drawing
from forensics.generators.pictures.sheets import (
    SHEETS,
    cell,
    colours,
    grid_of,
    noise_sheet,
    psi_sheet,
    sheet,
)
from forensics.images import check_clip_file, contact_sheet, decode, encode_png, write_clip

RECORD: Final = "pictures.json"


@dataclass(frozen=True)
class PictureOptions:
    """What to make in `out`. `grid`: COLUMNSxROWS of the sheet; `sheets`: of noise and psi; `film`: None for no clip.

    `video`: mp4 or gif.
    """

    out: Path
    seeds: tuple[int, ...]
    drawing: Drawing = field(default_factory=Drawing)
    grid: str | None = None
    sheets: tuple[str, ...] = ()
    video: str | None = None
    film: Film = field(default_factory=Film)

    @property
    def clip(self) -> Path | None:
        """The file of the clip."""
        return None if self.video is None else self.out / f"interpolation.{self.video}"

    def check(self) -> None:
        """ForensicsError, one line, for what cannot be made, before any of it is."""
        self.drawing.check()
        grid_of(self.grid, len(self.seeds))
        if unknown := [name for name in self.sheets if name not in SHEETS]:
            raise ForensicsError(f"no sheet {unknown[0]!r}: choose one of {', '.join(SHEETS)}")
        if self.clip is not None:
            check_clip_file(self.clip, self.film.fps)
            self.film.check(self.seeds)


@dataclass(frozen=True)
class Pictures:
    """What was made: how many pictures there are, how many were made now, the sheets, the clip and its frames.

    `noise_levels`: seed → mean deviation of a pixel under new noise, in grey levels of 255, with the noise sheet.
    """

    out: Path
    pictures: int
    made_now: int
    sheets: tuple[Path, ...]
    video: Path | None
    frames: int
    noise_levels: Mapping[int, float]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        video = None if self.video is None else str(self.video)
        levels = {str(seed): round(level, 4) for seed, level in self.noise_levels.items()}
        facts = {"out": str(self.out), "pictures": self.pictures, "made_now": self.made_now}
        sheets = [str(path) for path in self.sheets]
        return {**facts, "sheets": sheets, "video": video, "frames": self.frames, "noise_levels": levels}


def seed_file(seed: int) -> str:
    """The name of a seed's picture, as NVIDIA's scripts have it."""
    return f"seed{seed:04d}.png"


@recorded
def make_pictures(
    network: str, options: PictureOptions, device: str = "auto", class_number: int | None = None
) -> Pictures:
    """Make the pictures of `network`, or those that a killed run lacks; sheets and clip are made again each time.

    ForensicsError: a network with classes and none chosen, options that cannot be, or a folder of other pictures.
    """
    options.check()
    generator = load_generator(network, device, class_number=class_number)
    chosen_labels(generator, 0)
    with hold_folder(options.out):
        _take_folder(generator, options)
        made_now = _make_each(generator, options)
        sheets, levels = _make_sheets(generator, options)
        frames = 0
        if options.clip is not None:
            frames = _make_clip(generator, options, options.clip)
    used = {**asdict(options.drawing), "class": class_number, "device": str(generator.device)}
    used |= {"seeds": list(options.seeds), "sheets": list(options.sheets)}
    used |= {"video": options.video, "film": asdict(options.film)} if options.clip else {}
    write_evidence(options.out, {generator.source: generator.weights_sha256}, {}, used)
    return Pictures(options.out, len(options.seeds), made_now, tuple(sheets), options.clip, frames, levels)


def _take_folder(generator: Generator, options: PictureOptions) -> None:
    """Write what decides the bytes of a seed's picture, or find the same there. ForensicsError: it is another."""
    record = {"weights_sha256": generator.weights_sha256, "class": generator.chosen_class}
    record |= asdict(options.drawing)
    path = options.out / RECORD
    if not path.exists():
        write_json(path, record)
        return
    if read_json(path) != record:
        raise ForensicsError(
            f"{printable(options.out)}: holds pictures made with other numbers; name another folder"
        )


def _make_each(generator: Generator, options: PictureOptions) -> int:
    missing = [seed for seed in options.seeds if not (options.out / seed_file(seed)).exists()]
    with progress("pictures", len(options.seeds), done=len(options.seeds) - len(missing)) as meter:
        for seed in missing:
            image = options.drawing.image(generator, seed)
            pixels = colours(generator.to_uint8(image)[0])
            write_bytes(options.out / seed_file(seed), encode_png(pixels))
            meter.advance()
    return len(missing)


def _make_sheets(generator: Generator, options: PictureOptions) -> tuple[list[Path], dict[int, float]]:
    columns, rows = grid_of(options.grid, len(options.seeds))
    shown = options.seeds[: columns * rows]
    cells = [cell(decode(options.out / seed_file(seed)).pixels, columns) for seed in shown]
    written = [_write_sheet(options.out / "sheet.png", contact_sheet(cells, columns))]
    levels: dict[int, float] = {}
    if "psi" in options.sheets:
        images = list(psi_sheet(generator, options.drawing, options.seeds))
        written.append(
            _write_sheet(options.out / "psi-sheet.png", sheet(images, len(images) // len(options.seeds)))
        )
    if "noise" in options.sheets:
        pairs = list(noise_sheet(generator, options.drawing, options.seeds))
        levels = {seed: level for seed, (_, level) in zip(options.seeds, pairs, strict=True)}
        images = [image for row, _ in pairs for image in row]
        written.append(_write_sheet(options.out / "noise-sheet.png", sheet(images, len(pairs[0][0]))))
    return written, levels


def _write_sheet(path: Path, pixels: NDArray[np.uint8]) -> Path:
    write_bytes(path, encode_png(pixels))
    return path


def _make_clip(generator: Generator, options: PictureOptions, path: Path) -> int:
    film, seeds = options.film, options.seeds
    with progress("frames", film.count(seeds)) as meter:

        def counted() -> Iterator[NDArray[np.uint8]]:
            for frame in film.pictures(generator, options.drawing, seeds):
                yield frame
                meter.advance()

        return write_clip(path, counted(), film.fps)
