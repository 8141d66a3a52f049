"""Which files of a folder are images, in what order, and what of loops."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from forensics.images import find_images
from tests.images.encoded import encoded


@pytest.fixture
def tree(tmp_path: Path, photograph: Image.Image) -> Path:
    data = encoded(photograph, "PNG")
    for file in ("b.png", "a.JPG", "sub/c.png", "sub/thumbs/d.png", "no-suffix", "z/e.webp"):
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).write_bytes(data)
    (tmp_path / "README.md").write_text("about these photographs")
    (tmp_path / "BMW.txt").write_text("BM is also how a bitmap begins")
    return tmp_path


def names(tree: Path, **globs: list[str]) -> list[str]:
    return [p.relative_to(tree).as_posix() for p in find_images([tree], **globs).paths]


def test_folders_are_recursive_and_sorted_and_files_stay_as_named(tree: Path):
    assert names(tree) == ["a.JPG", "b.png", "no-suffix", "sub/c.png", "sub/thumbs/d.png", "z/e.webp"]
    found = find_images([tree / "z", tree / "README.md", tree / "gone.png", tree / "b.png"])
    assert found.paths == [tree / "z/e.webp", tree / "README.md", tree / "gone.png", tree / "b.png"]
    assert found.failures == []


def test_include_and_exclude(tree: Path):
    assert names(tree, include=["*.png"], exclude=["*/thumbs/*"]) == ["b.png", "sub/c.png"]
    assert names(tree, include=["sub/*"], exclude=["d.*"]) == ["sub/c.png"]


def test_loops_are_named_once_and_not_entered(tree: Path):
    plain = names(tree)
    (tree / "sub/up").symlink_to(tree)
    (tree / "sub/self").symlink_to("self")
    (tree / "z/other").symlink_to(tree / "sub/thumbs")
    found = find_images([tree])
    assert [p.relative_to(tree).as_posix() for p in found.paths] == plain
    assert [f.path for f in found.failures] == [str(tree / "sub/up")]
    assert "own parents" in found.failures[0].message
