"""The networks: equal to their unfolded originals, to their own maps, and to themselves in any batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.backbones.efficientnet_lite import EfficientNetLite, FoldedLite, load_imagenet
from forensics.backbones.inputs import as_tensor
from forensics.core.errors import DetectorError
from forensics.detectors.calibration import Calibration
from forensics.detectors.kinds.cnn import CnnDetector
from forensics.detectors.kinds.npr import NprDetector, neighbouring_pixel_residual
from forensics.detectors.networks.detector import NetworkDetector
from forensics.images import decode

KINDS: list[type[NetworkDetector]] = [CnnDetector, NprDetector]


def _detector(kind: type[NetworkDetector]) -> NetworkDetector:
    torch.manual_seed(1)
    network = kind.starting_network({}).eval()
    torch.nn.init.normal_(network.classifier.weight, 0, 0.3)
    return kind({}, Calibration(0.5, 0.1, -1.0, 1.0), network=network)


@pytest.fixture(scope="module")
def faces(shared: Path) -> list[np.ndarray]:
    folder = shared / "data" / "faces256" / "train" / "real"
    whole = [decode(path).pixels for path in sorted(folder.glob("*.png"))[:4]]
    return [*whole, whole[0][:200, :131], whole[1][20:150, :90], np.tile(whole[2], (2, 3, 1))]


@pytest.mark.parametrize("variant", [0, 2])
def test_imagenet_weights_recognise_a_cat(variant: int) -> None:
    from skimage.data import chelsea

    pixels = chelsea()[:, 75:375]
    with torch.inference_mode():
        logits = load_imagenet(variant)((as_tensor(pixels[None]).float() - 127) / 128)
    assert int(logits.argmax()) in range(281, 286)  # ImageNet's five domestic cats


@pytest.mark.parametrize("variant", [0, 2])
def test_folding_changes_nothing(variant: int) -> None:
    torch.manual_seed(0)
    whole = EfficientNetLite(variant).eval()
    for module in whole.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    folded = FoldedLite(variant).eval()
    folded.absorb(whole)
    x = torch.randn(2, 3, 96, 70)
    with torch.inference_mode():
        expected = whole(x)
        pooled = folded(x).mean((2, 3))
        assert torch.allclose(whole._fc(pooled), expected, atol=1e-4, rtol=1e-4)
        layers = folded.layers(x)
    assert [layer.shape[1] for layer in layers] == folded.channels()
    assert torch.equal(layers[-1].mean((2, 3)), pooled)


@pytest.mark.parametrize("px", [64, 96])
def test_scoring_multiplies_matrices_and_gives_what_convolutions_give(px: int) -> None:
    trunk = FoldedLite(0).eval().to(memory_format=torch.channels_last)
    trunk.absorb(load_imagenet(0))
    x = torch.rand(3, 3, px, px).to(memory_format=torch.channels_last) * 2 - 1
    with torch.no_grad():
        plain = trunk.layers(x)
    with torch.inference_mode():
        scored = trunk.layers(x)
        alone = trunk.layers(x[1:2])
    for a, b, c in zip(plain, scored, alone, strict=True):
        torch.testing.assert_close(b, a, atol=2e-5, rtol=1e-5)
        torch.testing.assert_close(c, b[1:2], atol=0, rtol=0)  # company changes no bit


def test_residual_is_zero_on_enlarged_pixels_and_keeps_odd_sizes() -> None:
    x = torch.rand(2, 3, 7, 9)
    doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert neighbouring_pixel_residual(doubled).abs().max() == 0
    residual = neighbouring_pixel_residual(x)
    assert residual.shape == x.shape
    assert residual[0, 0, 3, 5] == x[0, 0, 3, 5] - x[0, 0, 2, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_same_score_in_any_batch_and_order(kind: type[NetworkDetector], faces: list[np.ndarray]) -> None:
    detector = _detector(kind)
    together = detector.raw_scores(faces)
    assert together.dtype == np.float64
    alone = np.array([detector.raw_scores([face])[0] for face in faces])
    backwards = detector.raw_scores(faces[::-1])[::-1]
    assert np.allclose(together, alone, atol=2e-5, rtol=0)
    assert np.allclose(together, backwards, atol=2e-5, rtol=0)
    assert len(np.unique(together.round(4))) == len(faces)
    assert detector.raw_scores([]).shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_the_map_is_the_score(kind: type[NetworkDetector], faces: list[np.ndarray]) -> None:
    detector = _detector(kind)
    for face in faces[3:6]:
        found = detector.evidence_map(face)
        assert found is not None
        assert found.ndim == 2
        assert min(found.shape) > 1
        expected = detector.calibration.uncapped(detector.raw_scores([face]))[0]  # type: ignore[union-attr]
        assert found.mean() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_map_and_training_forward_agree(kind: type[NetworkDetector], faces: list[np.ndarray]) -> None:
    detector = _detector(kind)
    x = detector.prepare(as_tensor(np.stack(faces[:3])))
    with torch.inference_mode():
        assert torch.allclose(detector.network(x), detector.network.local(x).mean((1, 2)), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_scores_the_same(
    kind: type[NetworkDetector], faces: list[np.ndarray], tmp_path: Path
) -> None:
    detector = _detector(kind)
    rounded = kind.from_arrays({}, detector.arrays())  # float16, as on disk
    rounded.calibration = detector.calibration
    rounded.save(tmp_path)
    loaded = kind.load(tmp_path)
    assert loaded.weights_sha256 == rounded.weights_sha256 != ""
    assert loaded.id == f"{kind.kind}-{loaded.weights_sha256[:8]}"
    assert np.array_equal(loaded.score(faces[:2]), rounded.score(faces[:2]))
    assert np.allclose(loaded.raw_scores(faces[:2]), detector.raw_scores(faces[:2]), atol=0.05)


def test_absurd_width_is_refused() -> None:
    for width in (10**9, -1, "48", 2.5):
        with pytest.raises(DetectorError, match="width"):
            NprDetector.build({"width": width})
