"""StyleGAN3 against the reference numbers and a plain computation; its filters, their design and application."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.architectures.layers import banded
from forensics.generators.architectures.layers.stylegan3 import SynthesisLayer
from forensics.generators.architectures.layers.stylegan3_filters import lowpass_filter
from forensics.generators.architectures.stylegan3 import StyleGAN3Generator
from tests.generators.architectures.reference import Golden, assert_equal, relative_error
from tools.speed import plain

# Layer names of the published configurations, "L<i>_<size>_<channels>".
PUBLISHED = {
    "T 1024": "36_512 36_512 52_512 52_512 84_512 148_512 148_512 276_323 276_203 532_128 1044_81 1044_51 1044_32 "
    "1024_32 1024_3",
    "T 256": "36_512 36_512 36_512 52_512 52_512 84_512 84_512 148_362 148_256 148_181 276_128 276_91 276_64 "
    "256_64 256_3",
    "R 1024": "36_1024 36_1024 52_1024 52_1024 84_1024 148_1024 148_1024 276_645 276_406 532_256 1044_161 1044_102 "
    "1044_64 1024_64 1024_3",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "T 1024": {},
    "T 256": {"img_resolution": 256, "channel_base": 16384},
    "R 1024": {
        "channel_base": 65536,
        "channel_max": 1024,
        "conv_kernel": 1,
        "use_radial_filters": True,
    },
}


@pytest.fixture(params=["stylegan3t_r32", "stylegan3r_r32"])
def golden(request: pytest.FixtureRequest, shared: Path) -> tuple[Golden, StyleGAN3Generator]:
    """A file of reference numbers and its network."""
    g = Golden(shared, request.param)
    generator = StyleGAN3Generator(**{k: v for k, v in g.config.items() if k != "kind"})
    generator.load_state_dict(g.state("G"))
    return g, generator


def small(rotation: bool, **options: Any) -> StyleGAN3Generator:
    """A small generator whose inner layers do not repeat each other's sizes."""
    torch.manual_seed(4)
    config: dict[str, Any] = {
        "z_dim": 16,
        "w_dim": 24,
        "img_resolution": 32,
        "num_layers": 6,
        "margin_size": 4,
        "channel_base": 512,
        "channel_max": 20,
    }
    if rotation:
        config |= {"conv_kernel": 1, "use_radial_filters": True}
    generator = StyleGAN3Generator(**config | options)
    with torch.no_grad():
        for name, value in generator.state_dict().items():
            if name.endswith(("bias", "input.affine.weight")):
                value.add_(torch.randn_like(value) * 0.2)
            if name.endswith("magnitude_ema"):
                value.uniform_(0.5, 2.0)
    return generator


def ws_of(generator: StyleGAN3Generator, n: int = 2) -> Tensor:
    """A W+ batch whose layers differ."""
    return (
        generator.map(generator.sample_z(n * generator.num_ws))[:, 0].view(n, generator.num_ws, -1).detach()
    )


@pytest.mark.parametrize("grad", [True, False])
def test_images_equal_the_reference(golden: tuple[Golden, StyleGAN3Generator], grad: bool) -> None:
    g, generator = golden
    with torch.set_grad_enabled(grad):
        assert_equal(generator.map(g.io("z")), g.io("ws"))
        assert_equal(generator.synthesize(g.io("ws")), g.io("image"))
        generator.synthesis.input.transform.copy_(g.io("user_transform"))
        assert_equal(generator.synthesize(g.io("ws")), g.io("image_user_transform"))


def test_a_fresh_network_designs_the_filters_of_the_reference(
    golden: tuple[Golden, StyleGAN3Generator],
) -> None:
    g, _ = golden
    fresh = StyleGAN3Generator(**{k: v for k, v in g.config.items() if k != "kind"})
    assert fresh.synthesis.layer_names == g.text("layer_names")
    state = g.state("G")
    assert fresh.state_dict().keys() == state.keys()
    filters = [key for key in state if key.endswith("_filter")]
    assert len(filters) == 12
    for key in filters:
        assert torch.allclose(fresh.state_dict()[key], state[key], rtol=0, atol=1e-7), key


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_published_sizes(name: str) -> None:
    with torch.device("meta"):
        generator = StyleGAN3Generator(**OPTIONS[name])
    assert [n.split("_", 1)[1] for n in generator.synthesis.layer_names] == PUBLISHED[name].split()
    assert generator.num_ws == 16
    millions = sum(p.numel() for p in generator.parameters()) / 1e6
    assert round(millions, 2) == {"T 1024": 22.31, "T 256": 23.32, "R 1024": 15.09}[name]
    layers = dict(generator.synthesis.layers())
    radial = [n for n, m in layers.items() if m.down_filter is not None and m.down_filter.ndim == 2]
    assert len(radial) == (12 if name.startswith("R") else 0)
    assert all(m.up_filter is None and m.down_filter is None for n, m in layers.items() if m.is_torgb)


