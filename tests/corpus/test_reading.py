"""What is written comes back, and what is missing, altered or unlisted is found."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forensics import Corpus
from forensics.core.errors import CorpusError, ImageError
from forensics.corpus import Problem
from forensics.images import ImageFailure
from tests.corpus.made import chunk_of, latents_of, write


def test_what_is_written_comes_back(corpus: Path, faces: list[NDArray[np.uint8]]):
    opened = Corpus.open(corpus)
    expected_images, expected_rows = chunk_of(faces, range(12))
    assert len(opened) == 12
    assert opened.complete
    assert not opened.is_foreign
    assert opened.how == {"recipe": "synthesis", "n": 12, "seed": 7}
    assert opened.labels.tolist() == [0, 1] * 6
    assert opened.sources[:2] == ["ffhq", "default"]
    for row, expected in zip(opened.manifest, expected_rows, strict=True):
        assert replace(row, file="", sha256="") == expected
    streamed = [
        (row, image)
        for rows, images in opened.images(batch=5)
        for row, image in zip(rows, images, strict=True)
    ]
    assert [row for row, _ in streamed] == opened.manifest
    for (_, image), expected_image in zip(streamed, expected_images, strict=True):
        np.testing.assert_array_equal(image, expected_image)
    assert [p.name for p in opened.paths[:2]] == ["000000.png", "000001.png"]
    assert opened.verify() == []


def test_batches_and_picked_rows(corpus: Path):
    opened = Corpus.open(corpus)
    assert [len(rows) for rows, _ in opened.images(batch=5)] == [5, 5, 2]
    picked = [row.params["index"] for rows, _ in opened.images(batch=2, indices=[9, 0, 4]) for row in rows]
    assert picked == [9, 0, 4]
    assert [len(images) for _, images in opened.images(batch=5, workers=3)] == [5, 5, 2]


def test_latents_belong_to_their_images(corpus: Path):
    opened = Corpus.open(corpus)
    for index in (0, 4, 5, 11):
        stored = opened.latents(index)
        np.testing.assert_array_equal(
            stored["z"][index % opened.chunk], latents_of(range(index, index + 1))["z"][0]
        )
        assert stored["ws"].shape[1:] == (3, 16)
        assert stored["z"].dtype == np.float32
    (corpus / "latents/000005.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    with pytest.raises(CorpusError, match=r"000005\.safetensors: was altered"):
        opened.latents(7)
    (corpus / "latents/000000.safetensors").unlink()
    with pytest.raises(CorpusError, match="has no latents for image 3"):
        opened.latents(3)


def test_verify_finds_what_is_missing_altered_and_unlisted(corpus: Path):
    (corpus / "images/000/000002.png").unlink()
    altered = corpus / "images/000/000007.png"
    data = bytearray(altered.read_bytes())
    data[-20] ^= 1
    altered.write_bytes(data)
    (corpus / "images/000/smuggled.png").write_bytes(b"new")
    (corpus / "latents/000010.safetensors").write_bytes(b"other")
    assert Corpus.open(corpus).verify() == [
        Problem("missing", "images/000/000002.png"),
        Problem("altered", "images/000/000007.png"),
        Problem("altered", "latents/000010.safetensors"),
        Problem("unlisted", "images/000/smuggled.png"),
    ]
    assert str(Problem("missing", "a\nb")) == "missing: a\\nb"


def test_an_unfinished_corpus_opens_and_says_so(tmp_path: Path, faces: list[NDArray[np.uint8]]):
    opened = Corpus.open(write(tmp_path / "half", faces, stop=5))
    assert len(opened) == 5
    assert not opened.complete
    assert opened.verify() == [Problem("unfinished", "corpus.json")]


def test_an_altered_image_is_not_used(corpus: Path, faces: list[NDArray[np.uint8]]):
    opened = Corpus.open(corpus)
    shutil.copy(corpus / "images/000/000001.png", corpus / "images/000/000002.png")
    (corpus / "images/000/000003.png").write_bytes(b"<html>")
    with pytest.raises(ImageError, match=r"000002\.png: was altered since the manifest was written"):
        list(opened.images())
    failures: list[ImageFailure] = []
    rows = [row for rows, _ in opened.images(batch=4, on_failure=failures.append) for row in rows]
    assert len(rows) == 10
    assert [Path(f.path).name for f in failures] == ["000002.png", "000003.png"]


def test_what_is_no_corpus_is_named(tmp_path: Path):
    with pytest.raises(CorpusError, match="does not exist"):
        Corpus.open(tmp_path / "gone")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CorpusError, match="is not a folder"):
        Corpus.open(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="holds no images"):
        Corpus.open(tmp_path / "empty")
    (tmp_path / "half").mkdir()
    (tmp_path / "half/manifest.jsonl").touch()
    with pytest.raises(CorpusError, match=r"manifest\.jsonl but no corpus\.json"):
        Corpus.open(tmp_path / "half")
