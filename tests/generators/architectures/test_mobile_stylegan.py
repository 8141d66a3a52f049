"""MobileStyleGAN: the released network's numbers, strips against whole maps, the shipped weights and their W."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from forensics.generators.architectures.layers import mobile_strips
from forensics.generators.architectures.layers.wavelet import inverse_haar, inverse_haar_into, planar_order
from forensics.generators.architectures.mobile_stylegan import MobileStyleGANGenerator
from forensics.generators.base import Generator, load_generator
from tests.generators.architectures.reference import assert_equal, relative_error
from tools.speed.plain_mobile import mobile_stylegan_synthesis

GOLDEN = "golden/mobile_stylegan_1024.npz"


def small(img_resolution: int = 256, *, pixel_head: bool = False) -> MobileStyleGANGenerator:
    """A network whose last levels are worked on in strips, with noise."""
    torch.manual_seed(2)
    g = MobileStyleGANGenerator(
        z_dim=16,
        w_dim=16,
        img_resolution=img_resolution,
        channel_base=2048,
        channel_max=16,
        pixel_head=pixel_head,
    )
    with torch.no_grad():
        for name, value in g.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                value.add_(torch.randn_like(value) * 0.3)
    return g.eval().requires_grad_(False)


def errors(g: Generator, shared: Path) -> dict[str, float]:
    """Relative errors of w and of the golden images, by part."""
    golden = {name: torch.from_numpy(value) for name, value in np.load(shared / GOLDEN).items()}
    with torch.inference_mode():
        image = g.synthesize(golden["w_used"][:, None].expand(-1, g.num_ws, -1))
        found = {
            "w": g.map(golden["z"])[:, 0],
            "image_128": F.avg_pool2d(image, 8),
            "crop_0": image[0, :, 384:640, 384:640],
            "crop_3": image[3, :, 100:228, 500:628],
            "mean": image.mean(dim=(1, 2, 3)),
        }
    return {name: relative_error(value, golden[name]) for name, value in found.items()}


def test_the_released_network_gives_the_golden_images(shared: Path, networks: Callable[[str], Path]) -> None:
    networks("mobile-stylegan")
    assert max(errors(load_generator("mobile-stylegan"), shared).values()) < 1e-5


def test_what_ships_gives_them_to_float16_rounding(shared: Path) -> None:
    assert max(errors(load_generator("ffhq-1024"), shared).values()) < 1e-3


def test_the_mean_of_w_is_that_of_published_stylegan2_ffhq(shared: Path) -> None:
    g = load_generator("ffhq-1024")
    published = load_file(shared / "data" / "networks" / "stylegan2_ffhq_w_directions.safetensors")
    mean = published["ganspace_mean"].float().flatten()
    assert float(F.cosine_similarity(mean, g.w_avg, dim=0)) > 0.999
    assert float(g.w_avg.norm()) == pytest.approx(float(mean.norm()), rel=0.01)


def test_the_layers_group_as_documented() -> None:
    g = MobileStyleGANGenerator(channel_base=2048, channel_max=16, num_mapping_layers=1)
    assert g.num_ws == len(g.style_sizes) == 23
    assert g.layer_groups == {"coarse": range(4), "middle": range(4, 10), "fine": range(10, 23)}
    names = list(g.style_sizes)
    assert names[:5] == ["b4.conv", "b8.up", "b8.conv0", "b8.conv1", "b16.up"]
    assert names[-1] == "torgb"
    assert g.stylegan2_layers == [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12, 13, 13, 14, 15]
    assert g.feature_sizes == [4, 8, 16, 32, 64, 128, 256, 512]


def by_modules(g: Generator, ws: Tensor, noise: list[Tensor]) -> Tensor:
    """The image without strips."""
    g.whole_maps = True
    try:
        return g.synthesize(ws, noise)
    finally:
        g.whole_maps = False


@pytest.mark.parametrize("strip_values", [1 << 9, 1 << 12, 1 << 19])
@pytest.mark.parametrize(("n", "pixel_head"), [(1, False), (3, False), (2, True)])
def test_strips_give_what_whole_maps_give(
    strip_values: int, n: int, pixel_head: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two rows, of several, and the whole map at once; with noise of the batch and of each image."""
    monkeypatch.setattr(mobile_strips, "_STRIP_VALUES", strip_values)
    g = small(128 if pixel_head else 256, pixel_head=pixel_head)
    ws = g.map(g.sample_z(n * g.num_ws, seed=4))[:, 0].view(n, g.num_ws, -1)
    for noise in (g.sample_noise(0, range(n)), g.sample_noise(1, [0])):
        assert_equal(g.synthesize(ws, noise), by_modules(g, ws, noise), 2e-6)
    assert_equal(g.synthesize(ws, "none"), g.synthesize(ws, noise_strength=0), 2e-6)


def test_a_graph_of_gradients_takes_the_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    g = small(128)
    ws = g.map(g.sample_z(1)).clone().requires_grad_()
    fast = g.synthesize(ws.detach())

    def refuse(*_: object) -> Tensor:
        raise AssertionError("strips have no gradient")

    monkeypatch.setattr(mobile_strips, "level", refuse)
    monkeypatch.setattr(mobile_strips, "level_and_image", refuse)
    image = g.synthesize(ws)
    assert_equal(image.detach(), fast, 2e-6)
    (gradient,) = torch.autograd.grad(image.sum(), ws)
    assert float(gradient.abs().sum()) > 0


def test_the_layout_for_speed_changes_no_number() -> None:
    g = small(128)
    ws = g.map(g.sample_z(2))
    before = g.synthesize(ws)
    g.lay_out()
    assert_equal(g.synthesize(ws), before, 2e-6)


def test_autocast_is_close() -> None:
    g = small(64)
    ws = g.map(g.sample_z(2))
    exact = g.synthesize(ws)
    g.autocast = torch.bfloat16
    near = g.synthesize(ws)
    assert near.dtype == torch.float32
    assert 0 < relative_error(near, exact) < 0.05


def test_the_wavelet_step_is_orthonormal_and_as_published() -> None:
    bands = torch.randn(2, 8, 3, 5)
    maps = inverse_haar(bands)
    assert maps.shape == (2, 2, 6, 10)
    assert float(maps.square().sum()) == pytest.approx(float(bands.square().sum()), rel=1e-5)
    taps = {1: torch.tensor([1.0, 1.0]), -1: torch.tensor([1.0, -1.0])}
    expected = torch.zeros_like(maps)
    for k, (rows, columns) in enumerate(((1, 1), (-1, 1), (1, -1), (-1, -1))):
        kernel = torch.outer(taps[rows], taps[columns]).expand(2, 1, 2, 2) / 2
        expected += F.conv_transpose2d(bands[:, 2 * k : 2 * k + 2], kernel, stride=2, groups=2)
    assert_equal(maps, expected, 1e-6)
    out = torch.empty(6, 10, 2)
    inverse_haar_into(out, bands[0].view(4, 2, 3, 5).permute(0, 2, 3, 1) / 2)
    assert_equal(out.permute(2, 0, 1), maps[0], 1e-6)


def test_the_order_of_bands() -> None:
    """Published: low-pass maps, then three differences a map."""
    assert planar_order(8).tolist() == [0, 1, 2, 5, 3, 6, 4, 7]


def test_the_plain_way_gives_the_same_image() -> None:
    g = small(128)
    ws = g.map(g.sample_z(2 * g.num_ws, seed=4))[:, 0].view(2, g.num_ws, -1)
    assert_equal(g.synthesize(ws), mobile_stylegan_synthesis(g, ws), 2e-6)
