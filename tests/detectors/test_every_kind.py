"""Every registered kind keeps the contract: fitted to real faces, it scores, has parts and a domain, and is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.core.errors import DetectorError
from forensics.core.registry import Method, methods
from forensics.corpus.pools.pool import Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.calibration import Calibration
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.domain import Domain
from forensics.detectors.kinds.ensemble import EnsembleDetector
from forensics.detectors.loading import detector_class, load_detector
from forensics.detectors.networks.schedule import Schedule
from forensics.detectors.thresholds import Thresholds

KINDS = methods("detector")
QUICK = Schedule(epochs=0.1, batch=4, crops_px=(64,), warmup_steps=1)
CALIBRATION = Calibration(0.5, 0.1, -1.5, 1.5)
LIMITS = Thresholds(0.4, -0.3, 0.02, 0.05, 80, 40, "by hand")


@pytest.fixture(scope="module")
def pool(shared: Path) -> Pool:
    whole = read_pool([shared / "data" / "faces256" / "train"])
    rows = [[i for i, s in enumerate(whole.sources) if s == source][:12] for source in sorted(whole.counts())]
    return whole.take(np.concatenate(rows))


def _settings(kind: str, shared: Path) -> dict[str, Any]:
    if kind == "faces":
        return {"pack": "scrfd500m_mbf", "pack_root": shared / "data" / "insightface", "draws": 1}
    if kind == "discriminator":
        return {"weights": "own-64"}
    return {"schedule": QUICK} if not detector_class(kind).fits_in_seconds else {}


def _fitted(kind: str, pool: Pool, shared: Path, work: Path) -> Detector:
    if kind == EnsembleDetector.kind:
        parts = [_fitted(name, pool, shared, work) for name in ("frequency", "discriminator")]
        return EnsembleDetector.stacked(("frequency", "discriminator"), parts, np.array([0.5, 0.25]))
    detector = detector_class(kind).fit(pool, FitOptions(work=work / kind, settings=_settings(kind, shared)))
    detector.calibration, detector.limits = CALIBRATION, LIMITS
    return detector


@pytest.mark.parametrize("entry", KINDS, ids=lambda m: m.name)
def test_a_kind_keeps_the_contract(
    entry: Method,
    pool: Pool,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    networks: Callable[[str], Path],
) -> None:
    if entry.name == "clip":
        networks("clip-vit-b16")
        pool = pool.at_most(9)  # the tower takes its time
    monkeypatch.setenv("FORENSICS_FACE_ROOT", str(shared / "data" / "insightface"))
    detector = _fitted(entry.name, pool, shared, tmp_path / "work")
    detector.calibration, detector.limits = CALIBRATION, LIMITS
    assert detector.kind == entry.name
    assert detector.domain == Domain()
    assert [part.kind for part in detector.parts] == (
        ["frequency", "discriminator"] if entry.name == "ensemble" else []
    )
    assert detector.to("cpu") is detector
    assert detector.device == "cpu"
    images = [pool.images[0], pool.images[13], pool.images[25][:120, :100]]
    scores, of_parts = detector.score_parts(images)
    assert scores.dtype == np.float64
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    assert np.array_equal(scores, detector.score(images))
    assert len(of_parts) == len(detector.parts)
    assert [detector.score([image])[0] for image in images] == pytest.approx(scores, abs=1e-4)
    detector.save(tmp_path / "first")
    loaded = load_detector(tmp_path / "first")
    assert type(loaded) is entry.target
    assert loaded.weights_sha256 == detector.weights_sha256
    again = loaded.score(images)
    assert again == pytest.approx(scores, abs=2e-3)  # arrays are stored in float16 or float32
    loaded.save(tmp_path / "second")
    for file in sorted(p.relative_to(tmp_path / "first") for p in (tmp_path / "first").rglob("*.*")):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file
    assert np.array_equal(load_detector(tmp_path / "second").score(images), again)


def test_there_are_nine_kinds_and_an_unknown_one_is_one_line() -> None:
    assert {m.name for m in KINDS} >= {
        "cnn", "discriminator", "ensemble", "faces", "fingerprint", "frequency", "layers", "npr", "patch",
    }  # fmt: skip
    for name in ("oracle", "os.system", "../cnn", "x" * 99, "cnn\nnpr"):
        with pytest.raises(DetectorError, match="unknown kind of detector") as caught:
            detector_class(name)
        assert "\n" not in str(caught.value)
