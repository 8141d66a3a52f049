"""The layout on disk, and what a writer refuses."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forensics import Corpus
from forensics.core.errors import CorpusError, ImageError
from forensics.core.files import sha256_bytes
from forensics.corpus import CorpusWriter, Row
from forensics.corpus.rows import ROW_KEYS
from tests.corpus.made import chunk_of, contents


def test_the_layout_is_the_documented_one(corpus: Path):
    files = contents(corpus)
    assert set(files) == {
        "corpus.json",
        "manifest.jsonl",
        *(f"images/000/{i:06d}.png" for i in range(12)),
        *(f"latents/{i:06d}.safetensors" for i in (0, 5, 10)),
    }
    lines = files["manifest.jsonl"].decode("ascii").splitlines()
    assert [list(json.loads(line)) for line in lines] == [list(ROW_KEYS)] * 12
    summary = json.loads(files["corpus.json"])
    assert summary["counts"] == {
        "images": 12,
        "authentic": 6,
        "synthetic": 6,
        "sources": {"default": 6, "ffhq": 6},
    }
    assert summary["format_version"] == 2
    assert json.loads(lines[3])["sha256"] == sha256_bytes(files["images/000/000003.png"])


def test_images_are_sharded_by_thousands(tmp_path: Path, faces: list[NDArray[np.uint8]]):
    with CorpusWriter(tmp_path / "big", {"n": 1004}, chunk=502) as writer:
        for indices in writer.chunks(1004):
            rows = [Row(label=1, source="default", params={"index": i}) for i in indices]
            writer.add([faces[0]] * len(indices), rows)
        writer.finish()
    assert Corpus.open(tmp_path / "big").manifest[1003].file == "images/001/001003.png"
    assert len(list((tmp_path / "big/images/000").iterdir())) == 1000


def test_finishing_again_changes_nothing(corpus: Path, faces: list[NDArray[np.uint8]]):
    before = contents(corpus)
    with CorpusWriter(corpus, {"recipe": "synthesis", "n": 12, "seed": 7}, 5) as writer:
        assert writer.complete
        assert writer.next_index == 12
        assert list(writer.chunks(12)) == []
        with pytest.raises(CorpusError, match="is finished"):
            writer.add(*chunk_of(faces, range(5)))
        writer.finish()
    assert contents(corpus) == before


@pytest.mark.parametrize(
    ("how", "chunk", "named"),
    [
        ({"recipe": "synthesis", "n": 12, "seed": 8}, 5, "seed: 7, not 8"),
        ({"recipe": "synthesis", "n": 12, "seed": 7, "psi": 1.0}, 5, "psi: None, not 1.0"),
        ({"recipe": "synthesis", "n": 12, "seed": 7}, 6, "chunk: 5, not 6"),
    ],
)
def test_other_options_are_an_error_that_names_them(
    corpus: Path, how: dict[str, Any], chunk: int, named: str
):
    before = contents(corpus)
    with pytest.raises(CorpusError, match=named):
        CorpusWriter(corpus, how, chunk)
    assert contents(corpus) == before


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("do not overwrite")
    with pytest.raises(CorpusError, match=r"is not empty \(it holds thesis\.tex\)"):
        CorpusWriter(tmp_path, {})
    with pytest.raises(CorpusError, match="cannot be written"):
        CorpusWriter(tmp_path / "thesis.tex" / "below", {})
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_second_writer_is_refused(tmp_path: Path):
    with CorpusWriter(tmp_path / "c", {}), pytest.raises(CorpusError, match="another process is writing"):
        CorpusWriter(tmp_path / "c", {})
    CorpusWriter(tmp_path / "c", {}).close()


def test_chunks_and_rows_are_checked(tmp_path: Path, faces: list[NDArray[np.uint8]]):
    row = Row(label=1, source="default")
    with CorpusWriter(tmp_path / "c", {}, chunk=2) as writer:
        for images, rows, latents in (
            (faces[:3], [row] * 3, {}),
            ([], [], {}),
            (faces[:2], [row], {}),
            (faces[:2], [row] * 2, {"z": np.zeros((3, 4), np.float32)}),
        ):
            with pytest.raises(CorpusError, match="are no chunk of 2"):
                writer.add(images, rows, latents)
        for wrong, named in (
            (replace(row, label=2), "label 2"),
            (replace(row, label=True), "label True"),
            (replace(row, family="dreamed"), "family 'dreamed'"),
            (replace(row, file="x.png"), "file, sha256 or mask"),
            (replace(row, params={"z": float("nan")}), "JSON compliant"),
            (replace(row, params={"z": object()}), "not JSON serializable"),
        ):
            with pytest.raises(CorpusError, match=named):
                writer.add(faces[:1], [wrong])
        assert writer.next_index == 0
        writer.add(faces[:1], [row])
        with pytest.raises(CorpusError, match="is finished"):
            writer.add(faces[:1], [row])


def test_masks_lie_beside_the_images_and_are_checked(tmp_path: Path, faces: list[NDArray[np.uint8]]):
    mask = np.zeros(faces[0].shape[:2], np.uint8)
    mask[2:5, 3:7] = 255
    row = Row(label=1, source="swapped", family="swapped", parents=("0" * 64,))
    with CorpusWriter(tmp_path / "c", {}, chunk=2) as writer:
        with pytest.raises(CorpusError, match="the mask of image 1"):
            writer.add(faces[:2], [row] * 2, masks=[None, mask[1:]])
        writer.add(faces[:2], [row] * 2, masks=[None, mask])
        writer.finish()
    corpus = Corpus.open(tmp_path / "c")
    assert corpus.verify() == []
    assert corpus.mask(0) is None
    assert np.array_equal(corpus.mask(1), mask)
    (tmp_path / "c" / "masks/000/000001.png").write_bytes(b"altered")
    assert [str(problem) for problem in corpus.verify()] == ["altered: masks/000/000001.png"]
    with pytest.raises(ImageError):
        corpus.mask(1)
