"""One run of `forensics train-detector`: read the corpora, train with progress, leave evidence beside the detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.detectors.fitting import Options, train_detector
from forensics.detectors.pools import Pool, read_pool
from forensics.errors import DetectorError
from forensics.evidence import write_evidence
from forensics.images import ImageFailure
from forensics.terminal import note, progress


@dataclass(frozen=True)
class Request:
    """The options of the command, as given."""

    out: Path
    corpora: tuple[Path, ...]
    kind: str = "ensemble"
    authentic: tuple[Path, ...] = ()
    epochs: float | None = None
    trim_bottom: float = 0.0
    seed: int = 0
    device: str = "auto"
    work: Path | None = None


def run(request: Request) -> dict[str, Any]:
    """Train what was asked for; a summary as plain values. Files that cannot be read are noted and left out."""
    device = resolve_device(request.device)
    failures: list[ImageFailure] = []

    def report(failure: ImageFailure) -> None:
        failures.append(failure)
        note(f"error: {failure.message}")

    pool = read_pool(request.corpora, request.authentic, request.trim_bottom, on_failure=report)
    note("training on " + ", ".join(f"{n} {source}" for source, n in pool.counts().items()))
    work = request.work or request.out.with_name(request.out.name + ".work")
    options = Options(work=work, seed=request.seed, device=device, epochs=request.epochs, progress=progress)
    detector = train_detector(request.kind, pool, request.out, options)
    _leave_evidence(request, pool, device)
    return {
        "out": str(request.out),
        "id": detector.id,
        "kind": detector.kind,
        "weights_sha256": detector.weights_sha256,
        "polarity": "log10 LR, higher = more likely synthetic",
        "thresholds": detector.thresholds,
        "training_images": detector.card["data"]["training"]["images"],
        "calibration_images": detector.card["data"]["calibration"]["images"],
        "device": device,
        "failures": [{"path": failure.path, "message": failure.message} for failure in failures],
    }


def _leave_evidence(request: Request, pool: Pool, device: str) -> None:
    command = ["forensics", "train-detector", str(request.out), *map(str, request.corpora)]
    command += ["--kind", request.kind, "--seed", str(request.seed)]
    for folder in request.authentic:
        command += ["--authentic", str(folder)]
    if request.epochs is not None:
        command += ["--epochs", f"{request.epochs:g}"]
    if request.trim_bottom:
        command += ["--trim-bottom", f"{request.trim_bottom:g}"]
    options = {"kind": request.kind, "epochs": request.epochs, "device": device, "images": len(pool)}
    write_evidence(request.out, command, {"pool": pool.fingerprint()}, {"seed": request.seed}, options)


def resolve_device(name: str) -> str:
    """`auto` is the GPU where there is one; a device that cannot be used is a DetectorError, never another one."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DetectorError(f"device {name!r} cannot be used ({reason}); choose auto or cpu") from error
    return name
