"""Make synthetic faces under full control, and measure honestly who can still tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forensics.corpus import Corpus
    from forensics.detectors.loading import load_detector
    from forensics.examiner.attribution import attribute
    from forensics.examiner.detection import detect
    from forensics.examiner.face_finding import find_faces
    from forensics.examiner.inversion import invert
    from forensics.generators.base import load_generator

__version__ = "0.1.0"
__all__ = [
    "Corpus",
    "__version__",
    "attribute",
    "detect",
    "find_faces",
    "invert",
    "load_detector",
    "load_generator",
]

# Public names are imported when asked for: `import forensics` must not import torch.
_HOMES = {
    "Corpus": "forensics.corpus",
    "attribute": "forensics.examiner.attribution",
    "detect": "forensics.examiner.detection",
    "find_faces": "forensics.examiner.face_finding",
    "invert": "forensics.examiner.inversion",
    "load_detector": "forensics.detectors.loading",
    "load_generator": "forensics.generators.base",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'forensics' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
