"""Reading pools: each image once, never with two labels, what is broken reported, captions cut off alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from forensics.core.errors import CorpusError, DetectorError
from forensics.corpus.pools.reading import read_pool
from forensics.images import ImageFailure, decode


def test_reading_the_training_faces(shared: Path) -> None:
    data = shared / "data"
    pool = read_pool([data / "faces256" / "val"], [data / "wild128"])
    assert pool.counts()["real"] == 100
    assert pool.counts()["wild128"] > 200
    assert (pool.labels == [source.startswith("stylegan") for source in pool.sources]).all()
    assert len(set(pool.sha256)) == len(pool)


def _tree(shared: Path, folder: Path) -> tuple[Path, Path]:
    faces = shared / "data" / "faces256" / "val"
    for name, source in (("real", "real"), ("fake", "stylegan2")):
        (folder / name).mkdir(parents=True)
        for path in sorted((faces / source).glob("*.png"))[:2]:
            shutil.copy(path, folder / name)
    return folder / "real", folder / "fake"


def test_an_image_that_occurs_twice_counts_once_and_never_with_two_labels(
    shared: Path, tmp_path: Path
) -> None:
    real, fake = _tree(shared, tmp_path / "tree")
    first = sorted(real.iterdir())[0]
    shutil.copy(first, real / "copy.png")
    assert len(read_pool([tmp_path / "tree"])) == 4
    shutil.copy(first, fake / "copy.png")
    (tmp_path / "home").mkdir()
    with pytest.raises(DetectorError, match="labelled authentic and synthetic"):
        read_pool([tmp_path / "tree"])


def test_a_broken_file_is_reported_and_left_out(shared: Path, tmp_path: Path) -> None:
    real, _ = _tree(shared, tmp_path / "tree")
    (real / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    heard: list[ImageFailure] = []
    assert len(read_pool([tmp_path / "tree"], on_failure=heard.append)) == 4
    assert [Path(failure.path).name for failure in heard] == ["broken.png"]


def test_trimming_cuts_the_bottom_of_both_classes_alike(shared: Path) -> None:
    folder = shared / "data" / "faces256" / "val"
    whole, trimmed = read_pool([folder]), read_pool([folder], trim_bottom=0.05)
    assert trimmed.sha256 == whole.sha256
    assert trimmed.fingerprint() != whole.fingerprint()
    assert trimmed.take([3]).trimmed == 0.05
    for before, after in zip(whole.images[::40], trimmed.images[::40], strict=True):
        assert np.array_equal(after, before[:243])


def test_the_caption_of_the_generated_faces_lies_in_what_is_trimmed(shared: Path) -> None:
    # "StyleGAN2 (Karras et al.)" stands in the lower right corner of every such image of this set.
    folder = shared / "data" / "faces256" / "val" / "stylegan2"
    corners = np.stack([decode(p).pixels[:, 200:].mean(2) for p in sorted(folder.glob("*.png"))])
    edges = np.abs((corners - gaussian_filter(corners, (0, 3, 3))).mean(0)).max(1)
    assert edges[243:].max() > 3 * edges[120:243].max()


def test_one_class_is_not_enough(shared: Path) -> None:
    with pytest.raises(CorpusError, match="only one kind"):
        read_pool([shared / "data" / "faces256" / "val" / "real"])
