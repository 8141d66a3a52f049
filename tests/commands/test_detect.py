"""`forensics detect` as it is used: streams, exit codes, hostile names, faces that are not there."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from forensics.images import encode_png, resize

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(command_line: Run) -> Run:
    """Run `forensics detect ARGS` in this process; exit code, stdout, stderr."""
    return partial(command_line, "detect")


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """The head of NASA's portrait of Eileen Collins as PNG, 256 px."""
    from skimage.data import astronaut

    return encode_png(resize(np.ascontiguousarray(astronaut()[30:220, 130:320]), (256, 256)))


@pytest.fixture
def folder(tmp_path: Path, portrait: bytes) -> Path:
    """Two good files and three broken ones."""
    place = tmp_path / "evidence"
    (place / "sub").mkdir(parents=True)
    (place / "a.png").write_bytes(portrait)
    (place / "sub" / "b.png").write_bytes(portrait)
    (place / "cut.png").write_bytes(portrait[: len(portrait) // 3])
    (place / "empty.jpg").write_bytes(b"")
    (place / "page.jpg").write_text("<html>not an image</html>")
    return place


def test_json_is_one_object_a_line_and_nothing_else(run: Run, folder: Path, portrait: bytes) -> None:
    code, out, err = run(folder, "--json", "--no-faces")
    found = [json.loads(line) for line in out.splitlines()]
    assert [Path(f["path"]).name for f in found] == ["a.png", "b.png"]
    assert {f["sha256"] for f in found} == {hashlib.sha256(portrait).hexdigest()}
    assert all(f["detectors"] and f["verdict"] in ("synthetic", "authentic", "inconclusive") for f in found)
    assert found[0]["log10_lr"] == found[1]["log10_lr"]
    assert code == 2
    for name in ("cut.png", "empty.jpg", "page.jpg"):
        assert sum(name in line for line in err.splitlines()) == 1


def test_a_line_an_image(run: Run, folder: Path) -> None:
    code, out, err = run(folder / "a.png", "--no-faces")
    (line,) = out.splitlines()
    assert code == 0
    assert line.split()[0] in ("synthetic", "authentic", "inconclusive")
    assert "%" in line
    assert line.split("  (")[0].endswith("a.png")
    assert "higher = more likely synthetic" in err


def test_fail_on(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 needs a flagged image and no unreadable file; without --fail-on a flag changes nothing."""
    from forensics.detectors.contract import Detector

    flagged = "synthetic"
    monkeypatch.setattr(Detector, "verdict", lambda self, log10_lr: flagged)
    assert run(folder / "a.png")[0] == 0
    assert run(folder / "a.png", "--fail-on", "synthetic")[0] == 1
    assert run(folder, "--fail-on", "synthetic")[0] == 2
    assert run(folder / "a.png", "--no-faces", "--fail-on", "synthetic")[0] == 0  # no face, no verdict
    flagged = "inconclusive"
    assert run(folder / "a.png", "--fail-on", "synthetic")[0] == 0


def test_bad_input_is_one_line_and_exit_code_2(run: Run, tmp_path: Path, folder: Path) -> None:
    code, out, err = run(tmp_path / "nowhere.png", "--no-faces")
    assert (code, out) == (2, "")
    assert sum("nowhere.png" in line for line in err.splitlines()) == 1
    (tmp_path / "nothing").mkdir()
    code, out, err = run(tmp_path / "nothing")
    assert (code, out) == (2, "")
    assert err.splitlines() == [f"error: {tmp_path / 'nothing'}: no images there"]
    code, out, err = run(folder / "a.png", "--detector", tmp_path / "nothing")
    assert (code, out) == (2, "")
    assert "holds no detector" in err
    code, out, err = run(folder / "a.png", "--device", "cuda:7")
    assert (code, out) == (2, "")
    assert "cuda:7" in err


def test_no_verdict_where_faces_are_not_looked_for(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forensics.detectors.contract import Detector

    for verdict in ("authentic", "synthetic"):
        monkeypatch.setattr(Detector, "verdict", lambda self, log10_lr, word=verdict: word)
        code, out, err = run(folder / "a.png", folder / "sub", "--json", "--no-faces")
        assert code == 0
        assert err.count("faces are not looked for: there are scores, and no verdicts") == 1
        for line in out.splitlines():
            finding = json.loads(line)
            assert finding["faces"] is None
            assert finding["verdict"] == "inconclusive"
            assert finding["reasons"] == ["faces were not looked for: validated on faces only"]
        assert run(folder / "a.png")[1].startswith(verdict)


def test_pictures_without_a_face_get_no_verdict_without_a_pack(run: Run, tmp_path: Path) -> None:
    from skimage.data import chelsea, coffee

    for name, pixels in (("cat.png", chelsea()), ("cup.png", coffee())):
        (tmp_path / name).write_bytes(encode_png(pixels))
    code, out, _ = run(tmp_path, "--json")
    assert code == 0
    for finding in map(json.loads, out.splitlines()):
        assert finding["verdict"] == "inconclusive"
        assert finding["face_finder"] == "face-finder"
        assert "no face found: validated on faces only" in finding["reasons"]


def test_a_pack_that_is_named_must_be_there(run: Run, folder: Path, tmp_path: Path) -> None:
    code, out, err = run(folder / "a.png", "--pack-root", tmp_path / "no_packs")
    assert (code, out) == (2, "")
    assert "no InsightFace pack in" in err.splitlines()[-1]


def test_faces_are_counted(run: Run, shared: Path) -> None:
    packs = shared / "data" / "insightface"
    image = shared / "data" / "faces256" / "val" / "real" / "0000.png"
    code, out, _ = run(image, "--pack", "scrfd_mbf", "--pack-root", packs)
    assert code == 0
    assert " 1 face " in out


@pytest.mark.parametrize(
    "name", ["two\nlines.png", "<script>alert(1)</script>.png", "\x1b[2J\x1b]0;x\x07.png", "[red].png"]
)
def test_names_are_data(run: Run, tmp_path: Path, portrait: bytes, name: str) -> None:
    safe = name.replace("/", "∕")
    file, page = tmp_path / safe, tmp_path / "report.html"
    file.write_bytes(portrait)
    code, out, err = run(file, "--no-faces", "--report", page)
    assert code == 0
    assert len(out.splitlines()) == 1
    assert "\x1b[2J" not in out + err
    assert "\x07" not in out + err
    code, out, _ = run(file, "--no-faces", "--json")
    assert json.loads(out)["path"] == str(file)
    html = page.read_text("utf-8")
    assert "<script" not in html
    assert "\x1b" not in html


def test_names_that_are_no_text(run: Run, tmp_path: Path, portrait: bytes) -> None:
    file = Path(str(tmp_path / "caf").encode().decode() + "\udce9.png")
    try:
        file.write_bytes(portrait)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    code, out, _ = run(file, "--no-faces", "--json", "--report", tmp_path / "report.html")
    assert code == 0
    assert json.loads(out)["path"].endswith("caf\udce9.png")
    assert "caf\\udce9.png" in (tmp_path / "report.html").read_text("utf-8")


def test_globs_choose_within_folders(run: Run, folder: Path) -> None:
    code, out, _ = run(folder, "--no-faces", "--include", "*.png", "--exclude", "cut*")
    assert code == 0
    assert len(out.splitlines()) == 2


def test_two_runs_write_the_same_page(run: Run, folder: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("one.html", "two.html"):
        run(folder, "--no-faces", "--report", tmp_path / name)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.slow
def test_lines_come_as_they_are_done(folder: Path, tmp_path: Path, portrait: bytes) -> None:
    """In a pipe the first findings can be read before the last image is decoded; a reader may leave."""
    for k in range(20):
        (folder / "sub" / f"{k:02d}.png").write_bytes(portrait)
    program = "from forensics.cli import main; main()"
    command = [sys.executable, "-c", program, "detect", str(folder / "sub"), "--json", "--no-faces"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = json.loads(process.stdout.readline())
        assert first["path"].endswith("00.png")
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_the_input_is_not_touched(run: Run, folder: Path) -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}
    run(folder, "--no-faces")
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()} == before


def test_every_reading_of_the_same_folder_agrees(run: Run, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    one = [json.loads(line)["log10_lr"] for line in run(folder, "--json", "--no-faces")[1].splitlines()]
    two = [
        json.loads(line)["log10_lr"]
        for line in run(tmp_path / "copy", "--json", "--no-faces")[1].splitlines()
    ]
    assert one == two
