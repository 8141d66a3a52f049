"""A kill at any instant costs a chunk at most, and the resumed corpus is the same bytes."""

from __future__ import annotations

import os
import random
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
from forensics.corpus import CorpusWriter, writing
from tests.corpus.made import contents, write

quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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
from tests.corpus.made import write
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
    folder, root = tmp_path / "killed", str(Path(__file__).parents[2])
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
