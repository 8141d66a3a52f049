"""A finding: what the detector says of one image, with everything needed to weigh it, and when it says nothing.

`examine` turns decoded images into findings. Whatever lies outside what the detector was validated on is
`inconclusive`, with the reason (`detectors.domain`); so is an image in which no face was found, or nobody looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.terminal import printable
from forensics.detectors.parallel import GROUP, grouped, in_order, thread_count
from forensics.detectors.thresholds import AUTHENTIC, INCONCLUSIVE, POLARITY, SYNTHETIC, Thresholds, Verdict

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.contract import FindsFaces, LocatedFace
    from forensics.images import DecodedImage

SCHEMA_VERSION: Final = 1
_DIGITS: Final = 4


@dataclass(frozen=True)
class DetectorScore:
    """One detector's log10 LR for one image."""

    id: str
    kind: str
    weights_sha256: str
    log10_lr: float


@dataclass(frozen=True)
class FamilyScore:
    """The log10 LR of one family, such as `sampled:gan`, against authentic."""

    family: str
    log10_lr: float


@dataclass(frozen=True)
class FoundFace:
    """A face: score in [0, 1]; box (left, top, right, bottom) and five landmarks (x, y) in px of the upright image."""

    score: float
    box: tuple[float, ...]
    landmarks: tuple[tuple[float, ...], ...]

    @property
    def longer_side_px(self) -> float:
        """The longer side of the box."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)


@dataclass(frozen=True)
class Finding:
    """One image's scores, verdict and reasons. `log10_lr`: higher = more likely synthetic."""

    path: str
    sha256: str
    n_bytes: int
    width: int
    height: int
    format: str
    verdict: Verdict
    log10_lr: float
    p_synthetic: float  # at even prior odds
    thresholds: Thresholds
    detectors: tuple[DetectorScore, ...]  # the one that decides first, then its parts
    faces: tuple[FoundFace, ...] | None  # None: not looked for
    families: tuple[
        FamilyScore, ...
    ] = ()  # the strongest first; empty: the detector does not tell them apart
    face_finder: str = ""  # which one looked for them
    reasons: tuple[str, ...] = ()  # why the verdict is inconclusive
    warnings: tuple[str, ...] = ()
    preprocessing: str = ""
    device: str = "cpu"
    polarity: str = POLARITY
    schema_version: int = SCHEMA_VERSION

    @property
    def family(self) -> str:
        """The family whose traces are strongest, where the verdict is synthetic and the detector tells; else ""."""
        return self.families[0].family if self.families and self.verdict == SYNTHETIC else ""

    def _repr_html_(self) -> str:
        """The finding in words, as a notebook shows it."""
        # A ratio outside what it was validated on would be read as one all the same.
        ratio = "" if self.reasons else f", log10 LR {self.log10_lr:+.2f}"
        lines = [f"<b>{escape(self.verdict)}</b>{ratio}: {escape(printable(self.path))}"]
        lines += [escape(printable(line)) for line in (*self.reasons, *self.warnings)]
        return f"<p>{'<br>'.join(lines)}</p>"

    def to_json(self) -> dict[str, Any]:
        """The finding as plain values for JSON; scores to four decimals."""
        plain: dict[str, Any] = asdict(self)
        plain["thresholds"] = self.thresholds.to_json()
        plain["log10_lr"] = round(self.log10_lr, _DIGITS)
        plain["p_synthetic"] = round(self.p_synthetic, _DIGITS)
        for score in (*plain["detectors"], *plain["families"]):
            score["log10_lr"] = round(score["log10_lr"], _DIGITS)
        plain["family"] = self.family
        return plain


@dataclass(frozen=True)
class Scores:
    """Log10 LRs float64 [n] of one detector for n images."""

    id: str
    kind: str
    weights_sha256: str
    log10_lrs: NDArray[np.float64]

    def of(self, k: int) -> DetectorScore:
        """The score of image `k`."""
        return DetectorScore(self.id, self.kind, self.weights_sha256, float(self.log10_lrs[k]))


def probability(log10_lr: float, prior_odds: float = 1.0) -> float:
    """Probability of synthetic given the LR and the odds of synthetic beforehand (1: even)."""
    exponent = -log10_lr - np.log10(prior_odds)
    return float(1 / (1 + 10.0 ** min(exponent, 300.0)))


def examine(
    images: Iterable[DecodedImage],
    detector: Detector,
    faces: FindsFaces | None = None,
    *,
    batch: int = GROUP,
    warnings: Sequence[str] = (),
) -> Iterator[Finding]:
    """A finding for each image, in order, `batch` images at a time in a thread. `warnings` go into every finding.

    Faces None: not looked for, and then a detector of faces gives no verdict.
    """
    for _, finding in examine_each(images, detector, faces, batch=batch, warnings=warnings):
        yield finding


