"""The corpus format: what is written comes back, a kill costs a chunk, damage is found, manifests are not trusted."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from forensics import Corpus
from forensics.corpus import CorpusWriter, Problem, Row, writing
from forensics.corpus.foreign import label_of, memory_of
from forensics.corpus.manifest import ROW_KEYS, check_row, dump_row
from forensics.errors import CorpusError, ImageError
from forensics.files import sha256_bytes, sha256_file
from forensics.images import ImageFailure, decode, encode_jpeg, find_images, resize

quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def faces(shared: Path) -> list[NDArray[np.uint8]]:
    """Twelve photographed faces at 32 px."""
    return [
        resize(decode(p).pixels, (32, 32)) for p in sorted((shared / "data/faces256/val/real").iterdir())[:12]
    ]


def chunk_of(faces: list[NDArray[np.uint8]], indices: range) -> tuple[list[NDArray[np.uint8]], list[Row]]:
    images = [np.roll(faces[i % len(faces)], i, axis=1) for i in indices]
    rows = [
        {
            "label": i % 2,
            "source": "ffhq" if i % 2 == 0 else "default",
            "generator": sha256_bytes(b"weights") if i % 2 else None,
            "recipe": "synthesis" if i % 2 else None,
            "params": {"seed": 7, "index": i, "psi": 0.7},
            "parent": None,
        }
        for i in indices
    ]
    return images, rows


def latents_of(indices: range) -> dict[str, NDArray[np.float32]]:
    z = np.stack([np.random.default_rng([7, i]).standard_normal(16) for i in indices]).astype(np.float32)
    return {"z": z, "ws": np.repeat(z[:, None], 3, axis=1)}


def write(
    path: Path, faces: list[NDArray[np.uint8]], n: int = 12, chunk: int = 5, stop: int | None = None
) -> Path:
    """A corpus of `n` images; with `stop` the work ends, unfinished, at the first chunk that begins there or later."""
    with CorpusWriter(path, {"recipe": "synthesis", "n": n, "seed": 7}, chunk) as writer:
        for indices in writer.chunks(n):
            if stop is not None and indices.start >= stop:
                return path
            writer.add(*chunk_of(faces, indices), latents_of(indices))
        if stop is None:
            writer.finish()
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture
def corpus(tmp_path: Path, faces: list[NDArray[np.uint8]]) -> Path:
    return write(tmp_path / "corpus", faces)


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
        assert {k: row[k] for k in expected} == expected
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
    assert summary["format_version"] == 1
    assert json.loads(lines[3])["sha256"] == sha256_bytes(files["images/000/000003.png"])


def test_images_are_sharded_by_thousands(tmp_path: Path, faces: list[NDArray[np.uint8]]):
    with CorpusWriter(tmp_path / "big", {"n": 1004}, chunk=502) as writer:
        for indices in writer.chunks(1004):
            rows = [{"label": 1, "source": "default", "params": {"index": i}} for i in indices]
            writer.add([faces[0]] * len(indices), rows)
        writer.finish()
    assert Corpus.open(tmp_path / "big").manifest[1003]["file"] == "images/001/001003.png"
    assert len(list((tmp_path / "big/images/000").iterdir())) == 1000


def test_batches_and_picked_rows(corpus: Path):
    opened = Corpus.open(corpus)
    assert [len(rows) for rows, _ in opened.images(batch=5)] == [5, 5, 2]
    picked = [row["params"]["index"] for rows, _ in opened.images(batch=2, indices=[9, 0, 4]) for row in rows]
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


# --- resuming -------------------------------------------------------------------------------------------------------


@quick
@given(n=st.integers(1, 12), chunk=st.integers(1, 7), stop=st.integers(0, 12))
def test_any_interruption_between_chunks_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, faces: list[NDArray[np.uint8]], n: int, chunk: int, stop: int
):
    folder = tmp_path_factory.mktemp("resume")
    write(folder / "once", faces, n, chunk)
    write(folder / "twice", faces, n, chunk, stop=stop)
    write(folder / "twice", faces, n, chunk)
    assert contents(folder / "once") == contents(folder / "twice")


@quick
@given(data=st.data())
def test_a_manifest_cut_at_any_byte_resumes_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, faces: list[NDArray[np.uint8]], data: st.DataObject
):
    folder = tmp_path_factory.mktemp("cut")
    whole = contents(write(folder / "corpus", faces))
    write(folder / "torn", faces, stop=12)
    manifest = folder / "torn/manifest.jsonl"
    assert manifest.read_bytes() == whole["manifest.jsonl"]
    at = data.draw(st.integers(0, len(whole["manifest.jsonl"])))
    os.truncate(manifest, at)
    lines = whole["manifest.jsonl"][:at].count(b"\n")
    assert len(Corpus.open(folder / "torn")) == lines
    with CorpusWriter(folder / "torn", {"recipe": "synthesis", "n": 12, "seed": 7}, 5) as writer:
        assert writer.next_index == lines - lines % 5
    write(folder / "torn", faces)
    assert contents(folder / "torn") == whole


def test_torn_files_of_an_unlisted_chunk_are_redone(tmp_path: Path, faces: list[NDArray[np.uint8]]):
    whole = contents(write(tmp_path / "whole", faces))
    torn = write(tmp_path / "torn", faces, stop=5)
    (torn / "images/000/000005.png").write_bytes(b"\x89PNG half of")
    (torn / "images/000/000011.png").write_bytes(b"")
    (torn / "latents/000005.safetensors").write_bytes(b"half")
    (torn / ".corpus.json.x1.part").write_bytes(b"{")
    assert contents(write(torn, faces)) == whole


def test_a_kill_before_corpus_json_leaves_a_folder_that_can_be_begun(
    tmp_path: Path, faces: list[NDArray[np.uint8]]
):
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / ".corpus.json.abc.part").write_bytes(b'{"format"')
    assert contents(write(folder, faces)) == contents(write(tmp_path / "whole", faces))


# Writes a corpus of photographs until it is killed or done.
KILLABLE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.test_corpus import write
from forensics.images import decode, resize
photographs = sorted(Path(sys.argv[2]).iterdir())[:12]
write(Path(sys.argv[1]), [resize(decode(p).pixels, (32, 32)) for p in photographs], n=200, chunk=8)
"""


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def test_killed_at_random_instants_and_resumed_it_is_the_same_bytes(
    tmp_path: Path, shared: Path, faces: list[NDArray[np.uint8]]
):
    whole = contents(write(tmp_path / "whole", faces, n=200, chunk=8))
    folder, root = tmp_path / "killed", str(Path(__file__).parents[1])
    command = [sys.executable, "-c", KILLABLE, folder, shared / "data/faces256/val/real", root]
    chance = random.Random(0)
    kills = reached = 0
    for round in range(8):
        before = size_of(folder / "manifest.jsonl")
        child = subprocess.Popen(command)
        # Once a chunk (in the first round: the empty manifest) is in, any instant of the next ones may be the last.
        while child.poll() is None and size_of(folder / "manifest.jsonl") <= before:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.06))
        child.send_signal(signal.SIGKILL)
        kills += child.wait() == -signal.SIGKILL
        listed = Corpus.open(folder)
        assert [p for p in listed.verify() if p.kind in ("missing", "altered")] == []
        assert len(listed) >= reached - reached % 8
        assert len(listed) > 0 or round == 0
        reached = len(listed)
    assert kills >= 3
    assert contents(write(folder, faces, n=200, chunk=8)) == whole


