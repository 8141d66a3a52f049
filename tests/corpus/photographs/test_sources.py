"""Zip archives, corpora, torchvision's data sets, and classes from folders."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import CorpusError, ForensicsError
from forensics.corpus import CorpusWriter
from forensics.corpus.photographs.loading import load_images, shorter_side
from forensics.corpus.photographs.sources import open_sources
from forensics.generators.training.run import Request, run_training
from forensics.images import decode, encode_jpeg


def zipped(photographs: Path, path: Path, folders: int = 1, labels: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for k, file in enumerate(sorted(photographs.iterdir())):
            archive.write(file, f"class{k % folders}/{file.name}" if folders > 1 else file.name)
        if labels is not None:
            archive.writestr("dataset.json", json.dumps({"labels": [[k, v] for k, v in labels.items()]}))
        archive.writestr("readme.txt", "not an image")
    return path


def test_a_zip_is_the_folder_it_was_made_of(photographs: Path, tmp_path: Path) -> None:
    assert (
        load_images([zipped(photographs, tmp_path / "a.zip")], 16).sha256
        == load_images([photographs], 16).sha256
    )


def test_bad_members_are_rejected_one_by_one(photographs: Path, tmp_path: Path) -> None:
    path = zipped(photographs, tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("page.png", "<html>")
    images = load_images([path], 16)
    assert len(images) == 20
    assert [Path(p).name for p, _ in images.rejected] == ["a.zip:page.png"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no archive"])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ForensicsError, match="damaged zip archive"):
        load_images([tmp_path / "a.zip"], 16)


def test_classes_from_folders_and_from_dataset_json(photographs: Path, tmp_path: Path) -> None:
    images = load_images([zipped(photographs, tmp_path / "a.zip", folders=3)], 16, with_classes=True)
    assert images.classes == ("class0", "class1", "class2")
    assert np.bincount(images.labels).tolist() == [7, 7, 6]
    names = sorted(p.name for p in photographs.iterdir())
    labels = {name: k % 2 for k, name in enumerate(names)}
    images = load_images([zipped(photographs, tmp_path / "b.zip", labels=labels)], 16, with_classes=True)
    assert images.labels.tolist() == [k % 2 for k in range(20)]
    plain = load_images([tmp_path / "b.zip"], 16)
    assert plain.sha256 != images.sha256  # other classes, another training set
    assert not len(plain.labels)


def test_one_class_is_none(photographs: Path) -> None:
    with pytest.raises(ForensicsError, match="folder of its own"):
        load_images([photographs], 16, with_classes=True)


def test_a_conditional_run(photographs: Path, tmp_path: Path) -> None:
    from forensics.generators.base import load_generator

    path = zipped(photographs, tmp_path / "a.zip", folders=3)
    cache = {"kimg": 0.02, "snap_kimg": 0.01, "conditional": True, "device": "cpu"}
    summary = run_training(tmp_path / "run", Request([path], "tiny-16", {}, **cache))
    again = run_training(tmp_path / "run", Request([path], "tiny-16", {}, **{**cache, "kimg": 0.03}))
    assert (summary.images.classes, again.kimg) == (("class0", "class1", "class2"), 0.032)
    generator = load_generator(again.network, "cpu")
    assert generator.c_dim == 3


def test_an_unfinished_corpus_is_refused(images: object, tmp_path: Path) -> None:
    with CorpusWriter(tmp_path / "corpus", {"test": 1}):
        pass
    with pytest.raises(CorpusError, match="not finished"):
        load_images([tmp_path / "corpus"], 16)


def test_mnist_by_name(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    digits = np.zeros((12, 28, 28), np.uint8)
    for k in range(12):
        digits[k, 4:24, 6 + k : 10 + k] = 255
    for part, n in (("train", 12), ("t10k", 12)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 2051, n, 28, 28) + digits.tobytes()
        )
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 2049, n) + bytes(k % 10 for k in range(n))
        )
    images = load_images([f"mnist:{tmp_path}"], 16, with_classes=True)
    assert images.pixels.shape == (12, 16, 16, 3)
    assert images.labels.tolist() == [*range(10), 0, 1]
    assert (images.pixels[..., 0] == images.pixels[..., 2]).all()


def test_celeba_by_name(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its layout with a few photographs in it; torchvision's check of the real files' hashes cannot pass."""
    from torchvision.datasets import CelebA

    base = tmp_path / "celeba"
    (base / "img_align_celeba").mkdir(parents=True)
    names = [f"{k:06d}.jpg" for k in range(1, 5)]
    for name, file in zip(names, sorted(photographs.iterdir()), strict=False):
        (base / "img_align_celeba" / name).write_bytes(encode_jpeg(decode(file).pixels, 95))
    (base / "list_eval_partition.txt").write_text("".join(f"{n} {k % 3}\n" for k, n in enumerate(names)))
    for file, width in (
        ("list_bbox_celeba.txt", 4),
        ("list_landmarks_align_celeba.txt", 10),
        ("list_attr_celeba.txt", 40),
    ):
        rows = "".join(f"{n} {' '.join(['1'] * width)}\n" for n in names)
        (base / file).write_text(f"4\n{' '.join(f'c{i}' for i in range(width))}\n{rows}")
    (base / "identity_CelebA.txt").write_text("".join(f"{n} {k}\n" for k, n in enumerate(names)))
    with pytest.raises(ForensicsError, match="no whole CelebA"):
        load_images([f"celeba:{tmp_path}"], 16)
    monkeypatch.setattr(CelebA, "_check_integrity", lambda _self: True)
    assert load_images([f"celeba:{tmp_path}"], 16, framing="shorter-side").pixels.shape == (4, 16, 16, 3)


