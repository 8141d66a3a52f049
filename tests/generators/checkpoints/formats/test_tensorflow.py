"""TensorFlow pickles: the images of stand-ins under the published names, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forensics.core.errors import CheckpointError
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import build
from tests.generators.checkpoints.formats.tensorflow_files import (
    LATENT,
    Variables,
    discriminator_variables,
    network,
    pickled,
    split,
    stylegan2_image,
    stylegan2_variables,
    stylegan_image,
    stylegan_variables,
)
from tests.generators.checkpoints.outcomes import read_here

SKIP = {"resolution": 16, "nonlinearity": "lrelu", "resample_kernel": [1, 3, 3, 1]}


def saved(folder: Path, value: Any, protocol: int = 4) -> Path:
    path = folder / "network.pkl"
    path.write_bytes(pickled(value, protocol))
    return path


def assert_images(path: Path, expected: torch.Tensor, z: torch.Tensor) -> None:
    g = load_generator(path, "cpu")
    image = g.synthesize(g.map(z)).double()
    assert float((image - expected).norm() / expected.norm()) < 1e-5


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_stylegan2_computes_what_tensorflow_does(tmp_path: Path, protocol: int) -> None:
    g, ema = (stylegan2_variables(16, 8, seed) for seed in (1, 2))
    d = network("D", discriminator_variables(16, 8), mbstd_group_size=2)
    path = saved(tmp_path, (split(g, **SKIP), d, split(ema, **SKIP)), protocol)
    z = torch.randn(2, LATENT, generator=torch.Generator().manual_seed(0))
    assert_images(path, stylegan2_image(ema, z, 16), z)
    checkpoint = read_here(path)
    assert (checkpoint.format, list(checkpoint.networks)) == ("tensorflow", ["G", "D", "G_ema"])
    generator = load_generator(path, "cpu")
    np.testing.assert_array_equal(generator.w_avg.numpy(), ema["dlatent_avg"])
    discriminator = build(checkpoint.networks["D"])
    assert checkpoint.networks["D"].config["mbstd_group_size"] == 2
    assert discriminator(generator.synthesize(generator.map(z))).shape == (2, 1)


@pytest.mark.parametrize(("fused", "fused_from"), [("auto", 128), (True, 8), (False, 4096)])
def test_stylegan_computes_what_tensorflow_does_whichever_way_it_enlarges(
    tmp_path: Path, fused: Any, fused_from: int
) -> None:
    variables = stylegan_variables(128, 4)
    path = saved(tmp_path, split(variables, fused_scale=fused, blur_filter=[1, 2, 1]))
    z = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(0))
    assert_images(path, stylegan_image(variables, z, 128, fused_from), z)
    wrong = stylegan_image(variables, z, 128, 8 if fused_from > 8 else 4096)
    with pytest.raises(AssertionError):
        assert_images(path, wrong, z)


def test_the_source_inside_is_hashed_and_not_run(tmp_path: Path) -> None:
    path = saved(tmp_path, split(stylegan2_variables(16, 8), **SKIP))
    (state,) = read_here(path).networks.values()
    assert len(state.origin["source_sha256"]) == 64
    assert state.origin["build_function"] == "G_main"


def _changed(change: Callable[[Any], None]) -> Any:
    top = split(stylegan2_variables(16, 8), **SKIP)
    change(top)
    return top


def _renamed(old: str, new: str) -> Variables:
    variables = stylegan2_variables(16, 8)
    variables[new] = variables.pop(old)
    return variables


def _nested(depth: int) -> Any:
    top = network("G", {})
    for _ in range(depth):
        top = network("G", {}, {"mapping": top})
    return top


def _around(top: Any) -> None:
    top.components["mapping"].components["mapping"] = top


HOSTILE: dict[str, tuple[Callable[[], Any], str]] = {
    "an unknown variable": (lambda: split(_renamed("mapping/Dense1/bias", "mapping/Sparse1/bias")), "Sparse1"),
    "a name with a newline": (
        lambda: split(_renamed("mapping/Dense1/bias", "mapping/a\nb")), "cannot name a tensor"
    ),
    "a size of a million digits": (
        lambda: split(_renamed("synthesis/8x8/Conv1/bias", f"synthesis/{'8' * 1000}x{'8' * 1000}/Conv1/bias")),
        "has variables",
    ),
    "a weight of other dimensions": (
        lambda: split(stylegan2_variables(16, 8) | {"synthesis/8x8/Conv1/weight": np.zeros((9, 8, 8), np.float32)}),
        "another shape",
    ),
    "a missing layer": (lambda: split(_renamed("synthesis/8x8/Conv1/weight", "dlatent_avg2")), "dlatent_avg2"),
    "not a number": (
        lambda: split(stylegan2_variables(16, 8) | {"dlatent_avg": np.full(8, np.nan, np.float32)}), "NaN"
    ),
    "an object array": (
        lambda: split(stylegan2_variables(16, 8) | {"dlatent_avg": np.array([None] * 8, object)}), "dtype 'O8'"
    ),
    "variables that are no list": (lambda: _changed(lambda t: t.__dict__.update(variables={})), "without variables"),
    "a variable that is no pair": (lambda: _changed(lambda t: t.variables.append("x")), "no pair"),
    "a variable twice": (lambda: _changed(lambda t: t.variables.append(t.variables[0])), "comes twice"),
    "a part that is no network": (lambda: _changed(lambda t: t.components.update(mapping={})), "no part"),
    "parts without end": (lambda: _nested(30), "nested too deep"),
    "parts in a circle": (lambda: _changed(_around), "refused"),
    "another activation": (lambda: split(stylegan2_variables(16, 8), nonlinearity="relu"), "nonlinearity relu"),
    "another filter": (lambda: split(stylegan2_variables(16, 8), resample_kernel=[1, 2, 1]), "resample_kernel"),
    "a clamp of text": (lambda: split(stylegan2_variables(16, 8), conv_clamp="x"), "no number"),
    "no generator": (lambda: network("E", {"encoder/weight": np.zeros(3, np.float32)}), "neither StyleGAN nor"),
    "text for networks": (lambda: ("G", "D", "Gs"), "no network"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    make, said = HOSTILE[name]
    path = saved(tmp_path, make())
    with pytest.raises(CheckpointError) as caught:
        read_here(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_layer_that_is_not_there_is_one_line_when_it_is_built(tmp_path: Path) -> None:
    variables = stylegan2_variables(16, 8)
    del variables["synthesis/16x16/Conv0_up/bias"]
    with pytest.raises(CheckpointError, match=r"synthesis\.b16\.conv0\.bias"):
        load_generator(saved(tmp_path, split(variables)), "cpu")


def test_cut_off_anywhere_it_is_refused(tmp_path: Path) -> None:
    data = pickled(split(copy.deepcopy(stylegan2_variables(16, 8)), **SKIP))
    path = tmp_path / "cut.pkl"
    for sixteenth in range(16):
        path.write_bytes(data[: len(data) * sixteenth // 16])
        with pytest.raises(CheckpointError):
            read_here(path)
