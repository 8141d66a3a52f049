"""The contract every generator keeps, and the parts of it that belong to none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from forensics.core.devices import pick_device
from forensics.core.errors import ForensicsError
from forensics.generators.architectures.mobile_stylegan import MobileStyleGANGenerator
from forensics.generators.architectures.progan import ProGANGenerator
from forensics.generators.architectures.srcnet import SrcNetGenerator
from forensics.generators.architectures.stylegan import StyleGANGenerator
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan3 import StyleGAN3Generator
from forensics.generators.base import Generator
from forensics.generators.latents import latent_z
from tests.generators.architectures.reference import assert_equal

SMALL3 = {
    "z_dim": 24,
    "w_dim": 32,
    "img_resolution": 16,
    "num_layers": 5,
    "margin_size": 3,
    "channel_base": 256,
    "channel_max": 12,
}
KINDS: dict[str, Callable[[], Generator]] = {
    "stylegan2": lambda: StyleGAN2Generator(
        z_dim=24, w_dim=32, img_resolution=16, channel_base=256, channel_max=16, num_mapping_layers=2
    ),
    "stylegan3-t": lambda: StyleGAN3Generator(**SMALL3),  # type: ignore[arg-type]
    "stylegan3-r": lambda: StyleGAN3Generator(**SMALL3, conv_kernel=1, use_radial_filters=True),  # type: ignore[arg-type]
    "mobile-stylegan": lambda: MobileStyleGANGenerator(
        z_dim=24, w_dim=32, img_resolution=32, channel_base=256, channel_max=16, num_mapping_layers=2
    ),
    "mobile-stylegan-pixels": lambda: MobileStyleGANGenerator(
        z_dim=24,
        w_dim=32,
        img_resolution=16,
        channel_base=256,
        channel_max=16,
        num_mapping_layers=2,
        pixel_head=True,
    ),
    "stylegan": lambda: StyleGANGenerator(
        z_dim=24, w_dim=32, img_resolution=16, channel_base=256, channel_max=16, num_mapping_layers=2
    ),
    "progan": lambda: ProGANGenerator(z_dim=24, img_resolution=16, channel_base=256, channel_max=16),
    "srcnet": lambda: SrcNetGenerator(
        z_dim=24, img_resolution=16, num_mapping_layers=2, num_blocks=2, channel_max=16, channel_min=8
    ),
}
# A module of each whose output a dissection would ask for, and its shape without the batch.
FEATURES: dict[str, tuple[str, tuple[int, ...]]] = {
    "stylegan2": ("synthesis.b8.conv1", (16, 8, 8)),
    "stylegan3-t": ("synthesis.L2_22_12", (12, 22, 22)),
    "stylegan3-r": ("synthesis.L2_22_12", (12, 22, 22)),
    "mobile-stylegan": ("synthesis.b8.conv1", (16, 8, 8)),
    "mobile-stylegan-pixels": ("synthesis.b8.conv1", (16, 8, 8)),
    "stylegan": ("synthesis.b8.layer1", (16, 8, 8)),
    "progan": ("synthesis.b8", (16, 8, 8)),
    "srcnet": ("Src_Net.0.conv", (12, 8, 8)),
}
with_noise = pytest.mark.parametrize("kind", ["stylegan2", "mobile-stylegan", "stylegan", "srcnet"])
can_be_cut = pytest.mark.parametrize("kind", ["stylegan2", "mobile-stylegan", "mobile-stylegan-pixels"])
every_kind = pytest.mark.parametrize("kind", list(KINDS))


def make(kind: str) -> Generator:
    """A small generator with everything away from its starting value: noise strengths, biases, averages."""
    torch.manual_seed(3)
    generator = KINDS[kind]()
    with torch.no_grad():
        for name, value in generator.state_dict().items():
            if name.endswith(("noise_strength", "bias", "w_avg", "dlatent_avg", "input.affine.weight")):
                value.add_(torch.randn_like(value) * 0.3)
    return generator.eval()


def ws_of(generator: Generator, n: int = 3) -> Tensor:
    """A W+ batch whose layers differ."""
    ws = generator.map(generator.sample_z(n * generator.num_ws, seed=1)).detach()
    return ws[:, 0].reshape(n, generator.num_ws, -1).clone()


def test_latents_depend_on_seed_and_index_alone() -> None:
    z = latent_z(16, seed=5, indices=range(10))
    assert z.dtype == torch.float32
    assert torch.equal(z[[7, 2]], latent_z(16, seed=5, indices=[7, 2]))
    assert torch.equal(z[:4, :8], latent_z(8, seed=5, indices=range(4)))
    assert not torch.equal(z, latent_z(16, seed=6, indices=range(10)))
    assert latent_z(16, 0, []).shape == (0, 16)
    many = latent_z(64, seed=0, indices=range(500))
    assert abs(float(many.mean())) < 0.02
    assert abs(float(many.std()) - 1) < 0.02


def test_a_device_that_is_not_there_is_an_error_of_one_line() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ForensicsError, match="mtia:7") as error:
        pick_device("mtia:7")
    assert "\n" not in str(error.value)


@every_kind
def test_shapes_and_sizes_are_as_promised(kind: str) -> None:
    g = make(kind)
    z = g.sample_z(3)
    ws = g.map(z)
    s = g.styles(ws)
    x = g.synthesize(ws)
    assert z.shape == (3, g.z_dim)
    assert ws.shape == (3, g.num_ws, g.w_dim)
    assert s.shape == (3, g.s_dim)
    assert g.s_dim == sum(g.style_sizes.values())
    assert [len(t[0]) for t in g.layer_styles(ws)] == list(g.style_sizes.values())
    assert g.w_avg.shape == (g.w_dim,)
    assert x.shape == (3, 3, g.img_resolution, g.img_resolution)
    assert x.dtype == torch.float32
    u = g.to_uint8(x)
    assert u.dtype == np.uint8
    assert u.shape == (3, g.img_resolution, g.img_resolution, 3)
    assert len(np.unique(u)) > 20


@every_kind
def test_image_depends_on_its_own_latent_not_on_the_batch(kind: str) -> None:
    g = make(kind)
    assert torch.equal(g.sample_z(5, seed=9)[3:], g.sample_z(2, seed=9, start=3))
    with torch.no_grad():
        together = g.synthesize(g.map(g.sample_z(5, seed=9), psi=0.7))
        alone = torch.cat([g.synthesize(g.map(g.sample_z(1, seed=9, start=i), psi=0.7)) for i in range(5)])
    assert_equal(together, alone, 2e-6)


@every_kind
def test_truncation_moves_towards_the_mean_layer_by_layer(kind: str) -> None:
    g = make(kind)
    z = g.sample_z(2)
    ws = g.map(z)
    assert torch.equal(g.map(z, psi=1.0), ws)
    assert torch.equal(g.map(z, psi=0.0), g.w_avg.expand_as(ws))
    assert torch.allclose(g.map(z, psi=0.5), (ws + g.w_avg) / 2, atol=1e-6)
    if g.num_ws == 1:
        return
    cut = g.map(z, psi=0.25, cutoff=2)
    assert torch.equal(cut[:, 2:], ws[:, 2:])
    assert torch.allclose(cut[:, :2], g.w_avg + 0.25 * (ws[:, :2] - g.w_avg), atol=1e-6)
    psis = torch.linspace(0, 1, g.num_ws)
    each = g.map(z, psi=psis)
    assert torch.allclose(each, g.w_avg + psis[:, None] * (ws - g.w_avg), atol=1e-6)
    assert torch.equal(each, g.map(z, psi=psis.tolist()))


@every_kind
def test_every_layer_of_w_plus_is_used(kind: str) -> None:
    g = make(kind)
    ws = ws_of(g, n=1)
    with torch.no_grad():
        image = g.synthesize(ws)
        for i in range(g.num_ws):
            changed = ws.clone()
            changed[:, i] += torch.randn(g.w_dim) * 0.5
            assert not torch.equal(g.synthesize(changed), image), f"w of layer {i} changes nothing"


@every_kind
def test_an_image_can_be_made_from_its_styles(kind: str) -> None:
    g = make(kind)
    ws = ws_of(g)
    with torch.no_grad():
        s = g.styles(ws)
        assert torch.equal(g.synthesize_from_styles(s), g.synthesize(ws))
        s[:, : next(iter(g.style_sizes.values()))] *= -1.1
        assert not torch.allclose(g.synthesize_from_styles(s), g.synthesize(ws), atol=1e-3)


@every_kind
def test_gradients_reach_the_latent_and_match_a_finite_difference(kind: str) -> None:
    g = make(kind).double()
    z = g.sample_z(2).double().requires_grad_()
    probe = torch.randn(2, 3, g.img_resolution, g.img_resolution, dtype=torch.float64)
    direction = torch.randn_like(z)

    def value(at: Tensor) -> Tensor:
        return (g.synthesize(g.map(at, psi=0.8)) * probe).sum()

    (gradient,) = torch.autograd.grad(value(z), z)
    step = 1e-7
    with torch.no_grad():
        expected = (value(z + step * direction) - value(z - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(expected), rel=1e-4)


@every_kind
def test_gradients_reach_every_parameter(kind: str) -> None:
    g = make(kind)
    if isinstance(g, SrcNetGenerator):
        g.use_average = False
    g.synthesize(g.map(g.sample_z(2))).square().sum().backward()
    # Colours of sizes that are not the last one are for the fade-in of progressive growing only.
    unused = {n for n, p in g.named_parameters() if p.grad is None}
    grown = kind in ("stylegan", "progan")
    assert unused == ({n for n in unused if "torgb" in n and "b16" not in n} if grown else set())
    assert all(float(p.grad.abs().sum()) > 0 for p in g.parameters() if p.grad is not None)


@every_kind
def test_features_are_had_by_name_with_gradients(kind: str) -> None:
    g = make(kind)
    name, shape = FEATURES[kind]
    ws = ws_of(g).requires_grad_()
    found = g.features(ws, [name])
    assert list(found) == [name]
    assert found[name].shape == (3, *shape)
    (gradient,) = torch.autograd.grad(found[name].sum(), ws)
    assert float(gradient.abs().sum()) > 0
    assert not any(module._forward_hooks for module in g.modules()), "hooks must not stay"
    with pytest.raises(KeyError, match=r"synthesis\.nowhere"):
        g.features(ws, [name, "synthesis.nowhere"])


@pytest.mark.parametrize("kind", ["stylegan2", "mobile-stylegan"])
def test_features_are_those_of_the_whole_batch_without_gradients_too(kind: str) -> None:
    g = make(kind).requires_grad_(False)
    name, shape = FEATURES[kind]
    ws = ws_of(g)
    (features,) = g.features(ws, [name]).values()
    assert features.shape == (3, *shape)
    (alone,) = g.features(ws[2:], [name]).values()
    assert_equal(features[2:], alone, 2e-6)


@can_be_cut
def test_synthesis_can_be_cut_at_every_size(kind: str) -> None:
    g = make(kind)
    ws = ws_of(g)
    with torch.no_grad():
        image = g.synthesize(ws, noise="none")
        for size in g.feature_sizes:
            features = g.synthesize_to(ws, size, noise="none")
            assert features.shape[2:] == (size, size)
            assert_equal(g.synthesize_from(features, ws, size, noise="none"), image, 2e-6)
            other = g.synthesize_from(features.roll(1, dims=3), ws, size, noise="none")
            assert not torch.allclose(other, image, atol=1e-3)
    with pytest.raises(ForensicsError, match="no features of 7 pixels to cut synthesis at: 4, 8"):
        g.synthesize_to(ws, 7)


@can_be_cut
def test_gradients_reach_features_and_latents_of_a_cut(kind: str) -> None:
    g = make(kind).requires_grad_(False)
    ws = ws_of(g).requires_grad_()
    features = g.synthesize_to(ws, 8).detach().requires_grad_()
    g.synthesize_from(features, ws, 8).square().sum().backward()
    assert features.grad is not None
    assert ws.grad is not None
    assert float(features.grad.abs().sum()) > 0
    assert float(ws.grad[:, -1].abs().sum()) > 0
    assert float(ws.grad[:, 0].abs().sum()) == 0, "the first layer stands before the cut"


def test_an_architecture_without_cuts_says_so() -> None:
    g = make("progan")
    with pytest.raises(ForensicsError, match="this architecture has no F space"):
        g.synthesize_to(ws_of(g), 8)


@every_kind
def test_a_generator_is_one_line_in_print(kind: str) -> None:
    g = make(kind)
    g.weights_sha256 = "0123456789abcdef"
    architecture = kind.removesuffix("-t").removesuffix("-r").removesuffix("-pixels")
    assert repr(g) == (
        f"<{architecture}, {g.img_resolution} px, num_ws {g.num_ws}, w_dim {g.w_dim}, weights 01234567>"
    )


def test_the_seed_rule_of_nvidias_scripts() -> None:
    g = make("stylegan2")
    z = g.sample_z(3, seed=7, rule="nvidia")
    assert torch.equal(z[1], torch.from_numpy(np.random.RandomState(8).randn(1, 24).astype(np.float32))[0])
    assert torch.equal(z[2:], g.sample_z(1, seed=7, start=2, rule="nvidia"))
    with pytest.raises(ForensicsError, match="no seed rule is called 'best'"):
        g.sample_z(1, rule="best")


@every_kind
def test_state_dict_makes_the_same_network_again(kind: str) -> None:
    g = make(kind)
    torch.manual_seed(99)
    other = KINDS[kind]().eval()
    ws = ws_of(g)
    with torch.no_grad():
        assert not torch.equal(other.synthesize(ws), g.synthesize(ws))
        other.load_state_dict(g.state_dict())
        assert torch.equal(other.map(g.sample_z(2), psi=0.5), g.map(g.sample_z(2), psi=0.5))
        assert torch.equal(other.synthesize(ws), g.synthesize(ws))


@with_noise
def test_noise_is_fixed_random_absent_given_or_scaled(kind: str) -> None:
    g = make(kind)
    ws = ws_of(g, n=2)
    with torch.no_grad():
        const, none = g.synthesize(ws), g.synthesize(ws, "none")
        assert torch.equal(const, g.synthesize(ws, "const"))
        assert not torch.allclose(const, none, atol=1e-3)
        torch.manual_seed(1)
        random = g.synthesize(ws, "random")
        assert not torch.allclose(random, g.synthesize(ws, "random"), atol=1e-3)
        torch.manual_seed(1)
        assert torch.equal(random, g.synthesize(ws, "random"))
        assert torch.equal(g.synthesize(ws, "const", noise_strength=0.0), none)
        assert not torch.allclose(g.synthesize(ws, noise_strength=2.0), const, atol=1e-3)
    with pytest.raises(ValueError, match="nosie"):
        g.synthesize(ws, "nosie")


@with_noise
def test_sampled_noise_fits_the_network_and_depends_on_seed_and_index_alone(kind: str) -> None:
    g = make(kind)
    maps = g.sample_noise(4, [0, 1])
    assert [m.shape for m in maps] == [(2, 1, *size) for size in g.noise_shapes]
    assert all(torch.equal(m[1:], one) for m, one in zip(maps, g.sample_noise(4, [1]), strict=True))
    with torch.no_grad():
        ws = ws_of(g, n=2)
        assert not torch.allclose(g.synthesize(ws, maps), g.synthesize(ws, "none"), atol=1e-3)


@with_noise
def test_noise_maps_are_taken_in_layer_order_and_scaled_one_by_one(kind: str) -> None:
    g = make(kind)
    ws = ws_of(g, n=2)
    sizes = {
        "stylegan2": [4, 8, 8, 16, 16],
        "mobile-stylegan": [4, 8, 8, 16, 16],
        "stylegan": [4, 4, 8, 8, 16, 16],
        "srcnet": [8, 8, 16, 16],
    }[kind]
    torch.manual_seed(2)
    maps = [torch.randn(2, 1, r, r) for r in sizes]
    with torch.no_grad():
        image = g.synthesize(ws, noise=maps)
        one_by_one = torch.cat([g.synthesize(ws[i : i + 1], [m[i : i + 1] for m in maps]) for i in range(2)])
        assert_equal(image, one_by_one, 2e-6)
        for i in range(len(sizes)):
            strengths = [float(k != i) for k in range(len(sizes))]
            zeroed = [m * k for m, k in zip(maps, strengths, strict=True)]
            without = g.synthesize(ws, maps, noise_strength=strengths)
            assert_equal(without, g.synthesize(ws, zeroed), 2e-6)
            assert not torch.equal(without, image), f"the noise of layer {i} changes nothing"
        shared = [m[:1] for m in maps]
        assert_equal(
            g.synthesize(ws, shared), g.synthesize(ws, [m.expand(2, -1, -1, -1) for m in shared]), 2e-6
        )
    with pytest.raises(ValueError, match=f"{len(sizes)} noise maps, got 2"):
        g.synthesize(ws, noise=maps[:2])
    with pytest.raises(ValueError):
        g.synthesize(ws, noise=maps, noise_strength=[1.0])


@pytest.mark.parametrize("kind", ["stylegan3-t", "stylegan3-r", "progan"])
def test_a_generator_without_noise_says_so_when_given_maps(kind: str) -> None:
    g = make(kind)
    ws = ws_of(g, n=1)
    with torch.no_grad():
        assert torch.equal(g.synthesize(ws, "none"), g.synthesize(ws, "random"))
        assert torch.equal(g.synthesize(ws, []), g.synthesize(ws, "const"))
    with pytest.raises(ValueError, match="no noise maps"):
        g.synthesize(ws, [torch.zeros(1, 1, 4, 4)])


def test_pixels_are_rounded_as_the_public_scripts_do() -> None:
    g = make("stylegan2")
    x = torch.tensor([-2.0, -1.0, -0.0001, 0.0, 0.5, 0.9999, 1.0, 3.0]).view(1, 1, 2, 4)
    assert g.to_uint8(x).ravel().tolist() == [0, 0, 127, 128, 191, 255, 255, 255]


@pytest.mark.parametrize(
    "kind", ["stylegan3-t", "stylegan3-r", "mobile-stylegan", "stylegan", "progan", "srcnet"]
)
def test_synthesis_can_be_recorded_for_any_number_of_images(kind: str) -> None:
    g = make(kind).requires_grad_(False)

    class Synthesis(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.g = g

        def forward(self, ws: Tensor) -> Tensor:
            return self.g.synthesize(ws)

    ws = ws_of(g)
    with torch.no_grad():
        image = g.synthesize(ws)
        n = torch.export.Dim("n", min=1, max=64)
        recorded = torch.export.export(Synthesis(), (ws[:2],), dynamic_shapes=({0: n},)).module()
        assert_equal(recorded(ws), image, 2e-6)
