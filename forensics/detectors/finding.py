"""A finding: what the detector says of one image, with everything needed to weigh it, and when it says nothing.

`examine` turns decoded images into findings. Whatever lies outside what the detector was validated on is
`inconclusive`, with the reason; that rule lives here and nowhere else (`Domain`, `reasons_outside`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forensics.detectors.parallel import GROUP, grouped, in_order, thread_count

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.analyser import Face, FaceAnalyser
    from forensics.images import DecodedImage

SCHEMA_VERSION = 1
POLARITY = "log10 LR, higher = more likely synthetic"
SYNTHETIC, AUTHENTIC, INCONCLUSIVE = "synthetic", "authentic", "inconclusive"
VERDICTS = (SYNTHETIC, INCONCLUSIVE, AUTHENTIC)
_DIGITS = 4


@dataclass(frozen=True)
class DetectorScore:
    """One detector's log10 LR for one image."""

    id: str
    kind: str
    weights_sha256: str
    log10_lr: float


@dataclass(frozen=True)
class FoundFace:
    """A face: score in [0, 1]; box (left, top, right, bottom) and five landmarks (x, y) in px of the upright image."""

    score: float
    box: tuple[float, ...]
    landmarks: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Finding:
    """One image's scores, verdict and reasons. `log10_lr`: higher = more likely synthetic."""

    path: str
    sha256: str
    n_bytes: int
    width: int
    height: int
    format: str
    verdict: str  # synthetic, authentic or inconclusive
    log10_lr: float
    p_synthetic: float  # at even prior odds
    thresholds: Mapping[str, Any]
    detectors: tuple[DetectorScore, ...]  # the one that decides first, then its parts
    faces: tuple[FoundFace, ...] | None  # None: not looked for
    reasons: tuple[str, ...] = ()  # why the verdict is inconclusive
    warnings: tuple[str, ...] = ()
    preprocessing: str = ""
    device: str = "cpu"
    polarity: str = POLARITY
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """The finding as plain values for JSON; scores to four decimals."""
        plain: dict[str, Any] = asdict(self)
        plain["log10_lr"] = round(self.log10_lr, _DIGITS)
        plain["p_synthetic"] = round(self.p_synthetic, _DIGITS)
        for detector in plain["detectors"]:
            detector["log10_lr"] = round(detector["log10_lr"], _DIGITS)
        return plain


@dataclass(frozen=True)
class Domain:
    """What a detector was validated on; an image outside gets no verdict.

    The defaults are the range of the calibration views: faces of 256 px, resized by 0.5 to 1.25, JPEG from quality 50.
    WebP is not among those, but measured to cost no more than JPEG (`forensics benchmark --perturb webp80`).
    """

    min_side_px: int = 128
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
    min_jpeg_quality: int = 50
    min_face_share: float = (
        0.5  # height of the box over the image's shorter side; 0.64 to 0.90 in the training faces
    )
    needs_face: bool = True

    @classmethod
    def of(cls, detector: Detector) -> Domain:
        """The domain a detector's card states under `domain`; these defaults where it states none."""
        card = getattr(detector, "card", None) or {}
        stated = card.get("domain", {}) if isinstance(card, Mapping) else {}
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stated.items()}
        return cls(**{k: v for k, v in values.items() if k in known})


def probability(log10_lr: float, prior_odds: float = 1.0) -> float:
    """Probability of synthetic given the LR and the odds of synthetic beforehand (1: even)."""
    exponent = -log10_lr - np.log10(prior_odds)
    return float(1 / (1 + 10.0 ** min(exponent, 300.0)))


def examine(
    images: Iterable[DecodedImage],
    detector: Detector,
    faces: FaceAnalyser | None = None,
    *,
    batch: int = GROUP,
    warnings: Sequence[str] = (),
) -> Iterator[Finding]:
    """A finding for each image, in order, `batch` images at a time in a thread. `warnings` go into every finding.

    Faces None: not looked for, and no verdict is withheld for want of a face.
    """
    for _, finding in examine_each(images, detector, faces, batch=batch, warnings=warnings):
        yield finding


def examine_each(
    images: Iterable[DecodedImage],
    detector: Detector,
    faces: FaceAnalyser | None = None,
    *,
    batch: int = GROUP,
    warnings: Sequence[str] = (),
) -> Iterator[tuple[DecodedImage, Finding]]:
    """As `examine`, with each finding's image."""
    domain = Domain.of(detector)

    def score(group: list[DecodedImage]) -> list[tuple[DetectorScore, NDArray[np.float64]]]:
        return scores_of(detector, [image.pixels for image in group])

    groups = grouped(images, lambda image: image.width * image.height, batch)
    for group, scores in in_order(score, groups, thread_count([detector])):
        for k, image in enumerate(group):
            found = None if faces is None else tuple(map(_found, faces.analyse(image.pixels)))
            own = tuple(replace(score, log10_lr=float(values[k])) for score, values in scores)
            yield image, _finding(image, detector, own, found, domain, tuple(warnings))


def scores_of(
    detector: Detector, pixels: Sequence[NDArray[np.uint8]]
) -> list[tuple[DetectorScore, NDArray[np.float64]]]:
    """The deciding detector's log10 LRs float64 [n], then those of its parts where it has any."""
    both = getattr(detector, "scores_and_components", None)
    values, parts = both(pixels) if both is not None else (detector.score(pixels), {})
    by_id = {part.id: part for part in parts_of(detector)}
    return [(_unscored(detector), values)] + [(_unscored(by_id[id]), column) for id, column in parts.items()]


