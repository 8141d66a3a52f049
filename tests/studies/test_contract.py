"""Every registered study: parts, rows and page; killed after a part and run again it leaves the same bytes."""

from __future__ import annotations

import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from forensics.commands.studies.study import app
from forensics.core.registry import methods
from forensics.images import find_images
from forensics.report.rows import row_from_json
from forensics.studies.contract import Study, Summary
from forensics.studies.machine import complete
from tests.studies.made import srcnet_file
from tests.studies.tiny_studies import TINY, Material, tiny_study

NAMES = [method.name for method in methods("study")]
ALONE = {"equilibrium"}  # one snapshot is one part: there is nothing to be killed between


@pytest.fixture(scope="module")
def material(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    photographs = folder / "photographs"
    photographs.mkdir()
    for path in find_images([shared / "data" / "faces256" / "val" / "real"])[0][:8]:
        (photographs / path.name).symlink_to(path.resolve())
    pack = shared / "data" / "insightface" / "models" / "scrfd_mbf"
    return Material(str(srcnet_file(shared, folder)), str(pack), str(photographs))


def family(study: Study[Summary]) -> Iterator[Study[Summary]]:
    yield study
    for child in study.children():
        yield from family(child)


def content(folder: Path) -> dict[str, bytes]:
    """Bytes by file; what depends on the place or the moment left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "timings" not in path.parts and not path.name.endswith(".part")
    }


def test_every_study_has_a_small_instance_and_a_command() -> None:
    assert set(NAMES) == set(TINY)
    commands = {command.name for command in app.registered_commands}
    assert set(NAMES) <= commands


@pytest.mark.parametrize("name", NAMES)
def test_parts_rows_and_page(name: str, material: Material, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    study = tiny_study(name, material, whole)
    assert vars(pickle.loads(pickle.dumps(study))) == study.__getstate__()  # noqa: S301
    summary = complete(study)
    assert summary.lines()[-1] == f"report: {summary.report}"
    assert Path(summary.out) == whole
    for one in family(study):
        names = [part.name for part in one.parts()]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", each) for each in names)
        for part in one.parts():
            rows = one.rows(part)
            assert rows
            assert [row_from_json(part.row, row.to_json()).to_json() for row in rows] == [
                row.to_json() for row in rows
            ]
    page = Path(summary.report).read_text(encoding="utf-8")
    assert '<p class="lead">' in page
    assert "<script" not in page
    for table in whole.rglob("*.csv"):
        header = table.read_text(encoding="utf-8").split("\n", 1)[0]
        assert re.fullmatch(r"[A-Za-z0-9_,]*", header), (table, header)
    if name in ALONE:
        return
    killed = tmp_path / "killed"
    words = [name, str(killed), material.weights, material.face_pack, material.photographs]
    process = subprocess.run(
        [sys.executable, "-m", "tests.studies.tiny_studies", *words], capture_output=True
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    complete(tiny_study(name, material, killed))
    left, expected = content(killed), content(whole)
    assert sorted(left) == sorted(expected)
    assert [file for file in left if left[file] != expected[file]] == []
