"""The matrix leaves out what it says it leaves out, keeps its pools apart, and goes on where it was killed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from forensics.benchmarks import matrix as room
from forensics.benchmarks.matrix import Matrix, rows_of
from forensics.benchmarks.pages.matrix import MatrixOptions, matrix_lines, matrix_of
from forensics.core.errors import DetectorError, ForensicsError
from forensics.corpus.pools.five_pools import read_pools
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.fitting.fitted_on import read_fitted_on
from tests.benchmarks.brightness_run import Silent

KINDS = {"real": "real", "stylegan2": "fake_sg2", "stylegan3": "fake_sg3"}


@contextmanager
def silent(title: str, total: int) -> Iterator[Any]:
    yield Silent()


@pytest.fixture(scope="module")
def small(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces shrunk to 64 px, for speed: 16 photographs, 12 web photographs, 12 of each generator."""
    folder = tmp_path_factory.mktemp("small") / "faces"
    data = shared / "data"
    places = [(data / "faces256" / "val" / source, name, "*.png") for source, name in KINDS.items()]
    for source, name, pattern in [*places, (data / "wild128", "authentic", "*.jpg")]:
        (folder / name).mkdir(parents=True)
        for file in sorted(source.glob(pattern))[: 16 if name == "real" else 12]:
            with Image.open(file) as image:
                image.resize((64, 64), Image.Resampling.BICUBIC).save(folder / name / f"{file.stem}.png")
    return folder


