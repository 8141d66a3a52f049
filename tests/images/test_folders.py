"""Which files of a folder are images, in what order, and what of loops."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from forensics.images import ImageFailure, decode_many, find_images
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


def test_every_file_is_an_image_or_named_as_passed_over(tree: Path):
    heif = b"\0\0\0\x18ftyp%smif1" + bytes(99)
    unread = {"holiday.HEIC": heif % b"heic", "sub/x.avif": heif % b"avif", "sub/no-suffix": heif % b"heix"}
    unread |= {"raw.cr3": b"\0\0\0\x18ftypcrx " + bytes(99)}
    unread |= {"z/film.mp4": b"\0\0\0\x18ftypisom" + bytes(99)}
    for name, data in unread.items():
        (tree / name).write_bytes(data)
    found = find_images([tree])
    candidates = {p.relative_to(tree).as_posix() for p in found.paths}
    assert {"holiday.HEIC", "sub/x.avif", "sub/no-suffix"} < candidates
    assert [failure.message for failure in found.passed_over] == [
        f"{tree / name}: passed over, it is no image" for name in ("BMW.txt", "README.md", "z/film.mp4")
    ]
    every = {p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file()}
    passed_over = {Path(failure.path).relative_to(tree).as_posix() for failure in found.passed_over}
    assert candidates | passed_over == every
    messages = [item.message for item in decode_many(found.paths) if isinstance(item, ImageFailure)]
    assert len(messages) == 4
    assert sum("is a damaged or truncated" in message for message in messages) == 3
    assert sum("is not a JPEG" in message for message in messages) == 1


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