class Stopped(BaseException):
    """Raised at a chosen line, as a kill would end the work there."""


def stop_at_line(number: int) -> Callable[..., Any]:
    """A trace function that raises at the `number`-th line run in the writer; `lines_run` counts them."""

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename != writing.__file__ or frame.f_code.co_name in ("close", "__exit__"):
            return None
        if event == "line":
            lines_run[0] += 1
            if lines_run[0] == number:
                raise Stopped
        return trace

    return trace


lines_run = [0]


def write_until(path: Path, faces: list[NDArray[np.uint8]], line: int) -> bool:
    """Write a corpus of 3 in chunks of 2, stopped at a line of the writer; whether it was stopped."""
    lines_run[0] = 0
    before = sys.gettrace()
    sys.settrace(stop_at_line(line))
    try:
        write(path, faces, n=3, chunk=2)
    except Stopped:
        return True
    finally:
        sys.settrace(before)
    return False


def test_stopped_at_any_line_of_the_writer_nothing_listed_is_missing(
    tmp_path: Path, faces: list[NDArray[np.uint8]]
):
    assert not write_until(tmp_path / "whole", faces, -1)
    whole = contents(tmp_path / "whole")
    n_lines = lines_run[0]
    assert n_lines > 150
    for line in range(1, n_lines, 3):
        folder = tmp_path / str(line)
        assert write_until(folder, faces, line)
        if (folder / "manifest.jsonl").exists():
            assert {p.kind for p in Corpus.open(folder).verify()} <= {"unfinished", "unlisted"}, line
        assert contents(write(folder, faces, n=3, chunk=2)) == whole, line


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
    row = {"label": 1, "source": "default", "params": {}}
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
            (row | {"label": 2}, "label 2"),
            (row | {"label": True}, "label True"),
            (row | {"seed": 1}, "unknown keys 'seed'"),
            (row | {"file": "x.png"}, "file or sha256"),
            (row | {"params": {"z": float("nan")}}, "JSON compliant"),
            (row | {"params": {"z": object()}}, "not JSON serializable"),
            ({"label": 1, "params": {}}, "no source"),
        ):
            with pytest.raises(CorpusError, match=named):
                writer.add(faces[:1], [wrong])
        assert writer.next_index == 0
        writer.add(faces[:1], [row])
        with pytest.raises(CorpusError, match="is finished"):
            writer.add(faces[:1], [row])


# --- verifying ------------------------------------------------------------------------------------------------------


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


# --- manifests are not trusted --------------------------------------------------------------------------------------

