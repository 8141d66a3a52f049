"""What a job does with an uploaded photograph: decode it apart, find its faces, ask the detector."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from forensics.detectors.finding import located
from forensics.examiner.cells import picture_uri
from forensics.examiner.page import statement
from forensics.faces.finder import load_face_finder
from forensics.images import decode_bytes
from forensics.report.images import evidence_overlay, jpeg_uri, thumbnail

if TYPE_CHECKING:
    from forensics.examiner.detection import Examiner

SHOWN_PX: Final = 640  # longer side of what the page shows


def work_of(examiner: Examiner) -> dict[str, Callable[[bytes, str], dict[str, Any]]]:
    """Kind of a job → what it does with the bytes of an image and its name."""
    finder = examiner.faces or load_face_finder()
    lock = threading.Lock()

    def detect(data: bytes, name: str) -> dict[str, Any]:
        image = decode_bytes(data, name)
        with lock:
            finding = next(one for _, one in examiner.examine([image]))
            evidence = None if finding.reasons else examiner.detector.evidence_map(image.pixels)
        shown = thumbnail(image.pixels, SHOWN_PX)
        overlay = None if evidence is None else jpeg_uri(evidence_overlay(shown, evidence))
        plain = finding.to_json()
        if finding.reasons:  # a ratio outside what it was validated on would be read as one all the same
            plain["log10_lr"] = plain["p_synthetic"] = None
            plain["detectors"] = [{**one, "log10_lr": None} for one in plain["detectors"]]
            plain["families"] = []
        words = "" if finding.reasons else statement(finding)
        return {
            "finding": plain,
            "statement": words,
            "picture": picture_uri(image, SHOWN_PX),
            "overlay": overlay,
        }

    def faces(data: bytes, name: str) -> dict[str, Any]:
        image = decode_bytes(data, name)
        with lock:
            found = located(finder, image.pixels)
        return {
            "sha256": image.sha256,
            "width": image.width,
            "height": image.height,
            "face_finder": finder.name,
            "faces": [
                {"score": one.score, "box": list(one.box), "landmarks": [list(p) for p in one.landmarks]}
                for one in found
            ],
        }

    return {"detect": detect, "faces": faces}
