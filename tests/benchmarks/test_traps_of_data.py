"""Ways in which the images of a benchmark flatter a detector.

The numbers are those of the list of evaluation traps in the literature that the benchmark was designed against; the
sixteen are in test_traps_of_data.py (1-4, 9, 10, 14), test_traps_of_training.py (5, 6, 13, 15) and
test_traps_of_reporting.py (7, 8, 11, 12, 16), one test each, which fails where we fall into it.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.benchmarks import scoring
from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.perturbations.named import Perturbation, perturb
from forensics.core.errors import CorpusError
from forensics.corpus.pools.grouping import Trace, groups_of
from forensics.detectors.fitting.fitted_on import FittedImage
from forensics.images import decode
from forensics.images.views import working_view
from tests.benchmarks.brightness import brightness
from tests.benchmarks.brightness_run import run


def edited(faces: Path, folder: Path, real: Callable[[Path], None]) -> Path:
    """A copy of the tree in which `real` was called on every photograph's file."""
    shutil.copytree(faces, folder)
    for file in sorted((folder / "real").iterdir()):
        real(file)
    return folder


def test_01_format_jpeg_photographs_against_png_samples(faces: Path, tmp_path: Path) -> None:
    """What the files say of themselves separates the classes: the set is reported as leaking, and with what.
    A detector gets pixels only: the same pixels in another container have the same score."""

    def as_jpeg(file: Path) -> None:
        with Image.open(file) as image:
            image.save(file.with_suffix(".jpg"), quality=95)
        file.unlink()

    def as_bmp(file: Path) -> None:
        with Image.open(file) as image:
            image.save(file.with_suffix(".bmp"))
        file.unlink()

    leaking = run(edited(faces, tmp_path / "jpeg", as_jpeg), tmp_path / "a", metadata=True).leakage
    assert leaking.leaking
    assert leaking.by_kind["format"] == 1.0
    assert "This set leaks" in leaking.words
    assert run(faces, tmp_path / "b", metadata=True).leakage.by_kind["format"] == 0.5
    scores = [
        {Path(r.file).stem: r.scores for r in run(folder, out).rows if r.label == 0}
        for folder, out in (
            (faces, tmp_path / "c"),
            (edited(faces, tmp_path / "bmp", as_bmp), tmp_path / "d"),
        )
    ]
    assert scores[0] == scores[1]


def test_02_resizing_one_class_only(faces: Path, tmp_path: Path) -> None:
    """What is done to an image looks at its size only. Where sizes differ by class, the set is reported as leaking;
    `resize` gives both classes back at their own size."""

    def larger(file: Path) -> None:
        with Image.open(file) as image:
            image.resize((300, 300)).save(file)

    detector = brightness()
    outcome = run(
        edited(faces, tmp_path / "larger", larger), tmp_path / "out", "resize75", detector, metadata=True
    )
    assert outcome.leakage.leaking
    assert outcome.leakage.by_kind["pixel size"] == 1.0
    assert {image.shape for image in detector.seen} == {(300, 300, 3), (256, 256, 3)}
    assert len({r.scores["resize75"].draws["percent"] for r in outcome.rows}) == 1
    assert list(inspect.signature(working_view).parameters) == ["image"]  # no label, no source, no name


