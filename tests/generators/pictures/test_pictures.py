"""Seeds, sheets and ways between seeds, on a small network whose every layer has noise."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator, load_generator
from forensics.generators.pictures.interpolation import Film, slerp
from forensics.generators.pictures.seeds import Drawing, read_seeds
from forensics.generators.pictures.sheets import PSIS, grid_of, noise_sheet, psi_sheet
from tests.small_stylegan2 import write_small_stylegan2

CONFIG = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16}


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    path = write_small_stylegan2(tmp_path_factory.mktemp("weights"), {**CONFIG, "num_mapping_layers": 2})
    return load_generator(path, "cpu")


def test_seeds_are_a_list_with_ranges_each_once() -> None:
    assert read_seeds("0-3, 44,2,78") == (0, 1, 2, 3, 44, 78)
    assert read_seeds("4294967295") == (2**32 - 1,)


@pytest.mark.parametrize("text", ["", "5-3", "1,,2", "-4", "1.5", "x", "0-4294967296", "0-99999999"])
def test_what_is_no_list_of_seeds_is_one_line(text: str) -> None:
    with pytest.raises(ForensicsError, match="--seeds") as caught:
        read_seeds(text)
    assert "\n" not in str(caught.value)


def test_nvidias_rule_is_random_state_of_the_seed(generator: Generator) -> None:
    z = Drawing(seed_rule="nvidia").z(generator, 85)
    assert np.array_equal(z.numpy()[0], np.random.RandomState(85).randn(1, 8)[0].astype(np.float32))
    assert torch.equal(Drawing().z(generator, 85), generator.sample_z(1, 85))


def test_the_squarest_grid_or_the_one_asked_for() -> None:
    assert [grid_of(None, n) for n in (1, 2, 36, 38)] == [(1, 1), (2, 1), (6, 6), (7, 6)]
    assert grid_of("8x2", 5) == (8, 2)
    for text in ("8", "0x3", "axb", "-1x4"):
        with pytest.raises(ForensicsError, match="columns and rows"):
            grid_of(text, 5)


def test_a_psi_sheet_goes_through_the_mean_face_to_the_face(generator: Generator) -> None:
    images = list(psi_sheet(generator, Drawing(psi=0.3), [4, 5]))
    assert len(images) == 2 * len(PSIS) == 20
    mean = generator.w_avg[None, None].expand(1, generator.num_ws, -1)
    at_zero, at_one = PSIS.index(0), PSIS.index(1)
    expected = generator.to_uint8(generator.synthesize(mean))[0]
    assert np.array_equal(images[at_zero], expected)
    assert np.array_equal(images[10 + at_zero], expected)
    full = generator.to_uint8(Drawing(psi=1.0).image(generator, 5))[0]
    assert np.array_equal(images[10 + at_one], full)


def test_a_noise_sheet_measures_where_noise_moves_pixels(generator: Generator) -> None:
    ((row, level),) = noise_sheet(generator, Drawing(), [3])
    assert len(row) == 6
    assert not np.array_equal(row[0], row[1])
    draws = [
        generator.synthesize(Drawing().ws(generator, 3), generator.sample_noise(3, [i])).clamp(-1, 1)
        for i in range(16)
    ]
    deviation = torch.cat(draws).var(dim=0).mean(dim=0).sqrt() * 127.5
    assert level == pytest.approx(float(deviation.mean()), rel=1e-3)
    assert np.abs(row[5][:, :, 0].astype(float) - (8 * deviation).clamp(0, 255).numpy()).max() <= 1


def test_a_network_without_noise_has_no_noise_sheet(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(generator), "noise_shapes", [])
    with pytest.raises(ForensicsError, match="adds no noise"):
        next(iter(noise_sheet(generator, Drawing(), [3])))


@given(t=st.floats(0, 1), seed=st.integers(0, 1000))
def test_the_great_circle_keeps_ends_length_and_plane(t: float, seed: int) -> None:
    a, b = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 1, 16)))
    point = slerp(a, b, t)
    assert float(point.norm()) == pytest.approx(float(a.norm() * (1 - t) + b.norm() * t), rel=1e-6)
    plane = torch.cat([a, b])
    inside = plane.t() @ torch.linalg.lstsq(plane.t(), point.t()).solution
    assert float((inside.t() - point).norm()) < 1e-6
    assert torch.allclose(slerp(a, b, 0.0), a)
    assert torch.allclose(slerp(a, b, 1.0), b)
    assert torch.allclose(slerp(a, 2 * a, 0.5), 1.5 * a)


@pytest.mark.parametrize("path", ["w", "z"])
@pytest.mark.parametrize("loop", [False, True])
def test_a_film_passes_its_seeds(generator: Generator, path: str, loop: bool) -> None:
    drawing, film = Drawing(noise="random"), Film(frames=3, path=path, loop=loop)
    frames = list(film.pictures(generator, drawing, [7, 8]))
    assert len(frames) == film.count([7, 8]) == (6 if loop else 4)
    noise = generator.sample_noise(7, [0])
    for index, seed in ((0, 7), (3, 8)):
        ends = generator.to_uint8(generator.synthesize(drawing.ws(generator, seed), noise))[0]
        assert np.abs(frames[index].astype(int) - ends).max() <= 1
    assert all(not np.array_equal(a, b) for a, b in pairwise(frames))


def test_what_is_no_film_or_drawing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="at least two"):
        Film().check([4])
    with pytest.raises(ForensicsError, match="choose one of w, z"):
        Film(path="s").check([4, 5])
    for wrong in (Drawing(seed_rule="theirs"), Drawing(noise="loud")):
        with pytest.raises(ForensicsError, match="choose one of"):
            wrong.check()
    with pytest.raises(ForensicsError, match="psi 11"):
        Drawing(psi=11).check()
