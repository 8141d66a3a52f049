"""The perceptual distance: its formula on stand-in weights, what it notices, and what it says without its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from forensics.backbones.lpips import PerceptualDistance, load_perceptual_distance
from forensics.core.errors import CheckpointError, NetworkMissing

# Places of the convolutions of VGG16 in the published file; a maximum and a blur stand before all but the first.
STAGES = ((0, 2), (6, 8), (12, 14, 16), (20, 22, 24), (28, 30, 32))
BLURS = (0, 5, 11, 19, 27)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the published names and shapes, its numbers drawn at the scale of trained ones."""
    rng = torch.Generator().manual_seed(4)
    state = {}
    for name, like in PerceptualDistance().state_dict().items():
        scale = (2 / max(like[0].numel(), 1)) ** 0.5 if like.ndim == 4 else 0.1
        state[name] = torch.randn(like.shape, generator=rng) * scale
        if name.startswith("lin"):
            state[name] = state[name].abs()
        if name.endswith("filt"):
            taps = torch.tensor([1.0, 2.0, 1.0]) / 4
            state[name] = (taps[:, None] * taps).expand(like.shape).contiguous()
    state["scaling_layer.shift"] = torch.tensor([-0.03, -0.088, -0.188]).view(1, 3, 1, 1)
    state["scaling_layer.scale"] = torch.tensor([0.458, 0.448, 0.45]).view(1, 3, 1, 1)
    path = tmp_path_factory.mktemp("lpips") / "weights.safetensors"
    save_file(state, path)
    return path


def plain(state: dict[str, Tensor], a: Tensor, b: Tensor) -> float:
    """The published formula for one pair, in float64, a sum at a time."""

    def maps(image: Tensor) -> list[Tensor]:
        x, out = (image.double() - state["scaling_layer.shift"]) / state["scaling_layer.scale"], []
        for number, places in enumerate(STAGES, 1):
            if number > 1:
                filt = state[f"net.slice{number}.{BLURS[number - 1]}.filt"].double()
                x = F.conv2d(
                    F.pad(F.max_pool2d(x, 2, 1), (2, 2, 2, 2), "reflect"), filt, None, 2, groups=x.shape[1]
                )
            for place in places:
                weight, bias = (
                    state[f"net.slice{number}.{place}.{part}"].double() for part in ("weight", "bias")
                )
                x = F.conv2d(x, weight, bias, padding=1).clamp_min(0)
            out.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return out

    total = 0.0
    for number, (one, two) in enumerate(zip(maps(a), maps(b), strict=True)):
        weight = state[f"lin{number}.model.1.weight"].double()
        total += float(((one - two).square() * weight.view(1, -1, 1, 1)).sum(1).mean())
    return total


def test_the_published_formula(weights: Path, forty_faces: Tensor) -> None:
    distance = load_perceptual_distance(weights)
    a, b = forty_faces[:2, :, 64:128, 64:128], forty_faces[2:4, :, 64:128, 64:128]
    state = distance.state_dict()
    expected = [plain(state, x[None], y[None]) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(distance(a, b).numpy(), expected, rtol=1e-4)


def test_none_between_equals_and_more_for_more_change(weights: Path, forty_faces: Tensor) -> None:
    distance = load_perceptual_distance(weights)
    face = forty_faces[:1, :, 64:128, 64:128]
    noise = torch.randn(face.shape, generator=torch.Generator().manual_seed(1))
    assert float(distance(face, face)) == 0
    little, much = (float(distance(face, face + k * noise)) for k in (0.02, 0.2))
    assert 0 < little < much


def test_sizes_that_do_not_fit(weights: Path) -> None:
    distance = load_perceptual_distance(weights)
    with pytest.raises(ValueError, match="32 px or more"):
        distance(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match="one size"):
        distance(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 32))


def test_without_its_weights_or_with_others_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORENSICS_HOME", str(tmp_path))
    with pytest.raises(NetworkMissing, match="forensics models pull lpips-vgg"):
        load_perceptual_distance()
    save_file({"net": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="not the weights of a perceptual distance"):
        load_perceptual_distance(tmp_path / "w.safetensors")
