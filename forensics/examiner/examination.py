"""What `forensics detect` does: examine files one by one, say so as each is done, then write the page."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from forensics.core.errors import ForensicsError
from forensics.core.evidence import evidence, recorded
from forensics.core.terminal import note, print_line, printable, progress
from forensics.detectors.finding import Finding
from forensics.detectors.thresholds import POLARITY
from forensics.examiner.detection import Examiner, load_examiner
from forensics.images import DecodedImage, Found, ImageFailure, decode_many, find_images

if TYPE_CHECKING:
    from forensics.examiner.page import DetectionReport

_STYLES: Final = {"synthetic": "bold red", "authentic": "bold blue", "inconclusive": "bold"}
_DECODING_AHEAD: Final = 2


@dataclass(frozen=True)
class ExaminationOptions:
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
def examine_files(options: ExaminationOptions, *, as_json: bool) -> Outcome:
    """Examine every image that is named; findings go to stdout one by one, everything else to stderr.

    ForensicsError: no image is there, or the detector, the face pack or the device cannot be used.
    """
    found = find_images(options.paths, options.include, options.exclude)
    if not found.paths and not found.failures:
        raise ForensicsError(f"{', '.join(map(printable, options.paths))}: no images there")
    for passed in found.passed_over:
        note(passed.message)
    examiner = load_examiner(
        options.detector,
        device=options.device,
        pack=options.pack,
        pack_root=options.pack_root,
        faces=options.faces,
    )
    _introduce(examiner)
    page = _page(options, examiner, len(found.paths)) if options.report else None
    outcome = Outcome()
    # On a terminal the lines themselves show progress, and a bar would be torn by them.
    quiet = nullcontext() if sys.stdout.isatty() else progress("examining", len(found.paths))
    with quiet as meter:
        for image, finding in examiner.examine(_readable(found, outcome, page)):
            outcome.verdicts[finding.verdict] += 1
            _say(finding, as_json=as_json)
            if page is not None:
                page.add(image, finding)
            if meter is not None:
                meter.advance()
    if page is not None and options.report is not None:
        page.write(options.report)
        note(f"report: {options.report}")
    return outcome


def _introduce(examiner: Examiner) -> None:
    limits = examiner.detector.thresholds
    note(
        f"{POLARITY}; synthetic from {limits.synthetic_at:+.2f}, authentic up to {limits.authentic_at:+.2f}; "
        f"detector {examiner.detector.id}"
    )
    for warning in examiner.warnings:
        note(warning)
    if examiner.faces is None and examiner.detector.domain.needs_face:
        note("faces are not looked for: there are scores, and no verdicts")


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
    family = f"  traces of {finding.family}" if finding.family else ""
    reasons = f"  ({'; '.join(finding.reasons)})" if finding.reasons else ""
    return (
        f"{finding.log10_lr:+7.2f}  {100 * finding.p_synthetic:5.1f} %  {faces or 'faces –':<9}"
        f"{printable(finding.path)}{family}{printable(reasons)}"
    )


def _page(options: ExaminationOptions, examiner: Examiner, n_expected: int) -> DetectionReport:
    from forensics.examiner.page import DetectionReport

    detector = examiner.detector
    chosen = {k: v for k, v in vars(options).items() if k not in ("paths", "report")}
    record = evidence({f"detector {detector.id}": detector.weights_sha256}, options=chosen)
    return DetectionReport(detector, record.lines(), n_expected)
