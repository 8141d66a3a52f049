"""Every registered inverter keeps the contract, on photographs' stand-ins that a shipped generator made."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import forensics
from forensics.core.errors import ForensicsError
from forensics.core.registry import methods
from forensics.generators.base import Generator
from forensics.generators.inversion.contract import Inverter, load_inverter
from forensics.generators.inversion.projector import autocorrelation
from forensics.generators.inversion.search import rate

NAMES = [one.name for one in methods("inverter")]
STEPS = 12


@pytest.fixture(scope="module")
def generator() -> Generator:
    return forensics.load_generator("own-64", device="cpu")


@pytest.fixture(scope="module")
def faces(generator: Generator) -> NDArray[np.uint8]:
    with torch.inference_mode():
        ws = generator.map(generator.sample_z(2, seed=5), psi=0.7)
        return generator.to_uint8(generator.synthesize(ws))


@pytest.mark.parametrize("name", NAMES)
def test_an_inversion_is_nearer_than_the_mean_face_and_says_so(
    name: str, generator: Generator, faces: NDArray[np.uint8]
) -> None:
    inverter: Inverter = load_inverter(name)
    pair = inverter.invert(faces, generator, seed=3, steps=STEPS)
    alone = inverter.invert(faces[1:], generator, seed=3, steps=STEPS)
    assert len(pair) == 2
    assert torch.equal(pair[1].ws, alone[0].ws)
    assert pair[1].losses == alone[0].losses
    for inversion, face in zip(pair, faces, strict=True):
        assert inversion.method == name
        assert inversion.ws.shape == (1, generator.num_ws, generator.w_dim)
        assert inversion.ws.dtype == torch.float32
        assert len(inversion.losses) == (STEPS if inverter.steps > 1 else 1)
        assert inversion.best_step == 0 if inverter.steps == 1 else 0 < inversion.best_step < STEPS
        image = inversion.image()
        assert image.shape == face.shape
        assert image.dtype == np.uint8
        with torch.inference_mode():
            mean = generator.to_uint8(generator.synthesize(generator.w_avg.expand(1, generator.num_ws, -1)))[
                0
            ]
        assert _mse(image, face) < 0.8 * _mse(mean, face)


def _mse(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.mean((a.astype(float) - b.astype(float)) ** 2))


@pytest.mark.parametrize("name", NAMES)
def test_wrong_images_and_steps_are_one_line(
    name: str, generator: Generator, faces: NDArray[np.uint8]
) -> None:
    with pytest.raises(ForensicsError, match="this generator takes uint8"):
        load_inverter(name).invert(faces[:, :32], generator)
    with pytest.raises(ForensicsError, match="at least 1"):
        load_inverter(name).invert(faces, generator, steps=0)


def test_the_function_takes_a_photograph_of_any_size_and_names_the_methods(generator: Generator) -> None:
    wide = np.zeros((70, 140, 3), np.uint8)
    inversion = forensics.invert(wide, generator, "features", steps=3)
    assert inversion.features is not None
    assert inversion.image().shape == (64, 64, 3)
    with pytest.raises(ForensicsError, match=r"choose one of .*projector"):
        forensics.invert(wide, generator, "nobody")


def test_the_rate_rises_and_falls() -> None:
    assert rate(0.01) < rate(0.05) == rate(0.5) == 1.0
    assert rate(0.99) < 0.01


def test_a_map_that_repeats_itself_is_penalised() -> None:
    drawn = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    smooth = torch.linspace(-1.7, 1.7, 32).expand(1, 1, 32, 32)
    assert autocorrelation(smooth) > 10 * autocorrelation(drawn)


def test_a_generator_without_an_encoder_says_how_to_get_one(faces: NDArray[np.uint8]) -> None:
    other = forensics.load_generator("own-64", device="cpu")
    other.weights_sha256 = "0" * 64
    with pytest.raises(ForensicsError, match="forensics fit-encoder"):
        load_inverter("linear").invert(faces, other)