def examine_each(
    images: Iterable[DecodedImage],
    detector: Detector,
    faces: FindsFaces | None = None,
    *,
    batch: int = GROUP,
    warnings: Sequence[str] = (),
) -> Iterator[tuple[DecodedImage, Finding]]:
    """As `examine`, with each finding's image."""

    def score(group: list[DecodedImage]) -> tuple[tuple[Scores, ...], dict[str, NDArray[np.float64]]]:
        pixels = [image.pixels for image in group]
        return scores_of(detector, pixels), detector.score_families(pixels)

    groups = grouped(images, lambda image: image.width * image.height, batch)
    for group, (scores, families) in in_order(score, groups, thread_count([detector])):
        for k, image in enumerate(group):
            found = None if faces is None else located(faces, image.pixels)
            name = "" if faces is None else faces.name
            yield (
                image,
                replace(
                    _finding(image, detector, tuple(one.of(k) for one in scores), (found, name), warnings),
                    families=_strongest_first(families, k),
                ),
            )


def _strongest_first(log10_lrs: Mapping[str, NDArray[np.float64]], k: int) -> tuple[FamilyScore, ...]:
    scores = [FamilyScore(family, float(values[k])) for family, values in log10_lrs.items()]
    return tuple(sorted(scores, key=lambda score: -score.log10_lr))


def scores_of(detector: Detector, pixels: Sequence[NDArray[np.uint8]]) -> tuple[Scores, ...]:
    """log10 LRs float64 [n] of images uint8 [H, W, 3]: of the detector itself, then of its parts where it has any."""
    log10_lrs, of_parts = detector.score_parts(pixels)
    pairs = zip((detector, *detector.parts), (log10_lrs, *of_parts), strict=True)
    return tuple(Scores(one.id, one.kind, one.weights_sha256, values) for one, values in pairs)


def located(finder: FindsFaces, pixels: NDArray[np.uint8]) -> tuple[FoundFace, ...]:
    """The faces that `finder` finds in uint8 [H, W, 3] RGB `pixels` in [0, 255], best score first."""
    return tuple(map(_found_face, finder.find(pixels)))


def _found_face(face: LocatedFace) -> FoundFace:
    def tenths(values: NDArray[np.float32]) -> tuple[float, ...]:
        return tuple(round(float(v), 1) for v in values)

    return FoundFace(round(float(face.score), _DIGITS), tenths(face.box), tuple(map(tenths, face.landmarks)))


def _finding(
    image: DecodedImage,
    detector: Detector,
    scores: tuple[DetectorScore, ...],
    faces: tuple[tuple[FoundFace, ...] | None, str],
    warnings: Sequence[str],
) -> Finding:
    log10_lr, domain = scores[0].log10_lr, detector.domain
    reasons = (
        *domain.reasons_outside(image),
        *domain.reasons_of_faces(image, faces[0]),
        *disagreement(detector, [score.log10_lr for score in scores[1:]]),
    )
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
        faces=faces[0],
        face_finder=faces[1],
        reasons=reasons,
        warnings=(*image.warnings, *warnings),
        preprocessing=preprocessing(),
        device=detector.device,
    )


def preprocessing() -> str:
    """What is done to an image before it is scored, in words."""
    from forensics.images.views import LARGEST_NATIVE_PX, SMALLEST_PX, WORKING_PX

    return (
        f"as it is up to {LARGEST_NATIVE_PX} px on its shorter side; larger: shorter side to {WORKING_PX} px, "
        f"Pillow bicubic; smaller: mirrored to {SMALLEST_PX} px"
    )


def disagreement(detector: Detector, log10_lrs: Sequence[float]) -> tuple[str, ...]:
    """The reason to give no verdict where, each at its own thresholds, one part says synthetic and one authentic.

    `log10_lrs`: of every part, in the order of `detector.parts`.
    """
    said: dict[Verdict, list[str]] = {SYNTHETIC: [], AUTHENTIC: [], INCONCLUSIVE: []}
    for part, log10_lr in zip(detector.parts, log10_lrs, strict=True):
        said[part.verdict(log10_lr)].append(f"{part.kind} {log10_lr:+.2f}")
    if not (said[SYNTHETIC] and said[AUTHENTIC]):
        return ()
    return (f"its parts disagree: {', '.join(said[SYNTHETIC])} against {', '.join(said[AUTHENTIC])}",)