def run(small: Path, out: Path, progress: Any = silent, **more: Any) -> Matrix:
    return matrix_of(MatrixOptions((small,), "frequency", out, **more), progress)[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture(scope="module")
def done(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Matrix, Path]:
    out = tmp_path_factory.mktemp("done") / "out"
    return run(small, out), out


def test_the_past_given_to_generated_images_changes_what_is_learned_and_is_on_record(
    small: Path, done: tuple[Matrix, Path], tmp_path: Path
) -> None:
    matrix = run(small, tmp_path / "out", jpeg_before=75)
    plain, _ = done
    assert [c.row for c in matrix.cells] == [c.row for c in plain.cells]
    values = [[c.estimates["auc"].value for c in found.cells] for found in (matrix, plain)]
    assert values[0] != values[1]
    assert json.loads((tmp_path / "out" / "evidence.json").read_text())["options"]["jpeg_before"] == 75
    with pytest.raises(ForensicsError):
        run(small, tmp_path / "out")  # made otherwise: another folder, or remove it


def test_rows_and_columns(done: tuple[Matrix, Path]) -> None:
    matrix, _ = done
    assert [row.name for row in matrix.rows] == [
        "all", "without fake_sg2", "without fake_sg3", "without authentic", "without real",
    ]  # fmt: skip
    assert matrix.columns == (("fake_sg2", 1), ("fake_sg3", 1), ("authentic", 0), ("real", 0))
    assert len(matrix.cells) == 20
    for cell in matrix.cells:
        assert cell.trained_on == (cell.row != f"without {cell.source}")
        assert cell.estimates["auc"].low <= cell.estimates["auc"].value <= cell.estimates["auc"].high
        n = cell.estimates["auc"].n_synthetic if cell.label else cell.estimates["auc"].n_authentic
        assert n == cell.n >= 3


def test_what_is_left_out_was_not_fitted_and_what_is_tested_was_not_either(
    done: tuple[Matrix, Path], small: Path
) -> None:
    matrix, out = done
    places = read_pools(out / "pools.json")
    tested = {sha256 for sha256, (pool, _) in places.items() if pool == "test"}
    groups = {group for _, (pool, group) in places.items() if pool == "test"}
    for row in matrix.rows:
        fitted = read_fitted_on(out / "detectors" / row.folder)
        assert fitted
        assert {f.source for f in fitted} == set(row.sources)
        assert {f.pool for f in fitted} == {"train", "calibrate"}
        assert not {f.sha256 for f in fitted} & tested
        assert not {f.group for f in fitted} & groups


def test_a_cell_is_the_detectors_own_score(done: tuple[Matrix, Path], small: Path) -> None:
    from forensics.detectors.loading import load_detector
    from forensics.metrics.detection import auc

    matrix, out = done
    pool = read_pool([small]).placed(read_pools(out / "pools.json"), ("test",))
    row = matrix.rows[2]
    detector = load_detector(out / "detectors" / row.folder)
    chosen = [i for i, source in enumerate(pool.sources) if source != "fake_sg2"]
    scores = detector.score([pool.images[i] for i in chosen])
    (cell,) = [c for c in matrix.cells if (c.row, c.source) == (row.name, "fake_sg3")]
    assert cell.estimates["auc"].value == pytest.approx(auc(scores, pool.labels[chosen]), abs=1e-6)
    called = [
        detector.verdict(x) == "synthetic" for x, i in zip(scores, chosen, strict=True) if pool.labels[i]
    ]
    assert (cell.flagged, cell.n) == (sum(called), len(called))


def test_killed_between_cells_it_goes_on_and_is_the_same(
    done: tuple[Matrix, Path], small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def killing(title: str, total: int) -> Iterator[Any]:
        class Killed(Silent):
            def advance(self, n: int = 1, status: str = "") -> None:
                if title == "matrix" and len(list((tmp_path / "out" / "cells").rglob("*.json"))) == 6:
                    raise KeyboardInterrupt

        yield Killed()

    with pytest.raises(KeyboardInterrupt):
        run(small, tmp_path / "out", killing)
    trained = []
    real = room.train_detector
    monkeypatch.setattr(room, "train_detector", lambda *a: trained.append(a[2].name) or real(*a))
    run(small, tmp_path / "out")
    assert len(trained) == 3  # of five, two were done
    assert contents(tmp_path / "out") == contents(done[1])


def test_the_files_and_the_page(done: tuple[Matrix, Path]) -> None:
    matrix, out = done
    assert {"matrix.json", "matrix.csv", "report.html", "evidence.json", "pools.json"} <= set(contents(out))
    written = json.loads((out / "matrix.json").read_text())
    assert written["counts"] == {"in": 52, "decoded": 52, "failed": 0}
    assert all("interval" in " ".join(cell) for cell in written["cells"])
    html = (out / "report.html").read_text()
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("unseen") > 4
    lines = list(matrix_lines(matrix, out))
    assert len(lines) == 2 + 5 + 1
    assert sum(line.count("*") for line in lines[2:-1]) == 4


def test_a_verdict_that_cannot_be_given_is_a_note(
    done: tuple[Matrix, Path], small: Path, tmp_path: Path
) -> None:
    shutil.copytree(done[1], tmp_path / "out")
    row = done[0].rows[1]
    file = tmp_path / "out" / "detectors" / row.folder / "detector.json"
    described = json.loads(file.read_text())
    described["thresholds"]["synthetic_at"] = described["calibration"]["highest"] + 1
    file.write_text(json.dumps(described))
    said = [note for note in run(small, tmp_path / "out").notes if row.name in note]
    assert len(said) == 1
    assert "can never say synthetic" in said[0]


def test_another_matrix_is_not_mixed_in(done: tuple[Matrix, Path], small: Path, tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="other seed"):
        run(small, done[1], seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ForensicsError, match="not empty"):
        run(small, tmp_path / "mine", pools=done[1] / "pools.json")
    with pytest.raises(DetectorError, match="unknown kind"):
        matrix_of(MatrixOptions((small,), "oracle", tmp_path / "out"), silent)


def test_a_class_with_one_source_cannot_be_left_out(small: Path) -> None:
    pool = read_pool([small])
    kept = pool.take(np.flatnonzero([s not in ("authentic", "fake_sg2") for s in pool.sources]))
    rows, left_out = rows_of(kept)
    assert [row.name for row in rows] == ["all"]
    assert [line.split(":")[0] for line in left_out] == ["without fake_sg3", "without real"]
