"""What works on this machine and what does not: read-only checks that download nothing."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from forensics.core.errors import FacePackError, ForensicsError
from forensics.core.evidence import versions


@dataclass(frozen=True)
class Check:
    """`state`: ok, note (something is left out, the rest works) or problem (something will fail); `text`: a line."""

    name: str
    state: str
    text: str


def checks(pack: str | None = None, pack_root: Path | None = None) -> list[Check]:
    """One for packages, onnxruntime, processor, GPU, what ships, the face pack and the cache, in this order."""
    return [_packages(), _onnxruntime(), _processor(), _gpu(), _shipped(), _faces(pack, pack_root), _cache()]


def _packages() -> Check:
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions().items()))
    return Check("packages", "ok", listed)


def _onnxruntime() -> Check:
    """onnxruntime and onnxruntime-gpu write over each other's files: only one may be there."""
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _version(name)]
    if len(installed) > 1:
        text = "onnxruntime and onnxruntime-gpu are both installed; uninstall both, then install one"
        return Check("onnxruntime", "problem", text)
    if not installed:
        return Check("onnxruntime", "problem", "is missing: pip install onnxruntime")
    import onnxruntime

    providers = ", ".join(onnxruntime.get_available_providers())
    return Check("onnxruntime", "ok", f"{installed[0]} {_version(installed[0])}: {providers}")


def _processor() -> Check:
    import torch

    from forensics.core.devices import uses_bfloat16

    tiles = "; trains in bfloat16 on its matrix unit" if uses_bfloat16("cpu") else ""
    text = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}{tiles}"
    return Check("processor", "ok", text)


def _gpu() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("gpu", "ok", torch.cuda.get_device_name(0))
    return Check("gpu", "note", "torch sees none: everything runs on the processor")


def _shipped() -> Check:
    from forensics.core.weights import problems

    try:
        wrong = problems()
    except ForensicsError as error:
        wrong = [str(error)]
    if wrong:
        return Check("weights", "problem", "; ".join(wrong))
    return Check("weights", "ok", "all as released")


def _faces(pack: str | None, pack_root: Path | None) -> Check:
    from forensics.faces.analyser import load_faces

    try:
        faces = load_faces(pack, pack_root)
    except FacePackError as error:
        return Check("faces", "note", f"the finder that ships is used; {error}")
    return Check("faces", "ok", f"InsightFace pack {faces.pack}")


def _cache() -> Check:
    from forensics.core.home import home_folder

    folder = home_folder()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if os.access(there, os.W_OK):
        return Check("cache", "ok", str(folder))
    text = (
        f"{there} cannot be written to: set FORENSICS_HOME, for example to {tempfile.gettempdir()}/forensics"
    )
    return Check("cache", "problem", text)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
