"""Recipe `rebuilt`: the photograph stays, and what the up-sampler leaves is all that is new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.errors import CheckpointError, CorpusError, ForensicsError
from forensics.corpus import Corpus, Row
from forensics.corpus.likeness import NEAR_BITS, near_pairs, origins, perceptual_hash
from forensics.images import decode, encode_png, resize
from forensics.recipes.authentic import Authentic
from forensics.recipes.contract import RecipeInputs
from forensics.recipes.parts.upsampler import (
    KINDS,
    Upsampler,
    as_input,
    as_pixels,
    halved,
    load_upsampler,
    read_card,
    save_upsamplers,
)
from forensics.recipes.rebuilt import Rebuilt
from forensics.recipes.run import CorpusOptions, make_corpus
from tools.upsampler_fit import Likeness, fit


@pytest.fixture(scope="module")
def faces(shared: Path) -> list[np.ndarray]:
    folder = shared / "data" / "faces256" / "val" / "real"  # the up-samplers were not fitted to these
    return [decode(path).pixels for path in sorted(folder.glob("*.png"))[:6]]


@pytest.fixture(scope="module")
def corpus(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rebuilt") / "corpus"
    make_corpus(CorpusOptions(out, RecipeInputs(1000, photographs=photographs), "rebuilt"))
    return out


def _detail(pixels: np.ndarray) -> float:
    """Mean absolute second difference of the luminance: what a blur takes away first."""
    grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return float(np.abs(np.diff(grey, 2, 0)).mean() + np.abs(np.diff(grey, 2, 1)).mean())


def test_rows_name_the_photograph_and_the_weights(corpus: Path, photographs: Path) -> None:
    opened = Corpus.open(corpus)
    assert opened.verify() == []
    assert opened.labels.tolist() == [1] * 7
    files = sorted(photographs.iterdir())
    for i, row in enumerate(opened.manifest):
        assert row.source == row.recipe == "rebuilt"
        assert (row.family, row.method) == ("reconstructed", f"upsampler-{KINDS[i % 2]}")
        assert row.parents == (decode(files[i]).sha256,)
        assert row.params["upsampler"] == KINDS[i % 2]
        assert row.generator == load_upsampler(KINDS[i % 2])[1]
        own = origins(row)
        assert set(own) & set(
            origins(Row(sha256=row.parents[0], label=0, source=""))
        )  # one fold with its photograph
    assert decode(opened.paths[0]).pixels.shape == (40, 40, 3)


def test_an_image_depends_on_its_photograph_alone(photographs: Path, corpus: Path) -> None:
    plan = Rebuilt(photographs)
    alone = plan.make([5]).images[0]
    assert np.array_equal(alone, decode(Corpus.open(corpus).paths[5]).pixels)
    assert Rebuilt(photographs, at_most=3).count == 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_back_is_the_photograph_sharper_than_enlarged(kind: str, faces: list[np.ndarray]) -> None:
    network, _ = load_upsampler(kind)
    errors, blurred, kept, lost = [], [], [], []
    for photograph in faces:
        made = as_pixels(network(as_input(halved(photograph)[None])))[0]
        plain = resize(halved(photograph), photograph.shape[:2])
        assert list(near_pairs([perceptual_hash(photograph)], [perceptual_hash(made)], NEAR_BITS))
        errors.append(np.abs(made.astype(int) - photograph).mean())
        blurred.append(np.abs(plain.astype(int) - photograph).mean())
        kept.append(_detail(made) / _detail(photograph))
        lost.append(_detail(plain) / _detail(photograph))
    assert np.mean(errors) < min(5, np.mean(blurred) + 0.5)  # levels; an ordinary enlargement errs as much
    assert 1.2 * np.mean(lost) < np.mean(kept) < 1.0


def test_tone_is_kept(faces: list[np.ndarray]) -> None:
    for kind in KINDS:
        network, _ = load_upsampler(kind)
        for photograph in faces:
            made = as_pixels(network(as_input(halved(photograph)[None])))[0]
            assert np.abs(made.mean((0, 1)) - photograph.mean((0, 1))).max() < 2.5


def test_nearest_leaves_the_grid_of_doubled_pixels_where_the_filter_leaves_none() -> None:
    # Before anything is learned: a flat image with one bright pixel, doubled by weights that pass it through.
    spots = {}
    for kind in KINDS:
        network = Upsampler(kind, 1)
        network.weight.data.zero_()
        network.weight.data[..., 1, 1] = 3.0  # times 1 / sqrt(9)
        x = torch.zeros(1, 1, 8, 8)
        x[..., 4, 4] = 1.0
        spots[kind] = network._doubled(x)[0, 0].detach()
    assert spots["nearest"].shape == spots["fir"].shape == (16, 16)
    assert int((spots["nearest"] > 1e-6).sum()) == 4
    assert int((spots["fir"] > 1e-6).sum()) == 16  # the filter's 4 x 4
    assert float(spots["fir"].sum()) == pytest.approx(float(spots["nearest"].sum()), rel=1e-5)


def test_fitting_makes_it_more_like_the_photograph(faces: list[np.ndarray]) -> None:
    network, losses = fit("fir", faces[:3], steps=12, seed=1)
    _, repeated = fit("fir", faces[:3], steps=12, seed=1)
    assert losses == repeated
    assert np.mean(losses[-3:]) < 0.8 * losses[0]
    likeness, whole = Likeness(), as_input(faces[4][None, :128, :128])
    small = as_input(halved(faces[4])[None, :64, :64])
    with torch.inference_mode():
        start = Upsampler("fir")
        assert likeness(whole, whole) == 0
        assert likeness(network(small), whole) < likeness(start(small), whole)


def test_the_shipped_ones_were_fitted_to_training_photographs_only() -> None:
    card = read_card()
    assert {Path(folder).as_posix().split("data/")[-1] for folder in card["photographs"]} == {
        "faces256/train/real",
        "wild128",
    }


def test_without_photographs_or_with_damaged_weights(tmp_path: Path, photographs: Path) -> None:
    with pytest.raises(ForensicsError, match="--real"):
        make_corpus(CorpusOptions(tmp_path / "out", RecipeInputs(4), "rebuilt"))
    with pytest.raises(CorpusError, match="missing"):
        Rebuilt(tmp_path / "missing")
    save_upsamplers(tmp_path, {"fir": Upsampler("fir", 4)}, {})
    assert load_upsampler("fir", tmp_path)[0].kind == "fir"
    whole = (tmp_path / "fir.safetensors").read_bytes()
    (tmp_path / "fir.safetensors").write_bytes(whole[:-8])
    for kind in KINDS:  # one cut short, one missing
        with pytest.raises(CheckpointError, match="fit it again"):
            load_upsampler(kind, tmp_path)


def test_photographs_beside_a_generator_keep_their_own_size_rule(photographs: Path) -> None:
    plan = Authentic(photographs, 32)
    assert plan.make([0]).images.shape == (1, 32, 32, 3)
    assert Rebuilt(photographs, 32).make([0]).images.shape == (1, 32, 32, 3)


def test_a_photograph_too_small_to_halve_is_passed_over(photographs: Path, tmp_path: Path) -> None:
    """It neither stops the others nor makes them all as small as it is."""
    for path in sorted(photographs.iterdir())[:2]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "dot.png").write_bytes(encode_png(np.zeros((1, 1, 3), np.uint8)))
    plan = Rebuilt(tmp_path)
    assert (plan.count, plan.resolution) == (2, 40)
    (failure,) = plan.rejected
    assert "dot.png: is 1 x 1 pixels, and 16 a side are needed" in failure.message
