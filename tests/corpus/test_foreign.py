"""Trees of class folders open as corpora: labels from folder names, hashes of the first opening."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forensics import Corpus
from forensics.core.errors import CorpusError, ImageError
from forensics.core.files import sha256_file
from forensics.corpus import Problem
from forensics.corpus.foreign import label_of, memory_of
from forensics.images import ImageFailure, encode_jpeg, find_images
from tests.corpus.made import contents


@pytest.mark.parametrize(
    ("folders", "label"),
    [
        (("real",), 0),
        (("0_real",), 0),
        (("train", "Real"), 0),
        (("authentic", "00012"), 0),
        (("nature",), 0),
        (("originals1024", "real"), 0),
        (("fake_stylegan2",), 1),
        (("1_fake",), 1),
        (("fake", "real"), 0),
        (("real", "fakes"), 1),
        (("real-vs-fake", "train"), None),
        (("realistic_vision",), None),
        (("real_esrgan",), None),
        (("stylegan2",), None),
        ((), None),
    ],
)
def test_labels_from_folder_names(folders: tuple[str, ...], label: int | None):
    assert label_of(folders) == label


@pytest.fixture
def tree(tmp_path: Path, faces: list[NDArray[np.uint8]]) -> Path:
    top = tmp_path / "tree"
    for i, folder in enumerate(
        ["train/real/00000", "train/fake_a", "val/real", "val/stylegan2", "val/stylegan2"]
    ):
        (top / folder).mkdir(parents=True, exist_ok=True)
        (top / folder / f"{i}.jpg").write_bytes(encode_jpeg(faces[i], 95))
    (top / "train/notes.txt").write_text("not an image")
    return top


def test_a_folder_whose_name_says_nothing_is_named(tree: Path, capsys: pytest.CaptureFixture[str]):
    Corpus.open(tree)
    said = capsys.readouterr().err
    assert f"{tree}: counted as synthetic: val/stylegan2 (photographs" in said
    (tree / "manifest.csv").write_text("path,label\nval/stylegan2/3.jpg,1\nval/stylegan2/4.jpg,1\n")
    Corpus.open(tree)
    assert "counted as" not in capsys.readouterr().err


def test_the_list_labels_a_folder_whose_name_says_nothing(tree: Path):
    (tree / "manifest.csv").write_text("path,label\nval/stylegan2/3.jpg,0\nval/stylegan2/4.jpg,0\n")
    assert Corpus.open(tree).labels.tolist() == [1, 0, 0, 0, 0]
    (tree / "manifest.csv").write_text("path,label\nval/real/2.jpg,1\n")
    with pytest.raises(CorpusError, match="is listed as synthetic, its folder says authentic"):
        Corpus.open(tree)


def test_a_tree_opens_as_a_corpus_and_nothing_is_written_into_it(tree: Path):
    before = contents(tree)
    opened = Corpus.open(tree)
    assert opened.is_foreign
    assert [row.file for row in opened.manifest] == [
        "train/fake_a/1.jpg",
        "train/real/00000/0.jpg",
        "val/real/2.jpg",
        "val/stylegan2/3.jpg",
        "val/stylegan2/4.jpg",
    ]
    assert opened.labels.tolist() == [1, 0, 0, 1, 1]
    assert opened.sources == ["train/fake_a", "train/real", "val/real", "val/stylegan2", "val/stylegan2"]
    assert [row.sha256 for row in opened.manifest] == [sha256_file(p) for p in opened.paths]
    assert sum(len(images) for _, images in opened.images(batch=2)) == 5
    assert opened.verify() == []
    assert contents(tree) == before


def test_the_trees_own_name_labels_only_what_lies_directly_in_it(shared: Path, tree: Path):
    opened = Corpus.open(shared / "data/originals1024")
    assert {(s, int(n)) for s, n in zip(opened.sources, opened.labels, strict=True)} == {
        ("real", 0),
        ("stylegan2", 1),
    }
    assert Corpus.open(tree / "train/real").labels.tolist() == [0]


def test_the_shared_faces_open_as_their_manifest_labels_them(shared: Path):
    opened = Corpus.open(shared / "data/faces256/val")
    listed = {}
    for line in (shared / "data/faces256/manifest.csv").read_text().splitlines()[1:]:
        path, _, label, *_, sha256 = line.split(",")
        listed[path.removeprefix("faces256/val/")] = (int(label), sha256)
    assert len(opened) == 175
    assert [(row.label, row.sha256) for row in opened.manifest] == [listed[r.file] for r in opened.manifest]
    assert set(opened.sources) == {"real", "stylegan2", "stylegan3"}


def test_hashes_are_those_of_the_first_opening(tree: Path, faces: list[NDArray[np.uint8]]):
    first = Corpus.open(tree)
    (tree / "val/real/2.jpg").write_bytes(encode_jpeg(faces[6], 95))
    (tree / "train/fake_a/1.jpg").unlink()
    (tree / "val/real/9.jpg").write_bytes(encode_jpeg(faces[7], 95))
    again = Corpus.open(tree)
    assert len(again) == 5
    assert again.verify() == [Problem("missing", "train/fake_a/1.jpg"), Problem("altered", "val/real/2.jpg")]
    assert first.verify()[-1] == Problem("altered", "val/real/2.jpg")
    with pytest.raises(
        ImageError, match=r"2\.jpg: was altered since it was first opened; delete .*\.json to accept it"
    ):
        list(again.images())
    memory_of(tree).unlink()
    assert Corpus.open(tree).verify() == []


@pytest.mark.parametrize("memory", [b"", b"[]", b"{}", b'{"files": {"a": 3}}', b"[" * 100_000])
def test_a_damaged_memory_of_hashes_is_taken_anew(tree: Path, memory: bytes):
    expected = Corpus.open(tree).manifest
    memory_of(tree).write_bytes(memory)
    assert Corpus.open(tree).manifest == expected


def test_a_cache_that_cannot_be_written_costs_nothing(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "blocked").write_text("a file where the cache would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "blocked"))
    assert Corpus.open(tree).verify() == []


def test_one_class_folder_opens_by_its_own_name(tree: Path):
    assert Corpus.open(tree / "val/real").labels.tolist() == [0]
    assert Corpus.open(tree / "train/fake_a").labels.tolist() == [1]
    with pytest.raises(CorpusError, match=r"3\.jpg lies in no class folder; put photographs in real/"):
        Corpus.open(tree / "val/stylegan2")


def test_bad_files_in_a_tree_are_failures_not_the_end(tree: Path):
    (tree / "val/real/empty.jpg").touch()
    (tree / "val/real/page.jpg").write_bytes(b"<html>")
    (tree / "val/up").symlink_to(tree)
    (tree / "val/real/caf\udce9\n.jpg").write_bytes((tree / "val/real/2.jpg").read_bytes())
    for _ in range(2):  # the second time from memory
        opened = Corpus.open(tree)
        assert len(opened) == 7
        assert sorted(Path(f.path).name for f in opened.failures) == ["empty.jpg", "up"]
    failures: list[ImageFailure] = []
    assert sum(len(images) for _, images in opened.images(on_failure=failures.append)) == 6
    assert [Path(f.path).name for f in failures] == ["page.jpg"]
    assert all(p in opened.paths for p in find_images([tree / "val/stylegan2"]).paths)
