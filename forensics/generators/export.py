"""Synthesis as an ONNX file: ws in, image out, any batch size; run once in ONNX Runtime before it is called done."""

from __future__ import annotations

import contextlib
import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from forensics.core.errors import CheckpointError
from forensics.core.evidence import evidence, recorded
from forensics.core.files import replacing, sha256_file
from forensics.generators.base import Generator
from forensics.generators.labels import labels_in_turn

_OPSET = 18
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """The file that was written, and how far ONNX Runtime's images are from ours (relative error, at least 0)."""

    path: str
    sha256: str
    n_bytes: int
    relative_error: float


class _Synthesis(nn.Module):
    """ws [n, num_ws, w_dim] to images, noise const: what the file computes."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, ws: Tensor) -> Tensor:
        return self.generator.synthesize(ws)


@recorded
def export_onnx(generator: Generator, out: Path) -> Exported:
    """Write `generator`'s synthesis to `out` and compare it with ours on two ws.

    Input `ws` float32 [n, num_ws, w_dim], output `image` float32 [n, c, H, W] as `synthesize` gives it.
    Raises `CheckpointError` where the relative error is above 1e-4.
    """
    ws = generator.map(generator.sample_z(2, seed=1), labels_in_turn(generator, 0, 2)).contiguous()
    with (
        torch.no_grad()
    ):  # makes what a recording takes from the run before: StyleGAN3's filters, a level of detail
        generator.synthesize(ws)
    with replacing(out) as temporary:
        # The exporter talks on stdout and through logging; stdout is for data.
        with contextlib.redirect_stdout(io.StringIO()), _quiet():
            program = torch.onnx.export(
                _Synthesis(generator).eval(),
                (ws,),
                input_names=["ws"],
                output_names=["image"],
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                opset_version=_OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
            assert program is not None
            program.save(str(temporary), external_data=False)
        error = _relative_error(generator, temporary)
        if not error <= TOLERANCE:
            raise CheckpointError(
                f"{out}: ONNX Runtime's image differs by {error:.1e}, more than {TOLERANCE:.0e}"
            )
    evidence({"weights": generator.weights_sha256} if generator.weights_sha256 else {}).write_beside(out)
    return Exported(str(out), sha256_file(out), out.stat().st_size, error)


@contextlib.contextmanager
def _quiet() -> Any:
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _relative_error(generator: Generator, path: Path) -> float:
    """|ONNX Runtime - ours| / |ours| for three ws that the export did not see, at another batch size."""
    session = session_of(path)
    ws = generator.map(generator.sample_z(3, seed=2), labels_in_turn(generator, 0, 3)).contiguous()
    with torch.inference_mode():
        expected = generator.synthesize(ws).cpu().numpy()
    (image,) = session.run(None, {"ws": ws.cpu().numpy()})
    return float(np.linalg.norm(image - expected) / np.linalg.norm(expected))


def session_of(path: Path) -> Any:
    """An ONNX Runtime session on the CPU with as many threads as torch uses."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
