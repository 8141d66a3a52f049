"""Settings to pictures: what each setting does, and that equal settings are equal bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.explore.explorer import Explorer
from forensics.explore.recipe import read_recipe, recipe_of, remake
from forensics.explore.settings import PictureWalk, Settings
from forensics.generators.architectures.stylegan3 import StyleGAN3Generator
from forensics.generators.base import Generator, load_generator


def test_the_face_before_is_the_generators_own(explorer: Explorer) -> None:
    g = explorer.generator
    settings = Settings.of(explorer.shape, seed=5, index=7, psi=0.6, moves=((3, 4.0),), pruning_threshold=0.9)
    expected = g.to_uint8(g.synthesize(g.map(g.sample_z(1, 5, start=7), psi=0.6)))[0]
    assert np.array_equal(explorer.before(settings).pixels, expected)
    assert not np.array_equal(explorer.picture(settings).pixels, expected)
    assert np.array_equal(explorer.before(settings).pixels, expected)


def test_moves_and_walks_change_their_layers_only(explorer: Explorer) -> None:
    plain = Settings.of(explorer.shape, psi=0.5)
    walk = PictureWalk(seed=2, legs=((0.1, 3),))
    before = explorer.ws(plain)
    after = explorer.ws(replace(plain, layers=(1, 2), moves=((3, 2.5), (0, -1.0)), walk=walk))
    change = (after - before)[0]
    assert (change[0] == 0).all()
    assert (change[3:] == 0).all()
    offset = torch.from_numpy(explorer._path.offset(walk))
    offset[3] += 2.5
    offset[0] -= 1
    assert torch.allclose(change[1], offset, atol=1e-6)
    assert torch.equal(change[1], change[2])


def test_radius_and_w_are_those_of_the_changed_layers(explorer: Explorer) -> None:
    mean_face = explorer.picture(Settings.of(explorer.shape, psi=0.0))
    assert mean_face.radius < 0.2  # w_avg is nearly the mean of W
    assert np.allclose(mean_face.w, explorer.generator.w_avg.numpy())
    far = explorer.picture(Settings.of(explorer.shape, psi=0.0, moves=((3, 50.0),)))
    distance = np.linalg.norm(far.w - explorer.statistics.mean.numpy())
    assert far.radius == pytest.approx(distance / explorer.statistics.mean_distance, rel=1e-5)
    last = explorer.shape.num_ws - 1
    late = replace(Settings.of(explorer.shape, psi=0.0, moves=((3, 50.0),)), layers=(last, last))
    assert np.array_equal(explorer.picture(late).w, far.w)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": "none"},
        {"noise": "random"},
        {"noise": "random", "noise_seed": 1},
        {"noise_strength": 2.0},
        {"pruning_threshold": 0.5},
        {"psi": 1.0},
        {"index": 1},
        {"seed": 1},
        {"moves": ((0, 3.0),)},
        {"walk": PictureWalk(legs=((0.2, 5),))},
    ],
)
def test_each_setting_shows_and_is_undone(explorer: Explorer, changes: dict[str, object]) -> None:
    plain = Settings.of(explorer.shape)
    original = explorer.picture(plain).pixels
    changed = explorer.picture(Settings.of(explorer.shape, **changes)).pixels
    assert not np.array_equal(changed, original)
    assert np.array_equal(explorer.picture(plain).pixels, original)
    assert np.array_equal(explorer.picture(Settings.of(explorer.shape, **changes)).pixels, changed)


def test_no_noise_is_noise_of_strength_0(explorer: Explorer) -> None:
    none = explorer.picture(Settings.of(explorer.shape, noise="none"))
    assert np.array_equal(
        none.pixels, explorer.picture(Settings.of(explorer.shape, noise_strength=0.0)).pixels
    )


def test_pruning_leaves_w_alone_counts_and_is_undone_at_the_end(generator: Generator) -> None:
    stored = {name: value.clone() for name, value in generator.state_dict().items()}
    with Explorer(generator) as explorer:
        whole = explorer.picture(Settings.of(explorer.shape))
        pruned = explorer.picture(Settings.of(explorer.shape, pruning_threshold=1.0))
        other_face = explorer.picture(Settings.of(explorer.shape, index=3, pruning_threshold=1.0))
        assert whole.nonzero == explorer.weights
        assert pruned.nonzero == sum(int((x.stored != 0).sum()) for x in explorer._layers) < whole.nonzero
        assert np.array_equal(pruned.w, whole.w)
        unpruned = explorer.picture(Settings.of(explorer.shape, index=3))
        assert np.array_equal(other_face.w, unpruned.w)
        explorer.picture(Settings.of(explorer.shape, pruning_threshold=1.0))
    assert all(torch.equal(value, stored[name]) for name, value in generator.state_dict().items())


def test_a_recipe_makes_the_same_bytes_again(explorer: Explorer, weights: Path, tmp_path: Path) -> None:
    settings = Settings.of(
        explorer.shape, seed=3, moves=((2, -1.5),), noise="random", pruning_threshold=0.3,
        walk=PictureWalk(legs=((0.05, 9), (0.1, 2))),
    )  # fmt: skip
    explorer.picture(Settings.of(explorer.shape, pruning_threshold=2.0))
    picture = explorer.picture(settings)
    text = recipe_of(explorer, settings, picture).to_text()
    assert text == recipe_of(explorer, settings, explorer.picture(settings)).to_text()
    (tmp_path / "recipe.json").write_text(text)
    with Explorer(load_generator(weights, "cpu")) as fresh:
        again = remake(fresh, read_recipe(tmp_path / "recipe.json"))
    assert again.png() == picture.png()


def test_a_recipe_is_made_again_with_its_own_number_of_threads() -> None:
    before = torch.get_num_threads()
    made = {}
    try:
        with Explorer(load_generator("own-64", "cpu")) as explorer:
            settings = [Settings.of(explorer.shape, index=i, moves=((3, i / 4),)) for i in range(12)]
            for explorer.threads in (1, 2):
                pictures = [explorer.picture(each) for each in settings]
                made[explorer.threads] = [
                    (recipe_of(explorer, each, picture), picture.pixels)
                    for each, picture in zip(settings, pictures, strict=True)
                ]
            explorer.threads = before
            for recipe, pixels in made[1] + made[2]:
                assert np.array_equal(remake(explorer, recipe).pixels, pixels)
                assert explorer.threads == torch.get_num_threads() == before
            for wrong in (None, 0, "2", True, 10**6):
                with pytest.raises(ForensicsError, match="threads"):
                    remake(explorer, replace(made[1][0][0], threads=wrong))
    finally:
        torch.set_num_threads(before)
    recorded = [{recipe.threads for recipe, _ in made[n]} for n in (1, 2)]
    assert recorded == [{1}, {2}]


def test_a_recipe_that_does_not_fit_is_one_line(explorer: Explorer, tmp_path: Path) -> None:
    settings = Settings.of(explorer.shape)
    recipe = recipe_of(explorer, settings, explorer.picture(settings))
    with pytest.raises(ForensicsError, match="weights abababababab"):
        remake(explorer, replace(recipe, generator_sha256="ab" * 32))
    with pytest.raises(ForensicsError, match="altered"):
        remake(explorer, replace(recipe, settings={**recipe.settings, "seed": 1}))
    other = {**recipe.versions, "torch": "0.1"}
    with pytest.raises(ForensicsError, match=r"torch 0\.1 there"):
        remake(explorer, replace(recipe, versions=other, settings={"seed": 1}))
    path = tmp_path / "recipe.json"
    for content in (
        "[",
        "[" * 100_000,
        "{}",
        "[1]",
        json.dumps({**recipe.to_json(), "format_version": 9}),
        " " * 2_000_000,
    ):
        path.write_text(content)
        with pytest.raises(ForensicsError, match=r"recipe\.json: cannot be used"):
            read_recipe(path)
    with pytest.raises(ForensicsError, match="no such file"):
        read_recipe(tmp_path / "none.json")


def test_a_network_without_noise_and_one_with_classes() -> None:
    torch.manual_seed(0)
    network = StyleGAN3Generator(
        z_dim=8, w_dim=8, c_dim=2, img_resolution=16, channel_base=128, channel_max=8, num_layers=4,
        num_mapping_layers=1,
    )  # fmt: skip
    network.eval().requires_grad_(False)
    with Explorer(network) as explorer:
        first = explorer.picture(Settings.of(explorer.shape, noise="random"))
        second = explorer.picture(Settings.of(explorer.shape, label=1))
        assert first.pixels.shape == (16, 16, 3)
        assert not np.array_equal(first.w, second.w)
        assert explorer.facts().noise_maps == 0
