"""Recipes into corpora: photographs beside synthetic faces, kills, and other options."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import CorpusError, ForensicsError
from forensics.corpus import Corpus
from forensics.images import decode
from forensics.recipes.contract import RecipeInputs
from forensics.recipes.run import CorpusOptions, CorpusSummary, make_corpus


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a corpus but the record of the command that made it."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "evidence.json"
    }


def make(out: Path, weights: Path, photographs: Path | None = None, **changes: str) -> CorpusSummary:
    """`count`, `seed` and `recipe` are what they are called, the others settings of the recipe."""
    options = {"count": "120", "psi": "0.7", "noise": "random", "seed": "3", "recipe": "sampled", **changes}
    count, seed, recipe = int(options.pop("count")), int(options.pop("seed")), options.pop("recipe")
    inputs = RecipeInputs(count, seed, str(weights), "cpu", photographs)
    return make_corpus(CorpusOptions(out, inputs, recipe, options))


@pytest.fixture(scope="module")
def corpus(weights: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus") / "corpus"
    make(out, weights, photographs)
    return out


def test_both_classes_at_one_size(corpus: Path, photographs: Path) -> None:
    opened = Corpus.open(corpus)
    assert opened.verify() == []
    assert opened.complete
    assert opened.labels.tolist() == [1] * 120 + [0] * 7
    assert {decode(path).pixels.shape for path in opened.paths} == {(32, 32, 3)}
    last = opened.manifest[-1]
    assert (last.recipe, last.family, last.generator) == ("authentic", "authentic", None)
    assert last.params["name"] == sorted(p.name for p in photographs.iterdir())[-1]
    assert last.parents == (decode(photographs / last.params["name"]).sha256,)
    assert (opened.manifest[0].recipe, opened.manifest[0].family) == ("sampled", "sampled")
    assert (corpus / "evidence.json").is_file()


def test_latents_of_a_mixed_chunk_are_kept_and_nan_for_photographs(corpus: Path) -> None:
    latents = Corpus.open(corpus).latents(100)
    assert latents["z"].shape == (27, 16)
    assert np.isfinite(latents["z"][:20]).all()
    assert np.isfinite(latents["ws"][:20]).all()
    assert np.isnan(latents["z"][20:]).all()


@pytest.mark.parametrize("after", [1, 2])
def test_killed_and_resumed_equals_one_go(
    corpus: Path, weights: Path, photographs: Path, tmp_path: Path, after: int
) -> None:
    out = tmp_path / "killed"
    program = f"""
import os, signal
from pathlib import Path
from forensics.corpus import CorpusWriter
from forensics.recipes.contract import RecipeInputs
from forensics.recipes.run import CorpusOptions, make_corpus
original, calls = CorpusWriter._write_files, []
def write(self, files):
    calls.append(1)
    if len(calls) > {after}:
        original(self, dict(list(files.items())[:20]))
        os.kill(os.getpid(), signal.SIGKILL)
    original(self, files)
CorpusWriter._write_files = write
inputs = RecipeInputs(120, 3, {str(weights)!r}, "cpu", Path({str(photographs)!r}))
make_corpus(CorpusOptions(Path({str(out)!r}), inputs, settings={{"psi": "0.7", "noise": "random"}}))
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not Corpus.open(out).complete
    summary = make(out, weights, photographs)
    assert summary.made_now == 127 - 50 * after
    assert content(out) == content(corpus)
    assert Corpus.open(out).verify() == []


def test_again_makes_nothing(corpus: Path, weights: Path, photographs: Path) -> None:
    before = content(corpus)
    assert make(corpus, weights, photographs).made_now == 0
    assert content(corpus) == before


def test_a_smaller_corpus_is_the_beginning_of_a_larger(corpus: Path, weights: Path, tmp_path: Path) -> None:
    make(tmp_path / "few", weights, count="23")
    few, many = Corpus.open(tmp_path / "few"), Corpus.open(corpus)
    assert [row.sha256 for row in few.manifest] == [row.sha256 for row in many.manifest[:23]]


@pytest.mark.parametrize(
    ("option", "value"), [("psi", "0.5"), ("seed", "4"), ("count", "100"), ("noise", "const")]
)
def test_other_options_in_the_same_folder_are_refused(
    corpus: Path, weights: Path, photographs: Path, option: str, value: str
) -> None:
    before = content(corpus)
    with pytest.raises(CorpusError, match=rf"other options \(recipes\[0\]\.{option}: "):
        make(corpus, weights, photographs, **{option: value})
    assert content(corpus) == before


def test_a_broken_photograph_is_named_and_left_out(
    weights: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(photographs, tmp_path / "real")
    (tmp_path / "real" / "0002.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    summary = make(tmp_path / "out", weights, tmp_path / "real", count="4")
    assert summary.images == 10
    assert [Path(failure.path).name for failure in summary.rejected] == ["0002.png"]
    assert "0002.png" in capsys.readouterr().err
    assert "0002.png" not in [r.params.get("name") for r in Corpus.open(tmp_path / "out").manifest]


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_no_photographs(weights: Path, tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=folder):
        make(tmp_path / "out", weights, tmp_path / folder)
    assert not (tmp_path / "out").exists()


def test_unknown_names(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="no recipe is called 'dream'"):
        make(tmp_path / "out", weights, recipe="dream")
    with pytest.raises(ForensicsError, match="no noise 'loud' for recipe sampled: choose one of const"):
        make(tmp_path / "out", weights, noise="loud")
    with pytest.raises(ForensicsError, match="no setting 'step': choose among psi, noise"):
        make(tmp_path / "out", weights, step="1")
    for psi in ("much", "nan", "1e9"):
        with pytest.raises(ForensicsError, match=r"psi=.* give a number from -2 to 2"):
            make(tmp_path / "out", weights, psi=psi)
    assert not (tmp_path / "out").exists()


def test_a_walk_is_a_corpus(weights: Path, tmp_path: Path) -> None:
    inputs = RecipeInputs(30, 1, str(weights), "cpu")
    settings = {"walks": "2", "step": "0.05"}
    assert make_corpus(CorpusOptions(tmp_path / "walk", inputs, "walked", settings)).images == 30
    opened = Corpus.open(tmp_path / "walk")
    assert opened.verify() == []
    assert opened.latents(29)["w"].shape == (30, 16)
    assert opened.manifest[15].params["position"] == 0
    assert opened.manifest[0].sha256 == opened.manifest[15].sha256  # both at the mean of W
