"""`forensics demo`: the whole road once, small: weights, generator, corpus, walk, detector, finding, report.

It trains nothing, reaches no network and needs nothing but the installed package: the generator and the detector
that ship with it, and the photograph of an astronaut (NASA, public domain) that scikit-image carries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.files import write_text
from forensics.core.terminal import tracked
from forensics.detectors.thresholds import VERDICTS
from forensics.images import DecodedImage, ImageFailure, contact_sheet, decode, decode_many, resize

if TYPE_CHECKING:
    from forensics.corpus import Corpus
    from forensics.detectors.contract import Detector
    from forensics.detectors.finding import Finding
    from forensics.examiner.detection import Examiner

_N_FACES = 64
_N_STEPS = 50
_PSI = 0.7
_STEP = 0.01
_SHOWN_SIDE = 96
_STRIP = 10


@dataclass(frozen=True)
class VerdictRow:
    """One origin's line of the table: how many images got which verdict, and their median log10 LR."""

    name: str
    n: int
    counts: Mapping[str, int]
    median: float


@dataclass(frozen=True)
class Demo:
    """What the demo made: its report, what was said of the photograph, and a row an origin."""

    report: Path
    photograph: Finding
    groups: tuple[VerdictRow, ...]

    def to_json(self) -> dict[str, object]:
        """The summary that the command prints."""
        return {
            "report": str(self.report),
            "photograph": self.photograph.to_json(),
            "groups": [vars(row) for row in self.groups],
        }


@dataclass(frozen=True)
class Examined:
    """Images of one origin with what the detector said of each."""

    name: str
    label: int
    images: list[DecodedImage]
    findings: list[Finding]

    @property
    def log10_lrs(self) -> np.ndarray:
        """float64 [n] log10 LR of each image."""
        return np.array([f.log10_lr for f in self.findings])

    def row(self) -> VerdictRow:
        """The origin's line of the table."""
        counted = Counter(finding.verdict for finding in self.findings)
        counts: dict[str, int] = {word: counted[word] for word in VERDICTS}
        return VerdictRow(self.name, len(self.findings), counts, float(np.median(self.log10_lrs)))


def photograph_path() -> Path:
    """Where scikit-image keeps its photograph of an astronaut, found without importing it."""
    spec = find_spec("skimage")
    path = Path(spec.origin or "").parent / "data" / "astronaut.png" if spec else Path("astronaut.png")
    if not path.is_file():
        raise ForensicsError(f"{path}: scikit-image's astronaut is missing; reinstall scikit-image")
    return path


@recorded
def run_demo(out: Path, *, seed: int = 0, device: str = "auto") -> Demo:
    """Make a corpus and a walk, examine them and a photograph, and write `out`/report.html."""
    from forensics.corpus import Corpus
    from forensics.examiner.detection import load_examiner
    from forensics.recipes.contract import RecipeInputs
    from forensics.recipes.run import CorpusOptions, make_corpus

    faces_of, steps_of = (RecipeInputs(n, seed, "own-128", device) for n in (_N_FACES, _N_STEPS))
    make_corpus(CorpusOptions(out / "corpus", faces_of, settings={"psi": str(_PSI)}))
    make_corpus(CorpusOptions(out / "walk", steps_of, "walked", {"step": str(_STEP)}, "walk"))
    examiner = load_examiner(device=device)
    corpus, walk = Corpus.open(out / "corpus"), Corpus.open(out / "walk")
    groups = [
        _examine("corpus", 1, _decoded(corpus), examiner),
        _examine("walk", 1, _decoded(walk), examiner),
        _examine("photograph", 0, [decode(photograph_path())], examiner),
    ]
    radii = [float(row.params["radius"]) for row in walk.manifest]
    write_text(out / "photograph.html", _photograph_page(groups[2], examiner.detector))
    write_text(out / "report.html", _page(groups, radii, examiner.detector))
    inputs = {f"detector {examiner.detector.id}": examiner.detector.weights_sha256}
    write_evidence(out, inputs, {"seed": seed}, {"device": device})
    return Demo(out / "report.html", groups[2].findings[0], tuple(group.row() for group in groups))


def _decoded(corpus: Corpus) -> list[DecodedImage]:
    images = []
    for image in decode_many(corpus.paths):
        if isinstance(image, ImageFailure):
            raise ForensicsError(image.message)
        images.append(image)
    return images


def _examine(name: str, label: int, images: list[DecodedImage], examiner: Examiner) -> Examined:
    pairs = tracked(examiner.examine(images), f"examining {name}", len(images))
    return Examined(name, label, images, [finding for _, finding in pairs])


def _photograph_page(group: Examined, detector: Detector) -> str:
    """The report `forensics detect --report` would give of the photograph."""
    from forensics.examiner.page import DetectionReport

    page = DetectionReport(detector, [("command", "forensics demo")], n_expected=1)
    page.add(group.images[0], group.findings[0])
    return page.html()


def _page(groups: Sequence[Examined], radii: Sequence[float], detector: Detector) -> str:
    from forensics.report import images
    from forensics.report.page import render

    corpus, walk, photograph = groups
    shown = np.linspace(0, len(walk.images) - 1, _STRIP).round().astype(int)
    context = {
        "title": "A first look",
        "n_faces": len(corpus.images),
        "psi": _PSI,
        "resolution": corpus.images[0].width,
        "corpus_sheet": images.jpeg_uri(_sheet([i.pixels for i in corpus.images], 16), quality=88),
        "n_steps": len(walk.images),
        "step": _STEP,
        "last_radius": radii[-1],
        "walk_sheet": images.jpeg_uri(_sheet([walk.images[k].pixels for k in shown], _STRIP), quality=88),
        "walk_positions": [int(k) for k in shown],
        "rows": [g.row() for g in groups],
        "photograph": images.jpeg_uri(images.thumbnail(photograph.images[0].pixels, 480)),
        "finding": photograph.findings[0],
        "detector": detector,
        "thresholds": detector.thresholds,
        "scores": _score_plot(groups, detector),
    }
    return render("demo.html", context)


def _sheet(pixels: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """A contact sheet with every image brought to one side for looking at (Lanczos)."""
    return contact_sheet([resize(p, (_SHOWN_SIDE, _SHOWN_SIDE), "lanczos") for p in pixels], columns)


def _score_plot(groups: Sequence[Examined], detector: Detector) -> str:
    """Every image's log10 LR as a dot, a row an origin, over the detector's inconclusive band."""
    from forensics.report import plots

    rng = np.random.default_rng(0)
    with plots.figure(7.4, 2.5) as (drawing, (axes,)):
        low, high = detector.thresholds.authentic_at, detector.thresholds.synthetic_at
        axes.axvspan(low, high, color=plots.NEUTRAL, alpha=0.18, lw=0, label="inconclusive")
        for k, group in enumerate(groups):
            colour = plots.SYNTHETIC if group.label else plots.AUTHENTIC
            jitter = rng.uniform(-0.22, 0.22, len(group.findings)) if len(group.findings) > 1 else 0.0
            axes.plot(
                group.log10_lrs,
                np.zeros(len(group.findings)) - k + jitter,
                "o",
                color=colour,
                ms=4,
                alpha=0.6,
                mew=0,
            )
        axes.set_yticks([-k for k in range(len(groups))], [g.name for g in groups])
        axes.set(xlabel="log10 LR, higher = more likely synthetic", ylim=(-len(groups) + 0.5, 0.5))
        return plots.svg_uri(drawing)