@pytest.mark.parametrize("rotation", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_both_paths_equal_the_plain_computation(rotation: bool, grad: bool) -> None:
    generator = small(rotation, conv_clamp=1.5)
    ws = ws_of(generator)
    with torch.set_grad_enabled(grad):
        ours = generator.synthesize(ws)
        assert_equal(ours, plain.stylegan3_synthesis(generator, ws))
        free = small(rotation)
        assert relative_error(free.synthesize(ws), ours) > 1e-2, "the clamp must have acted"
        assert_equal(free.synthesize(ws), plain.stylegan3_synthesis(free, ws))


@pytest.mark.parametrize("rotation", [False, True])
def test_filters_are_read_not_redesigned(rotation: bool) -> None:
    generator = small(rotation)
    ws = ws_of(generator)
    with torch.no_grad():
        designed = generator.synthesize(ws)  # makes the matrices of the designed filters
        state = {
            key: value * (1 + torch.linspace(-0.5, 0.8, value.shape[-1]))
            if key.endswith("_filter")
            else value
            for key, value in generator.state_dict().items()
        }
        generator.load_state_dict(state)
        lopsided = generator.synthesize(ws)
        assert relative_error(lopsided, designed) > 0.1
        assert_equal(lopsided, plain.stylegan3_synthesis(generator, ws))


@pytest.mark.parametrize("rotation", [False, True])
def test_odd_options_equal_the_plain_computation(rotation: bool) -> None:
    generator = small(
        rotation,
        img_resolution=48,
        num_layers=5,
        lrelu_upsampling=3,
        filter_size=5,
        num_critical=1,
        img_channels=1,
    )
    ws = ws_of(generator, 1)
    with torch.no_grad():
        assert_equal(generator.synthesize(ws), plain.stylegan3_synthesis(generator, ws))


def test_labels_steer_a_conditional_network() -> None:
    generator = small(False, c_dim=3)
    z, c = generator.sample_z(3), torch.eye(3)
    ws = generator.map(z, c)
    assert relative_error(generator.map(z, c.roll(1, 0)), ws.detach()) > 0.05
    with pytest.raises(ForensicsError, match="has 3 classes; choose one of 0 to 2"):
        generator.map(z)


@pytest.mark.parametrize("rotation", [False, True])
def test_gradients_equal_those_of_the_plain_computation(rotation: bool) -> None:
    generator = small(rotation)
    probe = torch.randn(2, 3, 32, 32)
    gradients = []
    for synthesize in (generator.synthesize, lambda ws: plain.stylegan3_synthesis(generator, ws)):
        ws = ws_of(generator).requires_grad_()
        wanted = [ws, generator.synthesis.input.weight, *(m.weight for _, m in generator.synthesis.layers())]
        gradients.append(torch.autograd.grad((synthesize(ws) * probe).sum(), wanted))
    for ours, reference in zip(*gradients, strict=True):
        assert_equal(ours, reference, 1e-4)


def test_moving_the_input_moves_the_image() -> None:
    generator = small(False)
    ws = ws_of(generator)
    with torch.no_grad():
        image = generator.synthesize(ws)
        generator.synthesis.input.transform[0, 2] = 4 / 32  # four pixels along x
        moved = generator.synthesize(ws)
    inside = slice(6, 26)
    by_transform = moved[:, :, inside, inside]
    assert relative_error(by_transform, image[:, :, inside, inside]) > 0.05
    shifted = image.roll(-4, dims=3)[:, :, inside, inside]
    other_way = image.roll(4, dims=3)[:, :, inside, inside]
    assert relative_error(by_transform, shifted) < 0.2 * relative_error(by_transform, other_way)


def test_magnitudes_are_tracked_on_demand_only() -> None:
    generator = small(False, magnitude_ema_beta=0.75)
    ws = ws_of(generator)
    layer = generator.synthesis.get_submodule(generator.synthesis.layer_names[1])
    assert isinstance(layer, SynthesisLayer)
    seen: list[Tensor] = []
    layer.register_forward_pre_hook(lambda _m, args: seen.append(args[0].square().mean()))
    with torch.no_grad():
        before = layer.magnitude_ema.clone()
        generator.synthesize(ws)
        assert torch.equal(layer.magnitude_ema, before)
        generator.set_update_emas(True)
        generator.synthesize(ws)
        assert torch.allclose(layer.magnitude_ema, before * 0.75 + seen[-1] * 0.25)


def test_matrices_are_made_once_and_never_saved() -> None:
    generator = small(True)
    with torch.no_grad():
        generator.synthesize(ws_of(generator))
        name, layer = next(generator.synthesis.layers())
        for made in (layer.upsampling, layer.downsampling):
            first = made(torch.zeros(1))
            assert made(torch.zeros(1)) is first
            assert made(torch.zeros(1, dtype=torch.float64))[0][0].dense.dtype == torch.float64
        assert sorted(layer.state_dict()) == [
            "affine.bias",
            "affine.weight",
            "bias",
            "down_filter",
            "magnitude_ema",
            "up_filter",
            "weight",
        ], name
        twin = copy.deepcopy(generator)
        assert torch.equal(twin.synthesize(ws_of(generator)), generator.synthesize(ws_of(generator)))


@pytest.mark.parametrize("rotation", [False, True])
def test_what_an_export_records_is_the_same_image(rotation: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = small(rotation)
    ws = ws_of(generator)
    with torch.no_grad():
        image = generator.synthesize(ws)
        monkeypatch.setattr(banded, "is_traced", lambda: True)
        assert_equal(generator.synthesize(ws), image)


@pytest.mark.parametrize(
    ("up", "down", "pad"), [(1, 1, (0, 0)), (2, 1, (5, 6)), (4, 1, (-3, 9)), (1, 2, (2, -1)), (3, 2, (4, 4))]
)
def test_resampling_matrix_is_upfirdn(up: int, down: int, pad: tuple[int, int]) -> None:
    taps, x = torch.rand(7, dtype=torch.float64), torch.randn(1, 2, 9, 9, dtype=torch.float64)
    matrix = banded.resampling_matrix(taps, 9, up=up, down=down, pad=pad)
    expected = plain.upfirdn2d(x, taps, up=up, down=down, pad=pad * 2)
    assert torch.allclose(matrix @ x @ matrix.t(), expected, atol=1e-12)


@pytest.mark.parametrize("rows", [3, 16, 64])
def test_blocks_multiply_like_the_dense_matrix(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    dense = banded.resampling_matrix(torch.randn(12), 40, up=2, down=1, pad=(8, 7))
    matrix = banded.BandedMatrix(dense, rows)
    x = torch.randn(3, 40, 40)
    out = x.new_empty(3, dense.shape[0], 40)
    assert torch.allclose(matrix.left(x, out), dense @ x, atol=1e-5)
    flat = x.view(120, 40)
    right = matrix.right(flat, flat.new_empty(120, dense.shape[0]))
    assert torch.allclose(right, flat @ dense.t(), atol=1e-5)
    assert torch.allclose(matrix.right(flat, right.clone(), accumulate=True), 2 * right, atol=1e-5)
    assert torch.equal(matrix.transpose.dense, dense.t())
    assert matrix.transpose.transpose is matrix


@pytest.mark.parametrize("radial", [False, True])
def test_separable_resampling_has_first_and_second_derivatives(radial: bool) -> None:
    kernel = lowpass_filter(6, 1.0, 2.0, 8.0, radial)
    pairs = banded.separate(kernel)
    terms = [
        tuple(banded.BandedMatrix(banded.resampling_matrix(f, 5, up=1, down=2, pad=(3, 3))) for f in pair)
        for pair in pairs
    ]
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)

    def squared(y: Tensor) -> Tensor:
        return banded.separable(y, terms).square()  # type: ignore[arg-type]

    assert torch.autograd.gradcheck(squared, (x,))
    assert torch.autograd.gradgradcheck(squared, (x,))


def test_a_radial_filter_is_the_sum_of_few_separable_ones() -> None:
    kernel = lowpass_filter(12, 4.0, 6.0, 32.0, radial=True)
    assert kernel is not None
    pairs = banded.separate(kernel)
    assert 1 < len(pairs) <= 6, "a radial filter is symmetric, so of rank 6 at most"
    total = sum(torch.outer(a, b) for a, b in pairs)
    assert isinstance(total, Tensor)
    assert relative_error(total.float(), kernel) < 1e-6
    x = torch.arange(12.0) - 5.5
    radius = torch.hypot(*torch.meshgrid(x, x, indexing="ij"))
    ring = kernel[(radius - radius[0, 5]).abs() < 1e-5]
    assert len(ring) == 8
    assert torch.allclose(ring, ring[0].expand_as(ring), rtol=0.3)


@pytest.mark.parametrize("radial", [False, True])
def test_the_low_pass_filter_passes_low_frequencies_only(radial: bool) -> None:
    cutoff, width, rate = 4.0, 6.0, 32.0
    kernel = lowpass_filter(24, cutoff, width, rate, radial)
    assert kernel is not None
    assert float(kernel.sum()) == pytest.approx(1)
    line = kernel.sum(dim=0) if radial else kernel  # a wave along one axis
    response = torch.fft.rfft(F.pad(line, (0, 1000))).abs()
    freqs = torch.arange(len(response)) * rate / 1024
    assert float((response[freqs < cutoff - width / 2] - 1).abs().max()) < 0.02
    assert float(response[freqs > cutoff + width / 2].max()) < 0.02
    assert lowpass_filter(1, cutoff, width, rate) is None


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("rotation", [False, True])
def test_the_number_of_threads_changes_nothing_and_is_left_as_it_was(rotation: bool, inference: bool) -> None:
    generator = small(rotation, channel_base=2048, channel_max=40)
    ws = ws_of(generator)
    usual = torch.get_num_threads()
    images = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            with torch.inference_mode(inference), torch.no_grad():
                images.append(generator.synthesize(ws).clone())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(usual)
    assert_equal(images[1], images[0], 1e-6)
