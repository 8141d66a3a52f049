"""Beginning with another network: what fits is kept, what does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import NetworkState, write_native
from forensics.generators.training.presets import resolve
from forensics.generators.training.run import Request, Summary, run_training
from forensics.generators.training.trainer import Trainer
from forensics.generators.training.transfer import begin_with, fitted, read_start

G_CONFIG = {
    "z_dim": 24, "w_dim": 20, "img_resolution": 16, "channel_base": 128, "channel_max": 12, "num_mapping_layers": 3,
    "conv_clamp": 256.0,
}  # fmt: skip
D_CONFIG = {"img_resolution": 16, "channel_base": 128, "channel_max": 10, "mbstd_group_size": 2}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    g, d = StyleGAN2Generator(**G_CONFIG), StyleGAN2Discriminator(**D_CONFIG)
    networks = {
        "G_ema": NetworkState("stylegan2", G_CONFIG, g.state_dict()),
        "D": NetworkState("stylegan2-discriminator", D_CONFIG, d.state_dict()),
    }
    write_native(path, networks)
    return path


def test_the_shape_of_the_network_is_kept_and_every_weight(
    weights: Path, images: TrainingImages, tmp_path: Path
) -> None:
    start = read_start(weights)
    options = fitted(resolve("stylegan2-ada", resolution=16, batch=4), start)
    trainer = Trainer(options, images, tmp_path, torch.device("cpu"))
    done = begin_with(start, trainer.G, trainer.G_ema, trainer.D)
    assert [d.left for d in done] == [(), (), ()]
    for name, value in trainer.D.state_dict().items():
        assert torch.equal(value, start.networks["D"].state[name])
    for network in (trainer.G, trainer.G_ema):
        assert all(torch.equal(v, start.networks["G_ema"].state[k]) for k, v in network.state_dict().items())
    assert trainer.step()["loss_G"] > 0


def test_another_preset_keeps_what_fits_and_names_the_rest(weights: Path, trainer: Trainer) -> None:
    start = read_start(weights)
    before = trainer.G.state_dict()["synthesis.b8.conv0.weight"].clone()
    done = {d.network: d for d in begin_with(start, trainer.G, trainer.G_ema, trainer.D)}
    assert any("mapping.fc2.weight has no place here" in line for line in done["G"].left)
    assert any("[12, 12, 3, 3] in the file and [16, 16, 3, 3] here" in line for line in done["G"].left)
    assert torch.equal(trainer.G.state_dict()["synthesis.b8.conv0.weight"], before)
    assert done["G"].kept > 0
    assert "and" in str(done["G"])
    assert "\n" not in str(done["G"])


def test_fine_tuning_is_one_call_and_resumes(weights: Path, photographs: Path, tmp_path: Path) -> None:
    def go(kimg: float) -> Summary:
        changes = {"batch": 4, "resolution": 16}
        return run_training(
            tmp_path / "run", Request([photographs], "stylegan2-ada", changes, kimg=kimg, snap_kimg=0.01, start=weights,
            device="cpu"))  # fmt: skip

    go(0.008)
    summary = go(0.016)
    assert summary.kimg == 0.016
    options = summary.options
    assert options.transfer == read_start(weights).sha256
    assert options.transfer_kimg == 0  # this file does not say
    again = run_training(
        tmp_path / "again", Request([photographs], "stylegan2-ada", {"batch": 4}, kimg=0.004, snap_kimg=0.01,
        start=summary.network, device="cpu"))  # fmt: skip
    assert read_start(again.network).kimg == pytest.approx(0.016 + 0.004)
    tuned, original = load_generator(summary.network, "cpu"), load_generator(weights, "cpu")
    assert tuned.z_dim == 24
    z = original.sample_z(2)
    distance = (tuned.synthesize(tuned.map(z)) - original.synthesize(original.map(z))).abs().mean()
    assert 0 < distance < 0.5 * original.synthesize(original.map(z)).abs().mean()


def test_options_of_another_release_in_a_card_are_named_and_not_used(
    weights: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {"truncation_weight": 2.0, "plain_weight": 0.5, "inner_weight": 0.0}
    start = tmp_path / "old.safetensors"
    write_native(start, read_start(weights).networks, {"options": old, "kimg": 1.0})
    request = Request([photographs], "stylegan2-ada", {"batch": 4}, kimg=0.004, start=start, device="cpu")
    summary = run_training(tmp_path / "run", request)
    assert summary is not None
    assert summary.options.losses.adversarial_weight == 1
    said = capsys.readouterr().err
    assert "old.safetensors: was made with truncation_weight = 2.0, which is no option here: not used" in said
    assert "plain_weight" not in said
    assert "inner_weight" not in said


def test_a_file_without_a_generator(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "d.safetensors"
    d = StyleGAN2Discriminator(**D_CONFIG)
    write_native(path, {"D": NetworkState("stylegan2-discriminator", D_CONFIG, d.state_dict())})
    with pytest.raises(CheckpointError, match="no generator"):
        read_start(path)


def test_freezing_the_discriminator(images: TrainingImages, tmp_path: Path) -> None:
    trainer = Trainer(resolve("tiny-16", freeze_d=5), images, tmp_path, torch.device("cpu"))
    assert trainer.frozen == ["b16.fromrgb", "b16.conv0", "b16.conv1", "b16.skip", "b8.conv0"]
    before = {k: v.clone() for k, v in trainer.D.state_dict().items()}
    for _ in range(2):
        trainer.step()
    changed = {k for k, v in trainer.D.state_dict().items() if not torch.equal(v, before[k])}
    assert not any(name.startswith(("b16.", "b8.conv0.")) for name in changed)
    assert {"b8.conv1.weight", "b4.out.weight"} <= changed
    with pytest.raises(ForensicsError, match="cannot freeze 40 layers"):
        Trainer(resolve("tiny-16", freeze_d=40), images, tmp_path, torch.device("cpu"))
