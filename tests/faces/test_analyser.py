"""Faces: close crops, small and large images, packs that are absent or broken, and the table."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.commands.options import pack_asked_for
from forensics.core.errors import FacePackError
from forensics.faces.analyser import DEFAULT_PACK, FaceAnalyser, load_faces, pack_if_any
from forensics.faces.table import COLUMNS, write_face_table
from forensics.images import decode


@pytest.fixture(scope="module")
def analyser(shared: Path) -> FaceAnalyser:
    return load_faces("scrfd_mbf", shared / "data" / "insightface")


def _pictures(shared: Path, source: str, n: int) -> list[Path]:
    return sorted((shared / "data" / "faces256" / "train" / source).glob("*.png"))[:n]


@pytest.mark.parametrize("source", ["real", "stylegan2", "stylegan3"])
@pytest.mark.parametrize("size_px", [256, 64])
def test_a_face_that_fills_the_frame_is_found(
    analyser: FaceAnalyser, shared: Path, source: str, size_px: int
) -> None:
    scores = []
    for path in _pictures(shared, source, 12):
        image = np.asarray(Image.open(path).convert("RGB").resize((size_px, size_px)))
        faces = analyser.analyse(image)
        assert faces, path
        scores.append(faces[0].score)
    assert np.median(scores) > 0.85  # 0.41 with InsightFace's 640 px input


def test_geometry_is_in_pixels_of_the_image_whatever_its_size(analyser: FaceAnalyser, shared: Path) -> None:
    photograph = Image.open(_pictures(shared, "real", 1)[0]).convert("RGB")
    small = analyser.analyse(np.asarray(photograph))[0]
    large = analyser.analyse(np.asarray(photograph.resize((1024, 1024))))[0]
    assert np.abs(large.landmarks / 4 - small.landmarks).max() < 8
    left_eye, right_eye, nose, mouth_left, mouth_right = small.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    cosine = small.embedding @ large.embedding
    assert cosine / np.linalg.norm(small.embedding) / np.linalg.norm(large.embedding) > 0.8


def test_embedding_tells_people_apart(analyser: FaceAnalyser, shared: Path) -> None:
    faces = [analyser.analyse(decode(path).pixels)[0].embedding for path in _pictures(shared, "real", 8)]
    unit = np.stack([value / np.linalg.norm(value) for value in faces])
    others = (unit @ unit.T)[~np.eye(len(unit), dtype=bool)]
    assert others.max() < 0.6


def test_small_faces_in_a_large_photograph(analyser: FaceAnalyser, shared: Path) -> None:
    scene = np.full((1500, 2400, 3), 110, np.uint8)
    corners = [(200, 300), (700, 1200), (1000, 1900)]
    for (y, x), path in zip(corners, _pictures(shared, "real", 3), strict=True):
        scene[y : y + 200, x : x + 200] = np.asarray(Image.open(path).convert("RGB").resize((200, 200)))
    faces = analyser.analyse(scene)
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    middles = {tuple((face.box.reshape(2, 2).mean(0) // 100).astype(int)) for face in faces}
    assert {(x // 100 + 1, y // 100 + 1) for y, x in corners} <= {(mx, my) for mx, my in middles} | {
        (mx + 1, my) for mx, my in middles
    } | {(mx, my + 1) for mx, my in middles}


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 3000, 3), (5000, 2, 3), (64, 64, 3)])
def test_no_face_is_no_face_and_not_an_error(analyser: FaceAnalyser, shape: tuple[int, int, int]) -> None:
    assert analyser.analyse(np.full(shape, 127, np.uint8)) == []


def test_wrong_pixels_are_refused(analyser: FaceAnalyser) -> None:
    with pytest.raises(ValueError, match="uint8"):
        analyser.analyse(np.zeros((8, 8, 3), np.float32))  # type: ignore[arg-type]


def test_absent_pack_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FacePackError) as caught:
        load_faces(root=tmp_path)
    message = str(caught.value)
    for part in (DEFAULT_PACK, str(tmp_path), "--pack"):
        assert part in message
    assert "\n" not in message


def test_absent_pack_without_a_network(tmp_path: Path) -> None:
    # pytest-socket refuses every connection, as a machine without a network does.
    with pytest.raises(FacePackError, match="could not download"):
        load_faces("buffalo_sc", tmp_path, download=True)
    assert not (tmp_path / "models" / "buffalo_sc").exists()


@pytest.mark.parametrize("content", [None, b"not a model"])
def test_broken_pack_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "models" / "broken"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "det.onnx").write_bytes(content)
    with pytest.raises(FacePackError, match="cannot be used") as caught:
        load_faces("broken", tmp_path)
    assert "\n" not in str(caught.value)


def test_pack_and_root_from_the_environment(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORENSICS_FACE_PACK", "scrfd500m_mbf")
    monkeypatch.setenv("FORENSICS_FACE_ROOT", str(shared / "data" / "insightface"))
    assert load_faces().pack == "scrfd500m_mbf"


def test_which_pack_a_study_looks_with(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = shared / "data" / "insightface"
    monkeypatch.setenv("HOME", str(tmp_path))  # where the usual pack is not
    assert pack_if_any() is None
    assert pack_asked_for(None, None) is None
    assert pack_if_any("scrfd_mbf", root) == root / "models" / "scrfd_mbf"
    assert pack_asked_for("scrfd_mbf", root) == str(root / "models" / "scrfd_mbf")
    assert pack_asked_for(None, tmp_path) == str(tmp_path / "models" / DEFAULT_PACK)
    monkeypatch.setenv("FORENSICS_FACE_PACK", "named_but_absent")
    assert (
        pack_if_any() == tmp_path / ".insightface" / "models" / "named_but_absent"
    )  # an error, not left out
    assert pack_if_any("none") is None
    with pytest.raises(FacePackError, match="name the folder of one") as refused:
        load_faces(pack_asked_for(None, tmp_path))
    assert "downloads" not in str(refused.value)


def test_analysis_prints_nothing_on_stdout(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fresh = load_faces("scrfd500m_mbf", shared / "data" / "insightface")
    fresh.analyse(decode(_pictures(shared, "real", 1)[0]).pixels)
    assert capsys.readouterr().out == ""


class _Interrupted(Exception):
    pass


def test_table_interrupted_and_resumed_equals_one_go(
    analyser: FaceAnalyser, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (64, 64), (9, 9, 9)).save(blank)
    paths = [
        *_pictures(shared, "real", 3),
        blank,
        tmp_path / "missing.png",
        *_pictures(shared, "stylegan2", 2),
    ]
    whole = tmp_path / "whole.csv"
    table = write_face_table(paths, whole, analyser)
    assert (table.rows, table.without_face, len(table.failures)) == (6, 1, 1)

    calls = 0

    def kill_at_fourth(n: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise _Interrupted

    resumed = tmp_path / "resumed.csv"
    with pytest.raises(_Interrupted):
        write_face_table(paths, resumed, analyser, advance=kill_at_fourth)
    part = tmp_path / "resumed.csv.part"
    part.write_bytes(part.read_bytes() + b"half/a/row.png,0123")
    assert not resumed.exists()
    again = write_face_table(paths, resumed, analyser)
    assert again.reused == 3
    assert resumed.read_bytes() == whole.read_bytes()
    assert not part.exists()

    rows = list(csv.DictReader(whole.open(encoding="utf-8")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows[0]["embedding"].split()) == 128
    assert (rows[3]["score"], rows[3]["faces"], rows[3]["embedding"]) == ("0.00", "0", "")


def test_changed_image_is_analysed_again(analyser: FaceAnalyser, shared: Path, tmp_path: Path) -> None:
    first, second = _pictures(shared, "real", 2)
    image = tmp_path / "face.png"
    shutil.copy(first, image)
    write_face_table([image], tmp_path / "faces.csv", analyser)
    image.write_bytes(second.read_bytes())
    assert write_face_table([image], tmp_path / "faces.csv", analyser).reused == 0


def test_foreign_file_in_place_of_the_table_is_left_alone(
    analyser: FaceAnalyser, shared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "notes.csv"
    out.write_text("my,notes\n1,2\n")
    with pytest.raises(FacePackError, match="not a table of faces"):
        write_face_table(_pictures(shared, "real", 1), out, analyser)
    assert out.read_text() == "my,notes\n1,2\n"
