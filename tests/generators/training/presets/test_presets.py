"""Every preset trains; the published numbers are in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.backbones.inputs import imagenet_normalised
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import load_images
from forensics.generators.base import load_generator
from forensics.generators.training.growing import as_shown, stage_at
from forensics.generators.training.monitoring.artefacts import write_network
from forensics.generators.training.presets import PRESETS, resolve
from forensics.generators.training.steps import blurred
from forensics.generators.training.trainer import STATE_FILE, Trainer

SMALL = {
    "resolution": 16, "batch": 4, "z_dim": 16, "w_dim": 16, "channel_base": 128, "channel_max": 16,
    "num_mapping_layers": 2, "augment": "noaug", "mbstd_group_size": 4,
}  # fmt: skip
SHRUNK = {
    "stylegan3-t": {"generator_extra": {"num_layers": 4, "margin_size": 4}},
    "stylegan3-r": {
        "generator_extra": {"num_layers": 4, "margin_size": 4, "conv_kernel": 1, "use_radial_filters": True},
        "blur_sigma": 1.0,
        "blur_kimg": 1.0,
    },
    "stylegan": {"stable_kimg": 0.008, "fade_kimg": 0.008},
    "progan": {"stable_kimg": 0.008, "fade_kimg": 0.008},
    "srcnet-celeba": {
        "generator_extra": {"num_blocks": 2, "channel_max": 12, "channel_min": 8},
        "discriminator_extra": {"num_blocks": 2, "channel_max": 12, "channel_min": 8},
    },
}


def small(preset: str, images: TrainingImages, folder: Path) -> Trainer:
    options = resolve(preset, **{**SMALL, **SHRUNK.get(preset, {})})
    return Trainer(options, images, folder, torch.device("cpu"))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_trains_resumes_exactly_and_writes_a_generator(
    preset: str, images: TrainingImages, tmp_path: Path, few_generated: None
) -> None:
    one = small(preset, images, tmp_path)
    before = torch.cat([p.detach().flatten().clone() for p in one.G.parameters()])
    for _ in range(5):
        numbers = one.step()
    assert all(np.isfinite(v) for v in numbers.values())
    one.save()
    two = small(preset, images, tmp_path)
    assert two.resume()
    for _ in range(2):
        assert one.step() == two.step()
    for network in ("G", "D", "G_ema"):
        first, second = getattr(one, network).state_dict(), getattr(two, network).state_dict()
        assert [k for k in first if not torch.equal(first[k], second[k])] == []
    assert not torch.equal(before, torch.cat([p.detach().flatten() for p in one.G.parameters()]))
    generator = load_generator(write_network(one), "cpu")
    z = generator.sample_z(2)
    expected = one.G_ema.to_uint8(one.G_ema.synthesize(one.G_ema.map(z)))
    made = generator.to_uint8(generator.synthesize(generator.map(z)))
    assert np.abs(made.astype(int) - expected.astype(int)).max() <= 3  # float16 storage
    assert (tmp_path / STATE_FILE).is_file()


@pytest.mark.parametrize("side", [64, 128])
def test_what_continues_has_the_terms_of_what_began_and_no_first_phase(side: int) -> None:
    began, goes_on = (resolve(f"stylegan2-{side}-{name}").to_json() for name in ("glo", "continued"))
    changed = {name for name in began if began[name] != goes_on[name]} - {"preset"}
    assert changed == {
        "lr_g", "lr_d", "adversarial_weight", "projected_weight", "identity_weight", "glo_kimg", "ema_kimg",
        "ema_rampup",
    }  # fmt: skip
    assert goes_on["glo_kimg"] == 0
    assert goes_on["resolution"] == side


def test_auto_is_the_published_heuristic() -> None:
    o = resolve("stylegan2-ada", resolution=256)
    net = o.network
    assert (o.batch, net.mbstd_group_size, net.channel_base, net.num_mapping_layers) == (16, 4, 16384, 2)
    assert o.optimiser.lr_g == 0.0025
    assert o.regularisation.r1_gamma == pytest.approx(0.0002 * 256**2 / 16)
    assert o.average.ema_kimg == 5.0
    o = resolve("stylegan2-ada", resolution=1024)
    assert (o.batch, o.network.channel_base, o.optimiser.lr_d) == (4, 32768, 0.002)


def test_numbers_of_the_weight_study() -> None:
    o = resolve("srcnet-celeba")
    adam, lazy = o.optimiser, o.regularisation
    assert (o.batch, adam.lr_g, adam.lr_mapping, adam.beta1_g) == (80, 1e-3, 1e-5, 0.1)
    assert (o.sampling.style_mixing_prob, o.average.ema_decay) == (0.8, 0.995)
    assert lazy.r1_gamma / 2 * lazy.d_reg_interval == 8
    assert lazy.pl_weight * lazy.g_reg_interval == 2


def test_rates_of_the_weight_study(images: TrainingImages, tmp_path: Path) -> None:
    trainer = small("srcnet-celeba", images, tmp_path)
    fast, slow = trainer.opt_G.param_groups
    assert (fast["lr"], fast["betas"], slow["lr"]) == (1e-3, (0.1, 0.99), 1e-5)
    slow_names = {n for n, p in trainer.G.named_parameters() if any(p is q for q in slow["params"])}
    assert slow_names == {"const"} | {f"mapping.{i}.{k}" for i in range(2) for k in ("weight_orig", "bias")}
    assert (trainer.opt_D.param_groups[0]["lr"], trainer.opt_D.param_groups[0]["betas"]) == (
        1e-3,
        (0.0, 0.99),
    )


def test_srcnet_sees_normalised_images_as_it_makes_them(images: TrainingImages, tmp_path: Path) -> None:
    generator = small("srcnet-celeba", images, tmp_path).G_ema
    x = imagenet_normalised(images.batch(np.arange(3), np.zeros(3, bool)))
    assert np.abs(generator.to_uint8(x).astype(int) - images.pixels[:3].astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("nimg", "stage"),
    [
        (0, (4, 1.0)), (600_000, (4, 1.0)), (900_000, (8, 0.5)), (1_200_000, (8, 1.0)),
        (2_100_000, (16, 0.5)), (2_400_000, (16, 1.0)), (99_000_000, (16, 1.0)),
    ],
)  # fmt: skip
def test_growing_schedule(nimg: int, stage: tuple[int, float]) -> None:
    assert stage_at(resolve("progan", resolution=16), nimg) == pytest.approx(stage)


def test_growing_sets_the_networks_and_restarts_adam(images: TrainingImages, tmp_path: Path) -> None:
    trainer = small("progan", images, tmp_path)  # 4 px for 8 images, 8 px fades in over 8
    stages = []
    for _ in range(10):
        trainer.step()
        stages.append(trainer.schedule.stage)
        assert float(trainer.G.synthesis.lod) == float(trainer.D.lod) == float(trainer.G_ema.synthesis.lod)
    assert stages[:6] == [(4, 1.0), (4, 1.0), (4, 1.0), (8, 0.5), (8, 1.0), (8, 1.0)]
    assert stages[-1] == (16, 1.0)
    assert min(int(s["step"]) for s in trainer.opt_G.state.values()) < 10


def test_real_images_lose_the_detail_that_has_not_grown(photographs: Path) -> None:
    images = load_images([photographs], 16)
    x = images.batch(np.arange(4), np.zeros(4, bool))
    assert torch.equal(as_shown(x, 16, 1.0), x)
    at_8 = as_shown(x, 8, 1.0)
    assert torch.equal(at_8[:, :, ::2, ::2], at_8[:, :, 1::2, 1::2])
    torch.testing.assert_close(as_shown(x, 16, 0.25), 0.75 * at_8 + 0.25 * x)


def test_blur_is_a_normalised_gaussian_with_half_height_at_sigma() -> None:
    x = torch.zeros(1, 3, 41, 41)
    x[:, :, 20, 20] = 1
    y = blurred(x, 4.0)
    assert float(y.sum()) == pytest.approx(3, rel=1e-5)
    assert float(y[0, 0, 20, 24] / y[0, 0, 20, 20]) == pytest.approx(0.5, rel=1e-5)
    assert blurred(x, 0.2) is x


def test_stylegan3_follows_the_magnitudes_with_the_fakes_of_d(images: TrainingImages, tmp_path: Path) -> None:
    trainer = small("stylegan3-t", images, tmp_path)
    trainer.step()
    magnitudes = [m for n, m in trainer.G_ema.named_buffers() if n.endswith("magnitude_ema")]
    assert any(float(m) != 1.0 for m in magnitudes)
    beta = 0.5 ** (4 / 20_000)
    layer = next(m for m in trainer.G.modules() if hasattr(m, "magnitude_ema"))
    assert layer.magnitude_ema_beta == pytest.approx(beta)
    assert not layer.update_ema
