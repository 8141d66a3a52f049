"""`forensics invert` as one function: codes, reconstruction and loss curve of every photograph, and a sheet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.files import write_bytes, write_json
from forensics.core.outputs import hold_folder
from forensics.core.terminal import note, printable, progress
from forensics.core.untrusted import read_json
from forensics.examiner.inversion import fitted
from forensics.generators.base import Generator, load_generator
from forensics.generators.inversion.contract import Inversion, Inverter, load_inverter
from forensics.images import (
    DecodedImage,
    ImageFailure,
    contact_sheet,
    decode,
    decode_many,
    encode_png,
    find_images,
)

RECORD: Final = "inversions.json"
_SHEET_COLUMNS: Final = 8
_MOST_ON_SHEET: Final = 200


@dataclass(frozen=True)
class InversionOptions:
    """What is done to each photograph. `steps`: None for the method's own number."""

    method: str = "features"
    steps: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Inverted:
    """One photograph: the stem of its files, its hash, fidelity (PSNR in dB), and the loss at every step."""

    path: str
    sha256: str
    stem: str
    psnr: float
    best_step: int
    losses: tuple[float, ...]


@dataclass(frozen=True)
class InversionRun:
    """All of them, and the files that gave no image."""

    out: Path
    inverted: tuple[Inverted, ...]
    made_now: int
    failures: tuple[ImageFailure, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values, without the curves, which stand in each photograph's JSON."""
        rows = [{k: v for k, v in asdict(one).items() if k != "losses"} for one in self.inverted]
        failures = [asdict(failure) for failure in self.failures]
        return {"out": str(self.out), "made_now": self.made_now, "images": rows, "failures": failures}


@recorded
def invert_photographs(
    paths: Sequence[Path], out: Path, network: str, options: InversionOptions, device: str = "auto"
) -> InversionRun:
    """Invert the photographs, or those that a killed run lacks.

    ForensicsError: no photograph can be read, no such method, or a folder of other inversions.
    """
    inverter = load_inverter(options.method)
    generator = load_generator(network, device)
    found = find_images(paths)
    failures = [*found.failures, *found.passed_over]
    done: list[Inverted] = []
    made_now = 0
    with hold_folder(out), progress("inversions", len(found.paths)) as meter:
        _take_folder(out, generator, options)
        for image in decode_many(found.paths):
            if isinstance(image, ImageFailure):
                failures.append(image)
            else:
                one, is_new = _one(image, out, (generator, inverter), options)
                done.append(one)
                made_now += is_new
            meter.advance()
        for failure in failures:
            note(failure.message)
        if not done:
            raise ForensicsError("no photograph to invert: name image files or folders of them")
        _write_sheet(out, done)
    inputs = {generator.source: generator.weights_sha256} | {one.path: one.sha256 for one in done}
    write_evidence(out, inputs, {"inversion": options.seed}, asdict(options))
    return InversionRun(out, tuple(done), made_now, tuple(failures))


def _take_folder(out: Path, generator: Generator, options: InversionOptions) -> None:
    record = {"weights_sha256": generator.weights_sha256, **asdict(options)}
    path = out / RECORD
    if not path.exists():
        write_json(path, record)
    elif read_json(path) != record:
        raise ForensicsError(
            f"{printable(out)}: holds inversions made with other numbers; name another folder"
        )


def _one(
    image: DecodedImage, out: Path, networks: tuple[Generator, Inverter], options: InversionOptions
) -> tuple[Inverted, bool]:
    """One photograph's files, made or found; its JSON is written last and says that the others are whole."""
    generator, inverter = networks
    stem = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', Path(image.path).stem)[:80]}-{image.sha256[:12]}"
    record = out / f"{stem}.json"
    if record.exists():
        kept = read_json(record)
        return Inverted(**{**kept, "losses": tuple(kept["losses"])}), False
    wanted = fitted(image.pixels, generator.img_resolution)
    inversion = inverter.invert(wanted[None], generator, seed=options.seed, steps=options.steps)[0]
    made = inversion.image()
    write_bytes(out / f"{stem}.safetensors", _stored(inversion))
    write_bytes(out / f"{stem}.target.png", encode_png(wanted))
    write_bytes(out / f"{stem}.png", encode_png(made))
    one = Inverted(image.path, image.sha256, stem, psnr(made, wanted), inversion.best_step, inversion.losses)
    write_bytes(out / f"{stem}.losses.svg", _curve(one))
    write_json(record, asdict(one))
    return one, True


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB of two images uint8 [h, w, 3] in [0, 255]; equal ones count as one level off."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float(10 * np.log10(255.0**2 / max(error, 1 / a.size)))


def _stored(inversion: Inversion) -> bytes:
    """The code as safetensors: ws, noise.0 ..., features (whose size says where synthesis was cut)."""
    from safetensors.torch import save

    tensors = {"ws": inversion.ws.cpu().contiguous()}
    tensors |= {f"noise.{k}": one.cpu().contiguous() for k, one in enumerate(inversion.noise or ())}
    if inversion.features is not None:
        tensors["features"] = inversion.features.cpu().contiguous()
    return bytes(save(tensors))


def _curve(one: Inverted) -> bytes:
    from forensics.report.plots import figure, svg

    with figure() as (drawing, (axes,)):
        axes.plot(range(len(one.losses)), one.losses)
        axes.axvline(one.best_step, linestyle=":")
        axes.set_xlabel("step (dotted: the one kept)")
        axes.set_ylabel("loss")
        return svg(drawing)


def _write_sheet(out: Path, done: Sequence[Inverted]) -> None:
    """Photograph and reconstruction side by side, four pairs a row."""
    ends = (".target.png", ".png")
    cells = [decode(out / f"{one.stem}{end}").pixels for one in done[:_MOST_ON_SHEET] for end in ends]
    write_bytes(out / "sheet.png", encode_png(contact_sheet(cells, _SHEET_COLUMNS)))
