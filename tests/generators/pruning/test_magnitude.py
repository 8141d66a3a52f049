"""Pruning in place: exact at any threshold in any order, restored at the end, in every memory layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.generators.architectures.srcnet import SrcNetGenerator
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.pruning.magnitude import MagnitudePruner
from forensics.generators.pruning.weights import weight_layers
from forensics.studies.pruning.knee import knee, running_median


def stylegan2() -> StyleGAN2Generator:
    torch.manual_seed(1)
    network = StyleGAN2Generator(
        z_dim=8, w_dim=8, img_resolution=16, channel_base=256, channel_max=16, num_mapping_layers=2
    )
    network.requires_grad_(False).lay_out()  # channels last, upsampling kernels transposed
    return network


def test_any_order_of_thresholds_gives_the_studys_mask_and_the_end_the_stored_weights() -> None:
    network = stylegan2()
    layers = weight_layers(network)
    layers[3].stored.view(-1)[:5] = 0  # zeros in the file are not counted as left
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with MagnitudePruner(layers) as pruner:
        assert pruner.nonzero == pruner.count - 5
        for threshold in (0.0, 0.001, 0.3, 0.7, 0.7, 0.2, 1.0, 5.0, 0.35):
            pruner.prune(threshold)
            expected = 0
            for layer in layers:
                stored = before[layer.name]
                masked = stored * (stored.abs() >= threshold).float()  # as the study writes it
                assert torch.equal(layer.stored, masked)
                expected += int((masked != 0).sum())
            assert pruner.nonzero == expected
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_it_says_which_layers_changed_and_zero_prunes_nothing() -> None:
    layers = weight_layers(stylegan2())
    with MagnitudePruner(layers) as pruner:
        assert not any(pruner.prune(0.0))
        changed = pruner.prune(0.5)
        # The mapping is stored a hundred times as large (its multiplier is 0.01): 0.5 reaches hardly a weight of it.
        assert all(c for c, layer in zip(changed, layers, strict=True) if layer.stored.std() < 2)
        assert not any(pruner.prune(0.5))
        with pytest.raises(ValueError, match="number"):
            pruner.prune(float("nan"))


def test_weights_are_restored_after_an_error() -> None:
    layers = weight_layers(stylegan2())
    before = layers[0].stored.clone()

    def fail() -> None:
        with MagnitudePruner(layers) as pruner:
            pruner.prune(1.0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(layers[0].stored, before)


def test_srcnet_prunes_the_copy_that_makes_the_images() -> None:
    torch.manual_seed(2)
    network = SrcNetGenerator(
        z_dim=16, img_resolution=16, num_mapping_layers=2, num_blocks=2, channel_max=12, channel_min=8
    )
    ws = network.map(network.sample_z(2))
    image, trained = network.synthesize(ws), network.get_parameter("1.conv.weight_orig").clone()
    with MagnitudePruner(weight_layers(network)) as pruner:
        pruner.prune(1.0)
        # a third of N(0, 1) is beyond 1, as in the published run (1,218,002 of 3,680,500)
        assert pruner.nonzero / pruner.count == pytest.approx(0.317, abs=0.02)
        assert not torch.allclose(network.synthesize(ws), image)
        assert torch.equal(network.get_parameter("1.conv.weight_orig"), trained)
    assert torch.equal(network.synthesize(ws), image)


def test_the_knee_of_known_curves() -> None:
    x = np.linspace(0, 1, 1001)
    found = knee(x, np.where(x < 0.4, 0.38, 0.38 - 0.2 * (x - 0.4)))
    assert found is not None
    assert found.x == pytest.approx(0.4, abs=0.002)
    assert found.bend > 0
    noisy = np.where(x < 0.4, 0.38, 0.38 - 0.2 * (x - 0.4)) + np.random.default_rng(0).normal(0, 0.004, 1001)
    again = knee(x, noisy)
    assert again is not None
    assert again.x == pytest.approx(0.4, abs=0.05)
    circle = knee(
        x, 1 - np.sqrt(1 - (1 - x) ** 2)
    )  # falls at once, then levels off: furthest at 1 - sqrt(1/2)
    assert circle is not None
    assert circle.x == pytest.approx(1 - 0.5**0.5, abs=0.01)
    assert circle.bend < 0
    assert knee(x, x * 2 + 1) is None
    assert knee(x, np.ones(1001)) is None
    assert knee(x, np.sin(3 * x)) is None  # there and nearly back
    assert knee([0, 1, 2], [1, np.nan, 2]) is None


def test_running_median_by_hand() -> None:
    assert running_median(np.array([5.0, 1, 9, 2, 7]), 3).tolist() == [5, 5, 2, 7, 7]


def test_a_weight_with_gaps_is_refused(tmp_path: Path) -> None:
    from forensics.generators.pruning.weights import WeightLayer

    gaps = torch.randn(4, 8)[:, ::2]
    with pytest.raises(ValueError, match="fill"):
        MagnitudePruner([WeightLayer("x", "x", gaps, 1.0, False)])