def _unscored(detector: Detector) -> DetectorScore:
    return DetectorScore(detector.id, detector.kind, detector.weights_sha256, np.nan)


def _found(face: Face) -> FoundFace:
    def tenths(values: NDArray[np.float32]) -> tuple[float, ...]:
        return tuple(round(float(v), 1) for v in values)

    return FoundFace(round(float(face.score), _DIGITS), tenths(face.box), tuple(map(tenths, face.landmarks)))


def _finding(
    image: DecodedImage,
    detector: Detector,
    scores: tuple[DetectorScore, ...],
    faces: tuple[FoundFace, ...] | None,
    domain: Domain,
    warnings: tuple[str, ...],
) -> Finding:
    log10_lr = scores[0].log10_lr
    by_id = {score.id: score.log10_lr for score in scores}
    reasons = (*reasons_outside(image, faces, domain), *disagreement(detector, by_id))
    return Finding(
        path=image.path,
        sha256=image.sha256,
        n_bytes=image.n_bytes,
        width=image.width,
        height=image.height,
        format=image.format,
        verdict=INCONCLUSIVE if reasons else detector.verdict(log10_lr),
        log10_lr=log10_lr,
        p_synthetic=probability(log10_lr),
        thresholds=detector.thresholds,
        detectors=scores,
        faces=faces,
        reasons=reasons,
        warnings=(*image.warnings, *warnings),
        preprocessing=preprocessing(),
        device=next((str(d.device) for d in (detector, *parts_of(detector)) if hasattr(d, "device")), "cpu"),
    )


def parts_of(detector: Detector) -> tuple[Detector, ...]:
    """The parts of an ensemble; nothing for any other detector."""
    return tuple(getattr(detector, "parts", ()))


def preprocessing() -> str:
    """What is done to an image before it is scored, in words."""
    from forensics.images.views import PREPROCESSING as how

    return (
        f"as it is up to {how['native_up_to_px']} px on its shorter side; larger: {how['larger']}; "
        f"smaller: {how['smaller']}"
    )


def disagreement(detector: Detector, log10_lr: Mapping[str, float]) -> tuple[str, ...]:
    """The reason to give no verdict where, each at its own thresholds, one part says synthetic and one authentic.

    `log10_lr`: detector id → score, of every part.
    """
    said: dict[str, list[str]] = {SYNTHETIC: [], AUTHENTIC: [], INCONCLUSIVE: []}
    for part in parts_of(detector):
        said[part.verdict(log10_lr[part.id])].append(f"{part.kind} {log10_lr[part.id]:+.2f}")
    if not (said[SYNTHETIC] and said[AUTHENTIC]):
        return ()
    return (f"its parts disagree: {', '.join(said[SYNTHETIC])} against {', '.join(said[AUTHENTIC])}",)


def reasons_outside(
    image: DecodedImage, faces: Sequence[FoundFace] | None, domain: Domain
) -> tuple[str, ...]:
    """Why `image` lies outside `domain`, one sentence each; empty: it lies inside. Faces None: not looked for."""
    reasons = []
    side = min(image.width, image.height)
    if side < domain.min_side_px:
        reasons.append(f"too small: {side} px on its shorter side, validated from {domain.min_side_px} px")
    if image.format not in domain.formats:
        reasons.append(f"unseen format: {image.format}, validated on {', '.join(domain.formats)}")
    if image.mode in ("1", "P", "PA"):
        reasons.append(f"few colours: the file stores a palette (mode {image.mode}), not validated")
    quality = jpeg_quality(image.jpeg_tables) if image.jpeg_tables else None
    if quality is not None and quality < domain.min_jpeg_quality:
        reasons.append(
            f"heavily compressed: JPEG quality about {quality}, validated from {domain.min_jpeg_quality}"
        )
    if faces is not None and domain.needs_face:
        reasons += _face_reasons(image, faces, domain)
    return tuple(reasons)


def _face_reasons(image: DecodedImage, faces: Sequence[FoundFace], domain: Domain) -> list[str]:
    if not faces:
        return ["no face found: validated on faces only"]
    left, top, right, bottom = max((face.box for face in faces), key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
    share = max(right - left, bottom - top) / min(image.width, image.height)
    if share < domain.min_face_share:
        return [
            f"face too small in the picture: {share:.0%} of its shorter side, validated from "
            f"{domain.min_face_share:.0%}; crop to the face"
        ]
    return []


def jpeg_quality(tables: Sequence[Sequence[int]]) -> int:
    """The libjpeg quality, 1 to 100, whose luminance table is nearest to `tables[0]` (64 values, natural order).

    Nearest in mean |log ratio|; the table of another encoder gets the quality of like coarseness.
    """
    own = np.log(np.maximum(np.asarray(tables[0], dtype=np.float64), 1))
    away = np.abs(np.log([jpeg_table(quality) for quality in range(1, 101)]) - own).mean(axis=1)
    return 1 + int(away.argmin())


def jpeg_table(quality: int) -> tuple[int, ...]:
    """libjpeg's luminance quantisation table at `quality` 1 to 100, 64 values in natural order."""
    scale_percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(int(v) for v in np.clip((_TABLE_K1 * scale_percent + 50) // 100, 1, 255))


_TABLE_K1 = np.array(
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
        51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
        120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    dtype=np.float64,
)  # fmt: skip
