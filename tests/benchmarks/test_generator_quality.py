"""The numbers of the model cards: yield, scores and cosines of a generator's faces, over one draw and over several."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from forensics.benchmarks.generator_quality import (
    face_rows,
    quality,
    quality_lines,
    quality_of_draws,
    samples,
)
from forensics.cli import app
from forensics.core.errors import ForensicsError
from forensics.faces.analyser import load_faces
from forensics.generators.base import load_generator


def test_quality_is_yield_score_and_cosines() -> None:
    scores = np.array([0.9, 0.8, 0.0, 0.4])
    embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [np.nan, np.nan], [0.0, 1.0]])
    row = quality(scores, embeddings, against=np.array([[0.0, 1.0], [np.nan, np.nan]]))
    assert row["n"] == 4
    assert row["yield"] == 0.5
    assert row["median_score"] == pytest.approx(0.6)
    assert row["pairwise_cosine_mean"] == pytest.approx((0.6 + 0.0 + 0.8) / 3, abs=1e-4)
    assert row["pairwise_cosine_max"] == pytest.approx(0.8)
    assert row["nearest_training_cosine_max"] == pytest.approx(1.0)
    assert row["nearest_training_cosine_mean"] == pytest.approx((0.0 + 0.8 + 1.0) / 3, abs=1e-4)


def test_draws_are_pooled_as_means_and_of_maxima_the_largest(shared: Path) -> None:
    generator, faces = (
        load_generator("own-64", "cpu"),
        load_faces("scrfd500m_mbf", shared / "data/insightface"),
    )
    against = face_rows(samples(generator, 3, 1.0, seed=9), faces)[1]
    each = [quality(*face_rows(samples(generator, 6, 1.0, seed), faces), against) for seed in (4, 5)]
    pooled = quality_of_draws(generator, faces, 6, 1.0, (4, 5), against)
    assert (pooled["n"], pooled["draws"]) == (6, 2)
    means = [row["pairwise_cosine_mean"] for row in each]
    assert pooled["pairwise_cosine_mean_by_draw"] == means
    assert means[0] != means[1]
    assert pooled["pairwise_cosine_mean"] == pytest.approx(np.mean(means), abs=1e-4)
    for key in ("pairwise_cosine_max", "nearest_training_cosine_max"):
        assert pooled[key] == max(row[key] for row in each)
    assert pooled["yield"] == pytest.approx(np.mean([row["yield"] for row in each]))


def test_nothing_to_measure_is_said_before_anything_is_loaded() -> None:
    with pytest.raises(ForensicsError, match="give --data, or a face pack"):
        CliRunner().invoke(app, ["evaluate", "own-64"], catch_exceptions=False)
    assert CliRunner().invoke(app, ["evaluate", "own-64", "--draws", "0"]).exit_code == 2


def test_kid_is_measured_against_the_photographs_named(shared: Path, tmp_path: Path) -> None:
    for path in sorted((shared / "data/faces256/val/real").glob("*.png"))[:12]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    pack = ["--pack", "scrfd500m_mbf", "--pack-root", str(shared / "data/insightface")]
    words = ["evaluate", "own-64", "-n", "4", "--psi", "0.7", "--draws", "2", *pack, "--data", str(tmp_path)]
    measured = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
    assert measured["psi"]["0.7"]["n"] == 4
    scores = measured["distribution"]
    assert (scores["n_real"], scores["n_fake"]) == (12, 100)
    assert len(scores["kid_by_draw"]) == 2
    lines = list(quality_lines(measured))
    assert lines[0].startswith("psi 0.7: a face in ")
    assert lines[1].endswith("against 12 photographs")
