"""The page of `forensics detect --report`: every image in a table, and as many in full as a page can carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.core.files import write_text
from forensics.detectors.card import Propositions
from forensics.detectors.finding import Finding, probability
from forensics.detectors.thresholds import AUTHENTIC, INCONCLUSIVE, SYNTHETIC, VERDICTS
from forensics.examiner import spectrum
from forensics.report import images, plots
from forensics.report.page import likelihood_ratio, percent, render, signed

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.images import DecodedImage, ImageFailure

_PAGE_BYTES = 14_500_000  # a page stays under 15 MB, however many images it lists
_ROW_BYTES, _BARE_ROW_BYTES, _SECTION_BYTES = 1900, 1000, 9000  # text without pictures: measured, rounded up
_THUMBNAIL_BYTES = 4000
_SCALES_UNTIL = 2000  # images; beyond, table rows have no drawing
_FULL_SIDES = ((24, 640), (80, 400), (1 << 62, 300))  # up to so many images: px of the longer side
_THUMBNAIL_PX = 104
_SPECTRUM_DB = (0.0, 55.0)
_PRIORS = (("1 in 1,000", 1 / 999), ("1 in 100", 1 / 99), ("1 in 10", 1 / 9), ("1 in 2 (even)", 1.0))


@dataclass(frozen=True)
class Details:
    """What the section of one image shows; pictures are data: URIs."""

    statement: str
    photograph: str
    evidence_map: str | None
    spectrum: str
    radial: str
    spectrum_words: str
    posteriors: Sequence[tuple[str, float]]

    @property
    def n_bytes(self) -> int:
        """Length of the pictures."""
        pictures = (self.photograph, self.evidence_map or "", self.spectrum, self.radial)
        return sum(map(len, pictures))


@dataclass(frozen=True)
class Entry:
    """One image of the page."""

    number: int
    finding: Finding
    thumbnail: str | None
    details: Details | None


@dataclass
class DetectionReport:
    """Collects findings with their images one at a time, keeping pictures only, and writes the page.

    `n_expected` images are coming: the more, the smaller each is shown. `evidence` is names and values that are
    needed to repeat the examination, printed at the end of the page.
    """

    detector: Detector
    evidence: Sequence[tuple[str, str]]
    n_expected: int
    entries: list[Entry] = field(default_factory=list)
    failures: list[ImageFailure] = field(default_factory=list)
    _n_bytes: int = 0
    _largest: int = 0  # of the sections so far

    def add(self, image: DecodedImage, finding: Finding) -> None:
        """Take in one image; `image.pixels` is not kept."""
        left = self._bytes_left()
        to_come = self.n_expected - len(self.entries)
        details = self._details(image, finding) if left > to_come * _THUMBNAIL_BYTES + self._largest else None
        thumbnail = None
        if left > _THUMBNAIL_BYTES:
            thumbnail = images.jpeg_uri(images.thumbnail(image.pixels, _THUMBNAIL_PX), quality=75)
        if details is not None:
            self._largest = max(self._largest, details.n_bytes + _SECTION_BYTES)
            self._n_bytes += details.n_bytes + _SECTION_BYTES
        self._n_bytes += len(thumbnail or "")
        self.entries.append(Entry(len(self.entries) + 1, finding, thumbnail, details))

    def _bytes_left(self) -> int:
        """What pictures may still cost when every image expected has its row."""
        row = _ROW_BYTES if self.n_expected <= _SCALES_UNTIL else _BARE_ROW_BYTES
        return _PAGE_BYTES - row * self.n_expected - self._n_bytes

    def _details(self, image: DecodedImage, finding: Finding) -> Details:
        side = next(px for n, px in _FULL_SIDES if self.n_expected <= n)
        shown = images.thumbnail(image.pixels, side)
        evidence = self.detector.evidence_map(image.pixels)
        one = spectrum.log_spectrum(image.pixels)
        return Details(
            statement=statement(finding),
            photograph=images.jpeg_uri(shown),
            evidence_map=None
            if evidence is None
            else images.jpeg_uri(images.evidence_overlay(shown, evidence)),
            spectrum=images.jpeg_uri(images.decibel_picture(one, *_SPECTRUM_DB), quality=75),
            radial=_radial_plot(spectrum.radial_mean(one)),
            spectrum_words=_spectrum_words(image, spectrum.radial_mean(one)),
            posteriors=[(words, probability(finding.log10_lr, odds)) for words, odds in _PRIORS],
        )

    def html(self) -> str:
        """The page."""
        reference = spectrum.load_reference()
        found = Counter(entry.finding.verdict for entry in self.entries)
        mean = images.jpeg_uri(images.decibel_picture(reference.mean_db, *_SPECTRUM_DB), quality=75)
        context = {
            "title": _title(len(self.entries)),
            "counts": [(word, found[word]) for word in VERDICTS],
            "n_undetailed": sum(entry.details is None for entry in self.entries),
            "entries": self.entries,
            "names": short_names([entry.finding.path for entry in self.entries]),
            "failures": self.failures,
            "detector": self.detector,
            "thresholds": self.detector.thresholds,
            "with_scales": len(self.entries) <= _SCALES_UNTIL,
            "scale_limit": max([2, *(int(np.ceil(abs(entry.finding.log10_lr))) for entry in self.entries)]),
            "legend": images.legend_stops(),
            "map_limit": images.MAP_LIMIT_LOG10_LR,
            "mean_spectrum": mean,
            "reference_n": reference.n,
            "spectrum_low": _SPECTRUM_DB[0],
            "spectrum_high": _SPECTRUM_DB[1],
            "evidence": self.evidence,
            "propositions": self.detector.card.propositions or Propositions(),
            "thresholds_words": thresholds_in_words(self.detector),
        }
        return render("detect.html", context)

    def write(self, path: Path) -> None:
        """Write the page atomically."""
        write_text(path, self.html())


def _title(n: int) -> str:
    return "No image examined" if n == 0 else "One image examined" if n == 1 else f"{n} images examined"


def short_names(paths: Sequence[str]) -> list[str]:
    """The last part of each path, with the folder before it where the last part alone is not unique."""
    last = Counter(Path(path).name for path in paths)
    return [
        Path(path).name if last[Path(path).name] == 1 else str(Path(*Path(path).parts[-2:])) for path in paths
    ]


def thresholds_in_words(detector: Detector) -> str:
    """How the thresholds were fixed, from what the detector carries, and which verdict its bounds put out of reach."""
    thresholds, bounds = detector.thresholds, detector.calibration
    words = (
        f"Both were fixed on {thresholds.n} calibration images that were not trained on, so that at most "
        f"{percent(thresholds.target_fpr)} of the authentic among them are called synthetic."
    )
    if bounds is None:
        return words
    words += (
        f" So many images support no ratio beyond {signed(bounds.lowest)} or {signed(bounds.highest)}: what lies "
        "farther out is given as that."
    )
    for word, beyond in (
        (AUTHENTIC, thresholds.authentic_at < bounds.lowest),
        (SYNTHETIC, thresholds.synthetic_at > bounds.highest),
    ):
        words += f" No image can therefore be called {word}." if beyond else ""
    return words


def statement(finding: Finding) -> str:
    """The likelihood ratio in a sentence, and what became of it where the verdict is inconclusive."""
    if abs(finding.log10_lr) < 0.05:
        weighed = "The detector's response is about as likely for a synthetic image as for an authentic one."
    else:
        side, other = ("synthetic", "authentic") if finding.log10_lr > 0 else ("authentic", "synthetic")
        weighed = (
            f"The detector's response is {likelihood_ratio(finding.log10_lr)} times more likely if the image is "
            f"{side} than if it is {other} ({support(finding.log10_lr)} for {side})."
        )
    if finding.reasons:
        return weighed + " For the reasons given, this number carries no verdict."
    if finding.verdict == INCONCLUSIVE:
        return weighed + " That lies between the two thresholds: it is not enough for a verdict either way."
    return weighed


def support(log10_lr: float) -> str:
    """The verbal scale of ENFSI's guideline for evaluative reporting (2015) for a ratio of this size."""
    steps = ((2, "no support to speak of"), (10, "weak support"), (100, "moderate support"),
             (1000, "moderately strong support"), (10000, "strong support"))  # fmt: skip
    ratio = 10 ** min(abs(log10_lr), 9.0)
    return next((words for limit, words in steps if ratio < limit), "very strong support")


