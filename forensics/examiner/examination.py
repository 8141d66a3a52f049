"""What `forensics detect` does: find, decode, examine, and say so as each image is done, then write the page."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.core.errors import FacePackError, ForensicsError
from forensics.core.evidence import evidence, recorded
from forensics.core.terminal import note, print_line, printable, progress
from forensics.detectors.contract import load_on_device
from forensics.detectors.finding import POLARITY, Finding, examine_each
from forensics.images import DecodedImage, Found, ImageFailure, decode_many, find_images

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.examiner.page import DetectionReport
    from forensics.faces.analyser import FaceAnalyser

_STYLES = {"synthetic": "bold red", "authentic": "bold blue", "inconclusive": "bold"}
_DECODING_AHEAD = 2


@dataclass(frozen=True)
class Request:
    """What is to be examined, and how."""

    paths: tuple[Path, ...]
    detector: str = "default"
    faces: bool = True
    pack: str | None = None
    pack_root: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    device: str = "auto"
    report: Path | None = None


@dataclass
class Outcome:
    """How many images got which verdict, and how many files could not be examined."""

    verdicts: Counter[str] = field(default_factory=Counter)
    failed: int = 0


@recorded
def examine_files(request: Request, *, as_json: bool) -> Outcome:
    """Examine every image of the request; findings go to stdout one by one, everything else to stderr.

    ForensicsError: no image was found, or the detector or device cannot be used.
    """
    found = find_images(request.paths, request.include, request.exclude)
    if not found.paths and not found.failures:
        raise ForensicsError(f"{', '.join(map(printable, request.paths))}: no images there")
    for passed in found.passed_over:
        note(passed.message)
    detector = load_on_device(request.detector, request.device)
    faces, warnings = _faces(request)
    if faces is not None:
        detector.use_faces(faces)
    limits = detector.thresholds
    note(
        f"{POLARITY}; synthetic from {limits['synthetic_at']:+.2f}, authentic up to {limits['authentic_at']:+.2f}; "
        f"detector {detector.id}"
    )
    page = _page(request, detector, found, warnings) if request.report else None
    outcome = Outcome()
    # On a terminal the lines themselves show progress, and a bar would be torn by them.
    quiet = nullcontext() if sys.stdout.isatty() else progress("examining", len(found.paths))
    with quiet as meter:
        images = _readable(found, outcome, page)
        for image, finding in examine_each(images, detector, faces, warnings=warnings):
            outcome.verdicts[finding.verdict] += 1
            _say(finding, as_json=as_json)
            if page is not None:
                page.add(image, finding)
            if meter is not None:
                meter.advance()
    if page is not None and request.report is not None:
        page.write(request.report)
        note(f"report: {request.report}")
    return outcome


def _faces(request: Request) -> tuple[FaceAnalyser | None, tuple[str, ...]]:
    """The face analyser, or None and the warning that goes into every finding."""
    if not request.faces:
        return None, ()
    from forensics.faces.analyser import load_faces

    try:
        return load_faces(request.pack, request.pack_root), ()
    except FacePackError as error:
        note(f"going on without faces: {error}")
        return None, (f"faces were not looked for: {error}",)


def _readable(found: Found, outcome: Outcome, page: DetectionReport | None) -> Iterator[DecodedImage]:
    """The images that can be decoded; what cannot is named on stderr, counted and listed on the page."""

    def failed(failure: ImageFailure) -> None:
        note(f"error: {failure.message}")
        outcome.failed += 1
        if page is not None:
            page.failures.append(failure)

    for failure in found.failures:
        failed(failure)
    for item in decode_many(found.paths, workers=_DECODING_AHEAD):
        if isinstance(item, DecodedImage):
            yield item
        else:
            failed(item)


def _say(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print_line(json.dumps(finding.to_json()))  # ASCII: safe for any terminal and any file name
        return
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble((f"{finding.verdict:<12}", _STYLES[finding.verdict]), finding_in_a_line(finding))
    Console(highlight=False, soft_wrap=True).print(text)
    sys.stdout.flush()


def finding_in_a_line(finding: Finding) -> str:
    """Everything but the verdict: log10 LR, probability at even prior odds, faces, file, and reasons."""
    faces = "" if finding.faces is None else f"{len(finding.faces)} face{'s' * (len(finding.faces) != 1)}"
    reasons = f"  ({'; '.join(finding.reasons)})" if finding.reasons else ""
    return (
        f"{finding.log10_lr:+7.2f}  {100 * finding.p_synthetic:5.1f} %  {faces or 'faces –':<9}"
        f"{printable(finding.path)}{printable(reasons)}"
    )


def _page(request: Request, detector: Detector, found: Found, warnings: tuple[str, ...]) -> DetectionReport:
    from forensics.examiner.page import DetectionReport

    page = DetectionReport(detector, _evidence(request, detector), len(found.paths))
    page.warnings += warnings
    return page


def _evidence(request: Request, detector: Detector) -> list[tuple[str, str]]:
    options: dict[str, Any] = {k: v for k, v in vars(request).items() if k not in ("paths", "report")}
    return evidence({f"detector {detector.id}": detector.weights_sha256}, options=options).lines()
