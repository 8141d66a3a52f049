"""Synthesis as ONNX: the same images in ONNX Runtime, at any batch size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import CheckpointError
from forensics.generators import export
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.checkpoints import NetworkState, write_native
from tests.generators.architectures.reference import relative_error
from tests.generators.test_base import make, ws_of

CONFIG = {"z_dim": 16, "w_dim": 16, "img_resolution": 16, "channel_base": 256, "channel_max": 16}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    g = StyleGAN2Generator(**CONFIG)  # type: ignore[arg-type]
    for name, parameter in g.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.constant_(parameter, 0.3)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    write_native(path, {"G_ema": NetworkState("stylegan2", dict(CONFIG), g.state_dict())})
    return path


@pytest.mark.slow
def test_export_gives_the_same_image(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.onnx"
    result = CliRunner().invoke(app, ["export", str(weights), str(out), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["relative_error"] < export.TOLERANCE
    from forensics.generators.base import load_generator

    g = load_generator(weights)
    session = export.session_of(out)
    for n in (1, 5):
        ws = g.map(g.sample_z(n, seed=7), psi=0.5).contiguous()
        (image,) = session.run(None, {"ws": ws.numpy()})
        expected = g.synthesize(ws).numpy()
        assert image.shape == (n, 3, 16, 16)
        assert np.linalg.norm(image - expected) < 1e-4 * np.linalg.norm(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["stylegan3-t", "stylegan3-r", "mobile-stylegan", "srcnet", "stylegan", "progan"]
)
def test_the_other_architectures_give_the_same_image(kind: str, tmp_path: Path) -> None:
    """Straight after loading, and for a grown network at half its size."""
    g = make(kind).requires_grad_(False)
    if kind in ("stylegan", "progan"):
        g.set_stage(8)  # type: ignore[operator]
    out = tmp_path / "small.onnx"
    assert export.export_onnx(g, out).relative_error < export.TOLERANCE
    ws = ws_of(g, n=3)
    (image,) = export.session_of(out).run(None, {"ws": ws.numpy()})
    assert relative_error(torch.from_numpy(image), g.synthesize(ws)) < export.TOLERANCE


def test_a_file_that_computes_something_else_is_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forensics.generators.base import load_generator

    class Program:
        def save(self, path: str, **_: object) -> None:
            Path(path).write_bytes(b"onnx")

    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: Program())
    monkeypatch.setattr(export, "_relative_error", lambda *_: float("nan"))
    out = tmp_path / "wrong.onnx"
    with pytest.raises(CheckpointError, match="differs"):
        export.export_onnx(load_generator(weights), out)
    assert not out.exists()