GOOD_ROW: Row = {
    "file": "images/000/000000.png",
    "sha256": "0" * 64,
    "label": 0,
    "source": "ffhq",
    "generator": None,
    "recipe": None,
    "params": {},
    "parent": None,
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    params=st.dictionaries(st.text(), json_values, max_size=4),
    source=st.text(),
    recipe=st.none() | st.text(),
    parent=st.none() | st.text(),
    label=st.integers(0, 1),
)
def test_any_row_survives_the_manifest(
    params: dict[str, Any], source: str, recipe: Any, parent: Any, label: int
):
    row = GOOD_ROW | {"params": params, "source": source, "recipe": recipe, "parent": parent, "label": label}
    line = dump_row(row)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    assert check_row(json.loads(line)) == row


def with_manifest(corpus: Path, number: int, line: bytes) -> None:
    """Replace line `number` of the manifest."""
    lines = (corpus / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    lines[number - 1] = line
    (corpus / "manifest.jsonl").write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{not json}\n", "line 3 is not JSON"),
        (b"\n", "line 3 is not JSON"),
        (b"[]\n", "line 3 is not an object"),
        (b"\xff\xfe{}\n", "line 3 is not UTF-8"),
        (b'{"label": NaN}\n', "line 3 holds NaN"),
        (b"[" * 100_000 + b"\n", "line 3 is nested too deeply"),
        (b" " * (1 << 20) + b"\n", "line 3 is longer than 1,048,576 bytes"),
        (b'{"file": "x"}\n', "line 3 has no sha256, label"),
    ],
    ids=lambda v: v[:20] if isinstance(v, bytes) else "",
)
def test_a_damaged_line_is_named(corpus: Path, line: bytes, said: str):
    with_manifest(corpus, 3, line)
    for attempt in (lambda: Corpus.open(corpus), lambda: CorpusWriter(corpus, Corpus.open(corpus).how, 5)):
        with pytest.raises(CorpusError, match=r"manifest\.jsonl: " + said) as caught:
            attempt()
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "file",
    [
        "../secret.png",
        "/etc/passwd",
        "images/../../x.png",
        "images//x.png",
        "./x.png",
        "",
        "a\0b",
        "C:\\x",
        "c:x",
        "..",
        7,
    ],
)
def test_a_row_that_leads_out_of_the_folder_is_refused(corpus: Path, file: object):
    with_manifest(corpus, 2, json.dumps(GOOD_ROW | {"file": file}).encode() + b"\n")
    with pytest.raises(CorpusError, match="line 2 has "):
        Corpus.open(corpus)


def test_a_link_out_of_the_folder_is_refused(corpus: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    shutil.move(corpus / "images/000", outside)
    (corpus / "images/000").symlink_to(outside)
    with pytest.raises(CorpusError, match="line 1 has a file that a link leads out of the corpus"):
        Corpus.open(corpus)
    (corpus / "images/000").unlink()
    shutil.copytree(outside, corpus / "images/000")
    assert Corpus.open(corpus).verify() == []
    (corpus / "images/000/000004.png").unlink()
    (corpus / "images/000/000004.png").symlink_to(outside / "000004.png")
    with pytest.raises(CorpusError, match="line 5 has a file that a link"):
        Corpus.open(corpus)


def test_a_file_listed_twice_and_a_missing_row_are_refused(corpus: Path):
    lines = (corpus / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    with_manifest(corpus, 2, lines[0])
    with pytest.raises(CorpusError, match=r"line 2 lists images/000/000000\.png again"):
        Corpus.open(corpus)
    (corpus / "manifest.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(CorpusError, match=r"has 11 whole rows, corpus\.json says 12"):
        Corpus.open(corpus)


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (b"", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "was not written by this toolkit"),
        (b'{"format": "other"}', "was not written by this toolkit"),
        (
            b'{"format": "forensics-corpus", "format_version": 2}',
            "has format version 2; this toolkit reads 1",
        ),
        (b'{"format": "forensics-corpus", "format_version": 1, "how": 3}', "lacks how, chunk"),
    ],
)
def test_a_damaged_corpus_json_is_named(corpus: Path, summary: bytes, said: str):
    (corpus / "corpus.json").write_bytes(summary)
    with pytest.raises(CorpusError, match=r"corpus\.json: " + said):
        Corpus.open(corpus)


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


# --- foreign trees --------------------------------------------------------------------------------------------------


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


def test_a_tree_opens_as_a_corpus_and_nothing_is_written_into_it(tree: Path):
    before = contents(tree)
    opened = Corpus.open(tree)
    assert opened.is_foreign
    assert [row["file"] for row in opened.manifest] == [
        "train/fake_a/1.jpg",
        "train/real/00000/0.jpg",
        "val/real/2.jpg",
        "val/stylegan2/3.jpg",
        "val/stylegan2/4.jpg",
    ]
    assert opened.labels.tolist() == [1, 0, 0, 1, 1]
    assert opened.sources == ["train/fake_a", "train/real", "val/real", "val/stylegan2", "val/stylegan2"]
    assert [row["sha256"] for row in opened.manifest] == [sha256_file(p) for p in opened.paths]
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
    assert [(row["label"], row["sha256"]) for row in opened.manifest] == [
        listed[r["file"]] for r in opened.manifest
    ]
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
