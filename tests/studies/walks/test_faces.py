"""Walks made and examined in one pass: what is found, how it goes on after a kill, and that the two sides overlap."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import CorpusError
from forensics.corpus import Corpus
from forensics.faces.analyser import FaceAnalyser, load_faces
from forensics.generators.base import Generator, load_generator
from forensics.recipes.contract import RecipeBatch, RecipeInputs
from forensics.recipes.run import CorpusOptions, make_corpus
from forensics.recipes.walked import Walk
from forensics.studies.machine import finish_parts, one_thread
from forensics.studies.probes import Probe, ProbePlan
from forensics.studies.walks.faces import FaceExaminer, Times, WalkPipeline
from forensics.studies.walks.rows import WalkFace, WalkImage
from forensics.studies.walks.study import NetworkStudy, WalkPlan

LENGTH, WALKS, STEP = 60, 2, 0.3  # 120 images: three chunks, the last one short; some have no face


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_generator("own-64", "cpu")


@pytest.fixture(scope="module")
def faces(shared: Path) -> FaceAnalyser:
    return load_faces("scrfd_mbf", shared / "data" / "insightface")


def study(faces: FaceAnalyser | str, out: Path, step: float = STEP) -> tuple[Times, list[WalkFace]]:
    plan = WalkPlan(length=LENGTH, walks=WALKS, step=step, device="cpu")
    pack = faces if isinstance(faces, str) else str(faces.folder)
    network = NetworkStudy("own-64", out, plan, ProbePlan(pack), "own-64")
    finish_parts(network)
    return network.times, network.faces


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(faces: FaceAnalyser, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[WalkFace]]:
    out = tmp_path_factory.mktemp("made")
    times, rows = study(faces, out)
    assert (times.generated, times.examined) == (120, 120)
    return out, rows


def test_the_corpus_is_that_of_the_walk_command(made: tuple[Path, list[WalkFace]], tmp_path: Path) -> None:
    with one_thread():
        inputs = RecipeInputs(LENGTH * WALKS, 0, "own-64", "cpu")
        settings = {"walks": str(WALKS), "step": str(STEP)}
        make_corpus(CorpusOptions(tmp_path / "walk", inputs, "walked", settings, "walk"))
    expected = content(tmp_path / "walk")
    expected.pop("evidence.json")
    assert content(made[0] / "corpus") == expected


def test_every_image_has_its_row(made: tuple[Path, list[WalkFace]], faces: FaceAnalyser) -> None:
    out, rows = made
    corpus = Corpus.open(out / "corpus")
    assert corpus.verify() == []
    assert [(r.file, r.sha256) for r in rows] == [(m.file, m.sha256) for m in corpus.manifest]
    assert [(r.walk, r.position) for r in rows[59:61]] == [(0, 59), (1, 0)]
    without = [r for r in rows if r.faces == 0]
    assert 0 < len(without) < 120
    assert all(r.score == 0 and not r.box and not r.embedding for r in without)
    ((_, (first, *_)),) = corpus.images(indices=range(2))
    best = faces.analyse(first)[0]
    assert rows[0].score == pytest.approx(best.score, abs=5e-5)
    assert list(rows[0].box) == pytest.approx(best.box, abs=0.006)
    assert float(str(rows[0].cells()["mouth_right_y"])) == pytest.approx(best.landmarks[4, 1], abs=0.006)
    np.testing.assert_allclose(rows[0].embedding, best.embedding, rtol=1e-5)


def test_only_what_is_missing_or_damaged_is_examined_again(
    made: tuple[Path, list[WalkFace]], faces: FaceAnalyser, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    shutil.copytree(made[0], out)
    assert study(faces, out)[0].examined == 0
    (out / "parts" / "faces-00000-00050.json").unlink()
    (out / "parts" / "faces-00050-00050.json").write_text("[{")
    times, rows = study(faces, out)
    assert (times.generated, times.examined) == (0, 100)
    assert rows == made[1]
    strange = out / "parts" / "faces-00100-00020.json"
    strange.write_text(strange.read_text().replace(rows[100].sha256, "0" * 64))
    assert study(faces, out)[0].examined == 20
    assert content(out) == content(made[0])


@pytest.mark.parametrize("where", ["write", "_write_files"])
def test_killed_and_run_again_equals_one_go(
    made: tuple[Path, list[WalkFace]], faces: FaceAnalyser, tmp_path: Path, where: str
) -> None:
    """Killed as it writes the second part, and killed as it writes the images of the second chunk."""
    out = tmp_path / "killed"
    program = f"""
