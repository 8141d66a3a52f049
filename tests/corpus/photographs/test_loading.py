"""Folders and corpora into training images; the cache is used while it is true."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import ForensicsError
from forensics.corpus import CorpusWriter
from forensics.corpus.photographs import sources
from forensics.corpus.photographs.loading import load_images
from forensics.corpus.rows import Row


@pytest.fixture
def folder(photographs: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "faces"
    shutil.copytree(photographs, copy)
    return copy


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "decode_many", lambda *_: pytest.fail("read the images again"))


def test_bad_files_are_listed_and_the_rest_is_used(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "page.jpg").write_bytes(b"<html>no face</html>")
    whole = (folder / "0003.png").read_bytes()
    (folder / "0003.png").write_bytes(whole[: len(whole) // 2])
    cache = tmp_path / "cache.npz"
    images = load_images([folder], 16, cache)
    assert images.pixels.shape == (19, 16, 16, 3)
    assert sorted(Path(path).name for path, _ in images.rejected) == ["0003.png", "page.jpg"]
    assert "page.jpg" in capsys.readouterr().err
    again = load_images([folder], 16, cache)
    assert again.rejected == images.rejected


def test_cache_saves_the_second_reading(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache.npz"
    first = load_images([folder], 16, cache)
    forbid_reading(monkeypatch)
    second = load_images([folder], 16, cache)
    assert second.sha256 == first.sha256
    assert np.array_equal(second.pixels, first.pixels)


@pytest.mark.parametrize(
    "change", ["new file", "touched", "other resolution", "damaged cache", "not a cache"]
)
def test_cache_is_made_anew(folder: Path, tmp_path: Path, change: str) -> None:
    cache = tmp_path / "cache.npz"
    load_images([folder], 16, cache)
    resolution, n = 16, 20
    if change == "new file":
        shutil.copy(folder / "0001.png", folder / "zz.png")
        n = 21
    elif change == "touched":
        shutil.copy(folder / "0001.png", folder / "0002.png")
        os.utime(folder / "0002.png", ns=(1, 1))
    elif change == "other resolution":
        resolution = 8
    elif change == "damaged cache":
        cache.write_bytes(cache.read_bytes()[:-3000])
    else:
        cache.write_bytes(b"nothing")
    made = load_images([folder], resolution, cache)
    assert made.pixels.shape == (n, resolution, resolution, 3)
    assert made.sha256 == load_images([folder], resolution).sha256


def test_a_corpus_is_a_source(photographs: Path, tmp_path: Path) -> None:
    plain = load_images([photographs], 16)
    with CorpusWriter(tmp_path / "corpus", {"test": 1}) as writer:
        writer.add(plain.pixels, [Row(label=0, source="wild")] * len(plain))
        writer.finish()
    assert load_images([tmp_path / "corpus"], 16).sha256 == plain.sha256


@pytest.mark.parametrize("source", ["empty", "missing"])
def test_nothing_to_train_on_is_one_clear_line(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ForensicsError, match=rf"{source}: no .*train on"):
        load_images([tmp_path / source], 16)