def _radial_plot(radial_db: spectrum.Array) -> str:
    reference, x = spectrum.load_reference(), spectrum.frequencies()
    mean, sd = reference.radial_mean_db, reference.radial_sd_db
    with plots.figure(4.7, 2.9) as (drawing, (axes,)):
        for times, alpha in ((2, 0.14), (1, 0.22)):
            axes.fill_between(x, mean - times * sd, mean + times * sd, color=plots.NEUTRAL, alpha=alpha, lw=0)
        axes.plot(x, mean, color=plots.NEUTRAL, lw=1.2, label="authentic, mean ± 1 and 2 sd")
        axes.plot(x, radial_db, color=plots.SYNTHETIC, lw=1.3, label="this image")
        axes.set(xlim=(0, 0.71), xlabel="frequency, cycles per pixel at 256 px", ylabel="power, dB")
        axes.legend(loc="upper right")
        return plots.svg_uri(drawing)


def _spectrum_words(image: DecodedImage, radial_db: spectrum.Array) -> str:
    reference = spectrum.load_reference()
    away_db = radial_db - reference.radial_mean_db
    away_sd = away_db / reference.radial_sd_db
    k = 8 + int(np.argmax(np.abs(away_sd[8:])))  # the lowest few are scene, not texture
    words = (
        f"Farthest from the mean at {spectrum.frequencies()[k]:.2f} cycles per pixel: {signed(away_db[k], 1)} dB, "
        f"{abs(away_sd[k]):.1f} standard deviations between photographs."
    )
    if min(image.width, image.height) < spectrum.SIDE:
        return (
            words
            + f" The image was enlarged to {spectrum.SIDE} px for this: little power on the right is expected."
        )
    return words + f" Taken from the centre square, reduced to {spectrum.SIDE} px."
