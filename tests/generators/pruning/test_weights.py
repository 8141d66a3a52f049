"""Weight statistics: which tensors count, the numbers against scipy, and the constant each layer is used with."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis

from forensics.generators.architectures.srcnet import SrcNetGenerator
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.pruning.weights import (
    last_block_layers,
    moments,
    weight_layers,
    weight_statistics,
)
from forensics.studies.subject import load_subject
from tests.studies.made import srcnet_file


def test_the_published_network_has_the_published_count() -> None:
    with torch.device("meta"):
        layers = weight_layers(SrcNetGenerator())
    assert sum(layer.stored.numel() for layer in layers) == 3_680_500
    assert [layer.name for layer in last_block_layers(layers)] == [
        "Src_Net.4.upconv.weight_orig",
        "Src_Net.4.conv.weight_orig",
    ]
    assert {layer.block for layer in layers} == {"mapping", "0", "1", "2", "3", "4"}


def test_moments_are_those_of_scipy() -> None:
    x = np.random.default_rng(3).standard_t(5, 5000).astype(np.float32)
    found = moments(torch.from_numpy(x))
    assert found.excess_kurtosis == pytest.approx(kurtosis(x.astype(np.float64)), abs=1e-9)
    assert found.std == pytest.approx(x.astype(np.float64).std())
    assert found.within_0_5_sigma == np.mean(np.abs(x) <= 0.5 * x.astype(np.float64).std())
    assert (found.min, found.max) == (x.min(), x.max())
    assert math.isnan(moments(torch.ones(4)).excess_kurtosis)


def test_used_values_are_those_the_layers_compute_with(shared: Path, tmp_path: Path) -> None:
    generator = load_subject(srcnet_file(shared, tmp_path)).generator
    layers = {layer.name: layer for layer in weight_layers(generator)}
    net = generator.get_submodule("Src_Net")
    # A linear layer's used weights are its answer to unit vectors, less its bias.
    style = net.get_submodule("0.upconv.style")
    answer = style(torch.eye(48)) - style.bias
    torch.testing.assert_close(layers["Src_Net.0.upconv.style.weight_orig"].used, answer.t())
    conv = layers["Src_Net.0.conv.weight_orig"]
    assert conv.gain == pytest.approx(1 / math.sqrt(conv.stored[0].numel()))


def test_a_demodulated_kernel_is_used_at_norm_one_and_a_mapping_at_its_multiplier() -> None:
    torch.manual_seed(0)
    network = StyleGAN2Generator(
        z_dim=8, w_dim=8, img_resolution=16, channel_base=128, channel_max=8, num_mapping_layers=2
    )
    layers = {layer.name: layer for layer in weight_layers(network)}
    conv = layers["synthesis.b16.conv1.weight"]
    assert conv.demodulated
    torch.testing.assert_close(conv.used.flatten(1).norm(dim=1), torch.ones(8))
    fc = network.mapping.get_submodule("fc0")
    assert layers["mapping.fc0.weight"].gain == pytest.approx(0.01 / math.sqrt(8))
    assert layers["mapping.fc0.weight"].stored.data_ptr() == fc.weight.data_ptr()  # no copy
    rgb = layers["synthesis.b16.torgb.weight"]
    assert not rgb.demodulated
    assert rgb.gain == pytest.approx(1 / math.sqrt(8))


def test_histograms_hold_every_weight_once(shared: Path, tmp_path: Path) -> None:
    found = weight_statistics(load_subject(srcnet_file(shared, tmp_path)).generator)
    for row in found.rows:
        edges, counts = found.histograms[row.layer]
        assert counts.sum() == row.count
        assert (edges[0], edges[-1]) == (row.stored.min, row.stored.max)
    assert found.totals.count == sum(row.count for row in found.rows)