def test_03_laundering_one_class_only(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both classes are degraded, by draws that do not know the label: with labels swapped every pixel is the same."""
    swapped = tmp_path / "swapped"
    shutil.copytree(faces, swapped)
    (swapped / "real").rename(swapped / "fake_real")
    (swapped / "fake_sg2").rename(swapped / "real")
    made: dict[str, list[bytes]] = {}

    def recorded(pixels: np.ndarray, perturbation: Perturbation, *, seed: int, sha256: str) -> object:
        found = perturb(pixels, perturbation, seed=seed, sha256=sha256)
        made.setdefault(sha256, []).append(found[0].tobytes())
        return found

    monkeypatch.setattr(scoring, "perturb", recorded)
    seen = []
    for folder in (faces, swapped):
        made.clear()
        detector = brightness()
        run(folder, tmp_path / f"{folder.name}_out", "jpeg50,crop,noise,messenger", detector)
        assert sorted(image.tobytes() for image in detector.seen) == sorted(
            image for views in made.values() for image in views
        )
        seen.append(dict(made))
    assert seen[0] == seen[1]
    for plain, *degraded in seen[0].values():
        assert len(degraded) == 4
        assert all(one != plain for one in degraded)


def test_04_images_without_a_face_are_scored_and_counted(faces: Path, tmp_path: Path) -> None:
    """No face detector decides what is in the benchmark: a photograph of a coffee cup is one of the images."""
    from skimage.data import coffee

    folder = tmp_path / "faces"
    shutil.copytree(faces, folder)
    Image.fromarray(coffee()[:256, :256]).save(folder / "real" / "cup.png")
    outcome = run(folder, tmp_path / "out")
    (cup,) = [r for r in outcome.rows if r.file.endswith("cup.png")]
    assert np.isfinite(cup.scores["none"].log10_lr["brightness-00000000"])
    assert outcome.counts()["scored"] == 25
    assert {v.label: v.n for v in outcome.verdicts if v.source == ""} == {0: 13, 1: 12}


def test_09_truncation_psi(shared: Path, tmp_path: Path) -> None:
    """psi and seed are read from the list beside the images, rates are given for each psi, and a comparison of
    generators at unequal psi is warned of."""
    outcome = run(shared / "data" / "faces256" / "val", tmp_path / "out")
    parts = {(m.kind, m.name): m.estimates["auc"].n_synthetic for m in outcome.measured}
    assert {name: n for (kind, name), n in parts.items() if kind == "psi"} == {
        "0.5": 16,
        "0.7": 13,
        "0.85": 8,
        "1": 13,
    }
    assert "not sampled at the same psi" in outcome.to_json()["comparability"]
    assert {r.psi for r in outcome.rows if r.source == "stylegan2"} == {None}


def test_10_duplicates_and_identities_across_pools(faces: Path, tmp_path: Path) -> None:
    """A recompressed copy and a second picture of the same person share a group; a test image that looks like a
    training image is refused; two files of one name in two folders are two images."""
    file = sorted((faces / "real").iterdir())[0]
    with Image.open(file) as image:
        image.resize((180, 180)).save(tmp_path / "copy.jpg", quality=60)
    from forensics.corpus.likeness import perceptual_hash

    hashes = [perceptual_hash(decode(f).pixels) for f in (file, tmp_path / "copy.jpg")]
    person = np.eye(4, dtype=np.float32)
    other = np.random.default_rng(0).bytes(32).hex()
    traces = [
        Trace("0" * 64, hashes[0], ("a",), person[0]),
        Trace("1" * 64, hashes[1], ("b",), person[1]),
        Trace("2" * 64, other, ("c",), person[1] * 0.8 + person[2] * 0.6),
    ]
    assert len(set(groups_of(traces))) == 1
    fitted = [FittedImage("train", "", 0, "real", "f" * 64, hashes[1], ())]
    with pytest.raises(CorpusError, match=rf"{file.name} looks like an image it was trained on"):
        run(faces, tmp_path / "out", exposure=Exposure({"brightness-00000000": fitted}))
    assert not (tmp_path / "out").exists()
    named = [r.file for r in run(faces, tmp_path / "out").rows if r.file.endswith("/0000.png")]
    assert named == ["fake_sg2/0000.png", "fake_sg3/0000.png", "real/0000.png"]


def test_14_samples_lost_silently(faces: Path, tmp_path: Path) -> None:
    """In = scored + failed + duplicates; names with many dots count, unreadable files are named."""
    folder = tmp_path / "faces"
    shutil.copytree(faces, folder)
    (folder / "real" / "0001.png").rename(folder / "real" / "a.b.png.c.png")
    (folder / "real" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    shutil.copy(folder / "real" / "0002.png", folder / "real" / "twice.png")
    outcome = run(folder, tmp_path / "out")
    assert outcome.counts() == {"in": 26, "scored": 24, "failed": 1, "duplicates": 1}
    assert "broken.png" in outcome.failures[0]
    assert "twice.png" in outcome.plan.listing.duplicates[0]
    assert "real/a.b.png.c.png" in [r.file for r in outcome.rows]
    whole = outcome.measured[0].estimates["auc"]
    assert whole.n_authentic + whole.n_synthetic == 24
