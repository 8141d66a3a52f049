"""One run of `forensics train-detector`: read the corpora, train with progress, leave evidence beside the detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forensics.core.devices import pick_device
from forensics.core.errors import DetectorError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.outputs import hold_file
from forensics.core.terminal import note, printable, progress
from forensics.corpus.pools.pool import FITTED, SELF_MADE_WEIGHT, Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.contract import Detector
from forensics.detectors.fitting.engine import TrainingOptions, check_settings, part_names, train_detector
from forensics.detectors.loading import detector_class
from forensics.detectors.thresholds import POLARITY
from forensics.detectors.training_views.views import MOST_DRAWS
from forensics.images import ImageFailure


@dataclass(frozen=True)
class TrainDetectorOptions:
    """What `forensics train-detector` is asked for, as given.

    `settings`: kind → what its `fit` takes besides. `draws`: views of each image, where the kinds are crossed.
    `at_most`: images of each source, 0 for all. `jpeg_before`: see `TrainingOptions`. `self_made` and its weight:
    as `read_pool` takes them. `pools`: a split to obey: only what it lets train and calibrate is used.
    """

    out: Path
    corpora: tuple[Path, ...]
    kind: str = "ensemble"
    authentic: tuple[Path, ...] = ()
    epochs: float | None = None
    trim_bottom: float = 0.0
    seed: int = 0
    device: str = "auto"
    work: Path | None = None
    parts: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    jpeg_before: int = 0
    self_made: tuple[Path, ...] = ()
    self_made_weight: float = SELF_MADE_WEIGHT
    pools: Path | None = None
    draws: int = MOST_DRAWS
    at_most: int = 0

    def training(self) -> TrainingOptions:
        """The same for the engine; DetectorError where kind, parts, settings or device make no sense together."""
        names = part_names(self.kind, self.parts)
        check_settings(names, self.settings)
        settings = {kind: dict(values) for kind, values in self.settings.items() if values}
        if self.epochs is not None:
            for kind in {name.partition("_")[0] for name in names}:
                if not detector_class(kind).fits_in_seconds:
                    settings[kind] = {**settings.get(kind, {}), "epochs": self.epochs}
        return TrainingOptions(
            work=self.work or self.out.with_name(self.out.name + ".work"),
            seed=self.seed,
            device=str(pick_device(self.device)),
            parts=names,
            settings=settings,
            jpeg_before=self.jpeg_before,
            draws=self.draws,
            progress=progress,
        )


@dataclass(frozen=True)
class TrainedDetector:
    """What a run made: the detector in its folder, and the files that could not be read."""

    out: Path
    detector: Detector
    device: str
    failures: tuple[ImageFailure, ...]

    @property
    def n_training(self) -> int:
        """How many images it was fitted to."""
        training = self.detector.card.training
        return (training.images or 0) if training else 0

    def to_json(self) -> dict[str, object]:
        """The summary that the command prints."""
        thresholds = self.detector.thresholds
        return {
            "out": str(self.out),
            "id": self.detector.id,
            "kind": self.detector.kind,
            "weights_sha256": self.detector.weights_sha256,
            "polarity": POLARITY,
            "thresholds": thresholds.to_json(),
            "training_images": self.n_training,
            "calibration_images": thresholds.n,
            "device": self.device,
            "failures": [{"path": failure.path, "message": failure.message} for failure in self.failures],
        }


@recorded
def train_on_corpora(options: TrainDetectorOptions) -> TrainedDetector:
    """Train what was asked for on images of corpora. Files that cannot be read are noted and left out."""
    with hold_file(options.out):
        return _train(options)


def _train(options: TrainDetectorOptions) -> TrainedDetector:
    training = options.training()
    failures: list[ImageFailure] = []

    def report(failure: ImageFailure) -> None:
        failures.append(failure)
        note(f"error: {failure.message}")

    pool = read_pool(
        options.corpora,
        options.authentic,
        options.trim_bottom,
        report,
        self_made=options.self_made,
        self_made_weight=options.self_made_weight,
    )
    if options.at_most:
        pool = pool.at_most(options.at_most)
    if options.pools is not None:
        pool = _allowed(pool, options.pools)
    note("training on " + ", ".join(f"{n} {source}" for source, n in pool.counts().items()))
    detector = train_detector(options.kind, pool, options.out, training)
    _leave_evidence(options, pool, training.device)
    return TrainedDetector(options.out, detector, training.device, tuple(failures))


def _allowed(pool: Pool, path: Path) -> Pool:
    """What the split in `path` puts into its pools `train` and `calibrate`; DetectorError where a class is missing."""
    from forensics.corpus.pools.five_pools import read_pools

    allowed = pool.placed(read_pools(path), FITTED)
    for name in FITTED:
        labels = {
            int(y) for y, (place, _) in zip(allowed.labels, allowed.places, strict=True) if place == name
        }
        if labels != {0, 1}:
            raise DetectorError(
                f"{printable(path)}: its pool {name!r} holds not both kinds of these images; split these corpora again"
            )
    note(
        f"{len(pool) - len(allowed)} of {len(pool)} images are in other pools, or in none, and are left alone"
    )
    if lost := sorted(set(pool.sources) - set(allowed.sources)):
        note(f"warning: nothing of {', '.join(map(printable, lost))} is in the pools that may be fitted on")
    return allowed


def _leave_evidence(options: TrainDetectorOptions, pool: Pool, device: str) -> None:
    asked = {"kind": options.kind, "epochs": options.epochs, "device": device, "images": len(pool)}
    write_evidence(options.out, {"pool": pool.fingerprint()}, {"seed": options.seed}, asked)
