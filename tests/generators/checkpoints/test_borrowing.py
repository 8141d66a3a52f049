"""Networks that take the levels of one that ships: whole when loaded, whole when converted, and no door elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from forensics.core.errors import CheckpointError
from forensics.core.weights import weights_file
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import NetworkState, read_checkpoint, read_native, write_native
from forensics.generators.checkpoints.converting import convert_file
from tests.generators.architectures.reference import relative_error

SIZES = (64, 128, 256, 512)
WANTED_DB = {64: 27.0, 128: 27.0, 256: 29.0, 512: 29.0}


def test_the_same_w_makes_the_same_face_at_every_size() -> None:
    """Mean PSNR on four latents that no head was fitted on; see `python -m tools.ffhq_heads measure` for 200."""
    teacher = load_generator("ffhq-1024")
    ws = teacher.map(teacher.sample_z(4, seed=77), psi=0.7)
    with torch.inference_mode():
        image = teacher.synthesize(ws)
        for size in SIZES:
            g = load_generator(f"ffhq-{size}")
            assert torch.equal(
                g.map(teacher.sample_z(2, seed=5))[:, 0], teacher.map(teacher.sample_z(2, seed=5))[:, 0]
            )
            ours = g.synthesize(ws[:, : g.num_ws])
            assert ours.shape == (4, 3, size, size)
            squares = (ours - F.avg_pool2d(image, 1024 // size)).square().mean(dim=(1, 2, 3))
            assert float((10 * torch.log10(4 / squares)).mean()) > WANTED_DB[size]


def test_its_file_holds_a_head_alone_and_a_conversion_the_whole(tmp_path: Path) -> None:
    path = weights_file("ffhq-128")
    own = read_native(path).networks["G_ema"].state
    assert {name.rpartition("torgb.")[0] for name in own} == {"synthesis."}
    convert_file("ffhq-128", tmp_path / "whole.safetensors")
    whole = read_native(tmp_path / "whole.safetensors").networks["G_ema"]
    assert "levels_of" not in whole.origin
    assert len(whole.state) > 50
    a, b = load_generator(tmp_path / "whole.safetensors"), load_generator("ffhq-128")
    ws = b.map(b.sample_z(1))
    assert relative_error(a.synthesize(ws), b.synthesize(ws)) < 1e-6


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ({"levels_of": "ffhq-1024", "levels_sha256": "0" * 64}, "was made for another ffhq-1024"),
        ({"levels_of": "/etc/passwd"}, "which does not ship"),
        ({"levels_of": "own-64\nfake"}, "which does not ship"),
        ({"levels_of": ["ffhq-1024"]}, "which does not ship"),
    ],
)
def test_a_file_cannot_ask_for_another(origin: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    config = {"img_resolution": 64, "pixel_head": True}
    write_native(path, {"G": NetworkState("mobile-stylegan", config, {"a": torch.ones(2)}, [], origin)})
    with pytest.raises(CheckpointError, match=message) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)
