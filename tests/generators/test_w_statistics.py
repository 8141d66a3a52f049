"""The statistics that walks start from: what they are, and that the cache gives them back or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load, save

from forensics.core.home import home_folder
from forensics.generators import w_statistics as module
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.base import Generator
from forensics.generators.w_statistics import s_statistics, w_statistics

CONFIG = {
    "z_dim": 12,
    "w_dim": 12,
    "img_resolution": 16,
    "channel_base": 128,
    "channel_max": 16,
    "num_mapping_layers": 2,
}


@pytest.fixture
def generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator:
    monkeypatch.setenv("FORENSICS_HOME", str(tmp_path / "cache"))
    torch.manual_seed(3)
    return StyleGAN2Generator(**CONFIG).eval().requires_grad_(False)


def kept() -> list[Path]:
    return sorted(home_folder().rglob("*.safetensors"))


def must_not_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("was computed again")

    monkeypatch.setattr(module, "_mapped", fail)


def test_the_mean_of_the_latents_and_the_spread_of_the_styles(generator: Generator) -> None:
    ws = generator.map(generator.sample_z(700, seed=2))
    w = w_statistics(generator, 700, seed=2)
    torch.testing.assert_close(w.mean, ws[:, 0].mean(dim=0), rtol=1e-4, atol=1e-6)
    assert w.mean_distance == pytest.approx(float((ws[:, 0] - w.mean).norm(dim=1).mean()), rel=1e-5)
    s = s_statistics(generator, 700, seed=2)
    styles = generator.styles(ws)
    torch.testing.assert_close(s.centre, styles.mean(dim=0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(s.spread, styles.std(dim=0, correction=0), rtol=1e-3, atol=1e-5)
    assert float(s.radius(styles).mean()) == pytest.approx(1, rel=1e-4)


def test_radius_in_w_plus_is_that_of_w_where_the_layers_agree(generator: Generator) -> None:
    statistics = w_statistics(generator, 200)
    w = generator.map(generator.sample_z(5, seed=1))
    torch.testing.assert_close(statistics.radius(w), statistics.radius(w[:, 0]))
    one_layer = statistics.mean.expand(1, generator.num_ws, -1).clone()
    one_layer[0, 2] = w[0, 2]
    expected = statistics.radius(w[:1, 2]) / generator.num_ws**0.5
    torch.testing.assert_close(statistics.radius(one_layer), expected)


def test_a_style_that_never_varies_stays_and_counts_nothing(generator: Generator) -> None:
    first = next(m for name, m in generator.named_modules() if name.endswith("affine"))
    first.weight.zero_()
    s = s_statistics(generator, 200)
    assert float(s.spread[0]) == 0
    assert torch.isfinite(s.radius(s.centre[None] + 1)).all()


def test_what_was_computed_is_kept_to_the_last_bit(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    w, s = w_statistics(generator, 300), s_statistics(generator, 300)
    assert len(kept()) == 2
    must_not_compute(monkeypatch)
    again, styles = w_statistics(generator, 300), s_statistics(generator, 300)
    assert torch.equal(again.mean, w.mean)
    assert again.mean_distance == w.mean_distance
    assert torch.equal(styles.centre, s.centre)
    assert torch.equal(styles.spread, s.spread)
    assert styles.mean_distance == s.mean_distance
    with pytest.raises(AssertionError, match="again"):
        w_statistics(generator, 301)
    with pytest.raises(AssertionError, match="again"):
        w_statistics(generator, 300, seed=1)


def test_a_changed_network_is_another_network(generator: Generator) -> None:
    before = w_statistics(generator, 300)
    generator.mapping.fc0.weight[0, 0] += 1
    after = w_statistics(generator, 300)
    assert not torch.equal(before.mean, after.mean)
    assert len(kept()) == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_safetensors(path: Path) -> None:
    path.write_bytes(b"\x80\x04cos\nsystem\n" * 20)


def one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))


def another_mean(path: Path) -> None:
    arrays = dict(load(path.read_bytes()))
    path.write_bytes(save({**arrays, "mean": arrays["mean"] + 1}))


def another_shape(path: Path) -> None:
    arrays = dict(load(path.read_bytes()))
    path.write_bytes(save({**arrays, "mean": arrays["mean"][:-1]}))


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage", [cut, empty, no_safetensors, one_bit, another_mean, another_shape, a_fifo, a_folder]
)
def test_a_file_that_is_not_what_was_written_is_computed_again(
    generator: Generator, damage: Callable[[Path], None]
) -> None:
    before = w_statistics(generator, 300)
    damage(kept()[0])
    after = w_statistics(generator, 300)
    assert torch.equal(before.mean, after.mean)
    assert before.mean_distance == after.mean_distance


def test_without_a_place_to_keep_them(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FORENSICS_HOME", str(tmp_path / "file"))
    assert w_statistics(generator, 100).n == 100


def test_the_classes_of_a_conditional_network_go_in_turn(generator: Generator) -> None:
    conditional = StyleGAN2Generator(**CONFIG, c_dim=3).eval().requires_grad_(False)
    w = w_statistics(conditional, 300)
    labels = torch.eye(3).repeat(100, 1)
    ws = conditional.map(conditional.sample_z(300), labels)
    torch.testing.assert_close(w.mean, ws[:, 0].mean(dim=0), rtol=1e-4, atol=1e-6)