def test_framing_of_the_weight_study_is_torchvisions() -> None:
    from PIL import Image
    from skimage.data import astronaut
    from torchvision.transforms import CenterCrop, Compose, Resize

    picture = astronaut()[:218, 100:278]
    expected = np.asarray(Compose([Resize(128), CenterCrop(128)])(Image.fromarray(picture)))
    assert np.array_equal(shorter_side(picture, 128), expected)
    wide = astronaut()[:150, :401]
    expected = np.asarray(Compose([Resize(128), CenterCrop(128)])(Image.fromarray(wide)))
    assert np.array_equal(shorter_side(wide, 128), expected)


def test_a_list_leaves_out_the_files_whose_paths_end_in_its_lines(photographs: Path, tmp_path: Path) -> None:
    files = sorted(photographs.iterdir())
    listing = tmp_path / "leave-out.txt"
    listing.write_text(
        f"# {files[5].name} stays\n\n{photographs.name}/{files[2].name}\n{files[0].name}  # a hat\n"
    )
    images = load_images([photographs], 16, leave_out=listing)
    everything = load_images([photographs], 16)
    np.testing.assert_array_equal(images.pixels, np.delete(everything.pixels, [0, 2], axis=0))
    cache = tmp_path / "cache.npz"
    assert len(load_images([photographs], 16, cache)) == 20
    assert len(load_images([photographs], 16, cache, leave_out=listing)) == 18


def test_members_of_an_archive_are_left_out_by_the_ends_of_their_paths(
    photographs: Path, tmp_path: Path
) -> None:
    files, archive = sorted(photographs.glob("*.png"))[:5], tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in files:
            stream.write(path, f"real/{path.name}")
    listing, cache = tmp_path / "leave-out.txt", tmp_path / "cache.npz"
    everything = load_images([archive], 16)
    for left_out, lines in (([1, 3], "real/{1}\n{3}\n"), ([0, 2], "faces.zip/real/{0}\n{2}\n")):
        listing.write_text(lines.format(*(path.name for path in files)))
        # The same archive and as many images each time: the cache of one list is not that of the other.
        images = load_images([archive], 16, cache, leave_out=listing)
        np.testing.assert_array_equal(images.pixels, np.delete(everything.pixels, left_out, axis=0))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"elsewhere/0000.png\n", "1 of its 1 lines name no file to train on"),
        (b"\xff\xfe", "not a readable list"),
        (None, "no such file"),
    ],
)
def test_a_list_of_other_data_is_refused(
    photographs: Path, tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    listing = tmp_path / "leave-out.txt"
    if content is not None:
        listing.write_bytes(content)
    with pytest.raises(ForensicsError, match=complaint):
        load_images([photographs], 16, leave_out=listing)


def test_the_repository_s_list_is_of_the_photographs_it_names(shared: Path) -> None:
    data = shared / "data"
    listing = Path(__file__).parents[3] / "forensics/generators/training/presets/own-leave-out.txt"
    sources = open_sources(
        [data / "faces256/train/real", data / "faces256/val/real", data / "wild128"], listing
    )
    assert [len(source.classes) for source in sources] == [136, 49, 190]
