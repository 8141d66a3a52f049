"""The tiny autoencoder rebuilds photographs closely, and writes what it rebuilt."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from forensics.images import decode
from tools.latent_decoder import SIDE_PX, TinyAutoencoder, main, middle


def test_photographs_come_back_nearly_as_they_were(shared: Path, tmp_path: Path) -> None:
    photographs = shared / "data" / "faces256" / "val" / "real"
    networks = shared / "data" / "networks"
    assert main([str(photographs), str(tmp_path), "--networks", str(networks), "--last", "2"]) == 0
    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == [path.name for path in sorted(photographs.iterdir())[-2:]]
    for path in written:
        before = decode(photographs / path.name).pixels.astype(np.float64)
        error = np.mean((before - decode(path).pixels) ** 2)
        assert 28 < 10 * np.log10(255**2 / error) < 42  # dB


def test_the_square_in_the_middle() -> None:
    assert middle(np.zeros((300, 500, 3), np.uint8)).shape == (SIDE_PX, SIDE_PX, 3)
    assert middle(np.zeros((130, 131, 3), np.uint8)).shape == (128, 128, 3)


def test_latents_are_an_eighth_as_wide(shared: Path) -> None:
    import torch

    network = TinyAutoencoder(shared / "data" / "networks")
    latents = network.encoded(torch.rand(1, 3, 64, 48))
    assert latents.shape == (1, 32, 8, 6)
    assert network.decoded(latents).shape == (1, 3, 64, 48)