import os, signal
from pathlib import Path
from forensics.corpus import CorpusWriter
from forensics.studies.store import PartStore
from tests.studies.walks.test_faces import study
calls = []
def killing(original):
    def wrapped(*arguments):
        calls.append(1)
        if len(calls) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    return wrapped
owner = PartStore if {where!r} == "write" else CorpusWriter
setattr(owner, {where!r}, killing(getattr(owner, {where!r})))
study({str(faces.folder)!r}, Path({str(out)!r}))
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not Corpus.open(out / "corpus").complete
    times, rows = study(faces, out)
    assert 0 < times.generated <= 120
    assert rows == made[1]
    assert content(out) == content(made[0])


def test_other_numbers_in_the_same_folder(
    made: tuple[Path, list[WalkFace]], faces: FaceAnalyser, tmp_path: Path
) -> None:
    shutil.copytree(made[0] / "corpus", tmp_path / "corpus")
    with pytest.raises(CorpusError, match="other options"):
        study(faces, tmp_path, step=0.2)


def test_what_goes_wrong_in_detection_ends_the_run(
    faces: FaceAnalyser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> list[WalkFace]:
        raise MemoryError("on purpose")

    monkeypatch.setattr(FaceExaminer, "rows", failing)
    with pytest.raises(MemoryError, match="purpose"):
        study(faces, tmp_path)


class SlowWalk(Walk):
    def make(self, indices: Sequence[int]) -> RecipeBatch:
        time.sleep(0.25)
        n, side = len(indices), self.generator.img_resolution
        latents = {"w": np.zeros((n, 1), np.float32)}
        return RecipeBatch(
            np.zeros((n, side, side, 3), np.uint8), [self._row(i, 0.0) for i in indices], latents
        )


class SlowExaminer(FaceExaminer):
    def rows(self, images: Sequence[np.ndarray], known: Sequence[WalkImage]) -> list[WalkFace]:
        time.sleep(0.3)
        return []


def test_the_next_chunk_is_made_while_one_is_examined(generator: Generator, tmp_path: Path) -> None:
    walk, times = SlowWalk(generator, length=400, walks=1), Times()
    pipeline = WalkPipeline(walk, tmp_path / "corpus", SlowExaminer(Probe()), times)
    assert [start for start, _ in pipeline.run(set(range(0, 400, 50)))] == list(range(0, 400, 50))
    assert times.generation_s >= 8 * 0.25
    assert times.detection_s >= 8 * 0.3
    assert times.total_s < 0.8 * (times.generation_s + times.detection_s)
    assert times.row().ratio == pytest.approx(
        times.total_s / max(times.generation_s, times.detection_s), abs=1e-3
    )


def test_the_score_of_a_detector_is_a_column(generator: Generator, faces: FaceAnalyser) -> None:
    from forensics.detectors.loading import load_detector

    detector = load_detector("without-clip")
    images = list(generator.to_uint8(generator.synthesize(generator.map(generator.sample_z(2)))))
    known = [WalkImage(file=file, sha256="", walk=0, position=0, radius=0.0) for file in ("a", "b")]
    rows = FaceExaminer(Probe(faces, detector)).rows(images, known)
    assert [row.file for row in rows] == ["a", "b"]
    np.testing.assert_allclose([row.log10_lr for row in rows], detector.score(images), atol=1e-6)  # type: ignore[misc]
