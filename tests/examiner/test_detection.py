"""`forensics.detect`: the same finding of a path, bytes, an array, a PIL image and a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import forensics
from forensics.core.errors import FacePackError, ForensicsError
from forensics.images import decode, encode_png


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skimage.data import astronaut, chelsea

    place = tmp_path_factory.mktemp("photographs")
    (place / "a.png").write_bytes(encode_png(np.ascontiguousarray(astronaut()[0:256, 96:352])))
    (place / "cat.png").write_bytes(encode_png(chelsea()))
    return place


def test_whatever_a_photograph_is_given_as(folder: Path) -> None:
    file = folder / "a.png"
    pixels = decode(file).pixels
    with Image.open(file) as picture:
        findings = forensics.detect(file, str(file), file.read_bytes(), pixels, picture, [file, pixels])
    assert len(findings) == 7
    # The last bits of a sum depend on the place in the batch; a finding's JSON has four decimals.
    assert [f.log10_lr for f in findings] == pytest.approx([findings[0].log10_lr] * 7, abs=1e-9)
    assert {f.sha256 for f in findings} == {findings[0].sha256}
    assert findings[0].faces is not None
    assert len(findings[0].faces) == 1
    assert [f.path for f in findings][2:5] == ["bytes 2", "image 3", "image 4"]
    grey = forensics.detect(pixels[:, :, 0])
    assert grey[0].width == 256


def test_a_folder_gives_a_finding_an_image_in_order(folder: Path) -> None:
    a, cat = forensics.detect(folder)
    assert [Path(f.path).name for f in (a, cat)] == ["a.png", "cat.png"]
    assert cat.verdict == "inconclusive"
    assert cat.faces == ()


def test_a_generator_is_read_as_it_goes(folder: Path) -> None:
    pixels = decode(folder / "a.png").pixels
    findings = forensics.detect(one for one in (pixels, folder / "cat.png"))
    assert [f.verdict for f in findings][1] == "inconclusive"
    assert findings[0].path == "image 0"
    with pytest.raises(ForensicsError, match="not int"):
        forensics.detect(7)  # type: ignore[arg-type]
    with pytest.raises(ForensicsError, match="not int"):
        forensics.detect([7])  # type: ignore[list-item]


def test_a_notebook_shows_a_table_with_the_faces_and_no_ratio_without_a_verdict(
    folder: Path, tmp_path: Path
) -> None:
    hostile = tmp_path / "<script>x.png"
    hostile.write_bytes((folder / "a.png").read_bytes())
    findings = forensics.detect(hostile, folder / "cat.png")
    page = findings._repr_html_()
    assert page.count("<rect") == 1  # the one face; the cat has none
    assert page.count("data:image/jpeg") == 2
    assert "<script" not in page + findings[0]._repr_html_()
    assert "no face found" in page
    assert "log10 LR" not in findings[1]._repr_html_()


def test_faces_are_those_of_the_finding(folder: Path) -> None:
    a, cat = forensics.find_faces(folder, pack="none")
    assert a.faces == forensics.detect(folder / "a.png", pack="none")[0].faces
    assert cat.faces == ()
    assert a.to_json()["faces"][0]["box"] == a.faces[0].box
    assert (
        forensics.find_faces([decode(folder / "a.png").pixels], pack="none")._repr_html_().count("<rect") == 1
    )
    assert "<rect" not in cat._repr_html_()


def test_what_cannot_be_read_is_an_error_that_names_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(ForensicsError, match=r"broken\.png"):
        forensics.detect(folder / "a.png", tmp_path / "broken.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ForensicsError, match="no images there"):
        forensics.detect(tmp_path / "empty")
    with pytest.raises(ForensicsError, match="uint8"):
        forensics.detect(np.zeros((8, 8, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(FacePackError):
        forensics.detect(folder / "a.png", pack=str(tmp_path / "no" / "pack"))


def test_it_is_public_and_costs_nothing_until_it_is_called() -> None:
    assert "detect" in dir(forensics)
    code = "import forensics, sys; forensics.__all__; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
