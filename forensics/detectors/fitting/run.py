"""One run of `forensics train-detector`: read the corpora, train with progress, leave evidence beside the detector."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.core.devices import pick_device
from forensics.core.errors import DetectorError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.terminal import note, printable, progress
from forensics.corpus.pools.pool import FITTED, SELF_MADE_WEIGHT, Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.contract import detector_class
from forensics.detectors.fitting.engine import ENSEMBLE_PARTS, Options, train_detector
from forensics.detectors.kinds.ensemble import EnsembleDetector
from forensics.images import ImageFailure


@dataclass(frozen=True)
class Request:
    """The options of the command, as given."""

    out: Path
    corpora: tuple[Path, ...]
    kind: str = "ensemble"
    authentic: tuple[Path, ...] = ()
    epochs: float | None = None
    trim_bottom: float = 0.0
    seed: int = 0
    device: str = "auto"
    work: Path | None = None
    parts: tuple[str, ...] = ()  # of an ensemble; empty: those of the default one
    features: tuple[str, ...] = ()  # of a frequency detector
    weights: str | Path | None = None  # of a discriminator
    pack: str | None = None  # of a faces detector, as `load_faces` takes them
    pack_root: Path | None = None
    jpeg_before: int = 0  # JPEG quality that the photographs had at 1024 px, and the generated images had not
    self_made: tuple[Path, ...] = ()  # as `read_pool` takes them
    self_made_weight: float = SELF_MADE_WEIGHT
    pools: Path | None = None  # a split to obey: only what it lets train and calibrate is used

    def names(self) -> tuple[str, ...]:
        """What will be fitted: kinds, numbered where one occurs again; DetectorError where they make no sense."""
        if self.kind != EnsembleDetector.kind:
            if self.parts:
                raise DetectorError(f"--parts are those of an ensemble; a {self.kind} detector has none")
            return (self.kind,)
        names = self.parts or ENSEMBLE_PARTS
        if len(set(names)) < len(names) or not all(
            re.fullmatch(r"[a-z]+(_[1-9]\d?)?", name) for name in names
        ):
            raise DetectorError(
                f"--parts {','.join(names)}: name each kind once, and another of it as in cnn,cnn_2"
            )
        for name in names:
            detector_class(name.partition("_")[0])
        return names

    def settings(self) -> dict[str, dict[str, Any]]:
        """What the kinds' `fit` takes besides the pool; DetectorError for an option of a kind that is not fitted."""
        given: dict[str, dict[str, Any]] = {
            "frequency": {"features": self.features or None},
            "discriminator": {"weights": self.weights},
            "faces": {"pack": self.pack, "root": self.pack_root},
        }
        fitted = {name.partition("_")[0] for name in self.names()}
        found: dict[str, dict[str, Any]] = {}
        for kind, options in given.items():
            found[kind] = {name: value for name, value in options.items() if value is not None}
            if found[kind] and kind not in fitted:
                raise DetectorError(
                    f"--{'pack' if kind == 'faces' else next(iter(found[kind]))} is of a {kind} detector, and none is "
                    "asked for"
                )
        return found


@recorded
def run(request: Request) -> dict[str, Any]:
    """Train what was asked for; a summary as plain values. Files that cannot be read are noted and left out."""
    device, names, settings = str(pick_device(request.device)), request.names(), request.settings()
    failures: list[ImageFailure] = []

    def report(failure: ImageFailure) -> None:
        failures.append(failure)
        note(f"error: {failure.message}")

    pool = read_pool(
        request.corpora,
        request.authentic,
        request.trim_bottom,
        report,
        self_made=request.self_made,
        self_made_weight=request.self_made_weight,
    )
    if request.pools is not None:
        pool = _allowed(pool, request.pools)
    note("training on " + ", ".join(f"{n} {source}" for source, n in pool.counts().items()))
    work = request.work or request.out.with_name(request.out.name + ".work")
    options = Options(
        work=work,
        seed=request.seed,
        device=device,
        epochs=request.epochs,
        parts=names,
        settings=settings,
        synthetic_past=request.jpeg_before,
        progress=progress,
    )
    detector = train_detector(request.kind, pool, request.out, options)
    _leave_evidence(request, pool, device)
    return {
        "out": str(request.out),
        "id": detector.id,
        "kind": detector.kind,
        "weights_sha256": detector.weights_sha256,
        "polarity": "log10 LR, higher = more likely synthetic",
        "thresholds": detector.thresholds,
        "training_images": detector.card["data"]["training"]["images"],
        "calibration_images": detector.thresholds["n"],
        "device": device,
        "failures": [{"path": failure.path, "message": failure.message} for failure in failures],
    }


def _allowed(pool: Pool, path: Path) -> Pool:
    """What the split in `path` puts into its pools `train` and `calibrate`; DetectorError where a class is missing."""
    from forensics.corpus.pools.five_pools import read_pools

    kept = pool.placed(read_pools(path), FITTED)
    for name in FITTED:
        labels = {int(y) for y, (own, _) in zip(kept.labels, kept.places, strict=True) if own == name}
        if labels != {0, 1}:
            raise DetectorError(
                f"{printable(path)}: its pool {name!r} holds not both kinds of these images; split these corpora again"
            )
    note(f"{len(pool) - len(kept)} of {len(pool)} images are in other pools, or in none, and are left alone")
    if lost := sorted(set(pool.sources) - set(kept.sources)):
        note(f"warning: nothing of {', '.join(map(printable, lost))} is in the pools that may be fitted on")
    return kept


def _leave_evidence(request: Request, pool: Pool, device: str) -> None:
    options = {"kind": request.kind, "epochs": request.epochs, "device": device, "images": len(pool)}
    write_evidence(request.out, {"pool": pool.fingerprint()}, {"seed": request.seed}, options)
