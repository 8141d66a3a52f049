"""psi in other units: the same images at psi as before at its share, at every psi; others are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator, load_generator
from forensics.generators.checkpoints import Checkpoint, read_checkpoint
from forensics.generators.training.psi import with_psi_moved
from tools import averaging
from tools.spread import main


def faces(generator: Generator, psi: float) -> torch.Tensor:
    """Four images at psi."""
    with torch.inference_mode():
        return generator.synthesize(generator.map(generator.sample_z(4, seed=3), psi=psi))


@pytest.mark.parametrize("share", [0.85, 1.25])
def test_images_at_psi_are_those_at_a_share_of_it(tmp_path: Path, early: Path, share: float) -> None:
    out = tmp_path / "spread.safetensors"
    main([str(out), str(share), str(early)])
    before, after = load_generator(early, "cpu"), load_generator(out, "cpu")
    for psi in (0.0, 0.5, 1.0):
        wanted, found = faces(before, share * psi), faces(after, psi)
        assert (found - wanted).abs().mean() < 2e-3  # float16 in the file
    assert (faces(after, 1.0) - faces(before, 1.0)).abs().mean() > 2e-2


def test_all_but_the_styles_stays_and_shares_multiply(tmp_path: Path, early: Path) -> None:
    checkpoint = read_checkpoint(early)
    made = with_psi_moved(checkpoint, 0.5)
    a, b = checkpoint.networks["G_ema"].state, made["G_ema"].state
    assert a.keys() == b.keys()
    changed = {name for name in a if not torch.equal(a[name], b[name])}
    assert all(".affine." in name for name in changed)
    assert sum(name.endswith("affine.weight") for name in changed) == 14  # nine 3x3 layers, five to RGB
    assert made["D"] is checkpoint.networks["D"]
    for path, source in ((tmp_path / "a", early), (tmp_path / "b", tmp_path / "a")):
        main([str(path), "0.5", str(source)])
    assert read_checkpoint(tmp_path / "b").card["psi_1_was"] == 0.25
    assert read_checkpoint(tmp_path / "b").kimg == checkpoint.kimg


def test_a_mean_does_not_say_what_psi_was_in_its_first_part(tmp_path: Path, early: Path) -> None:
    main([str(tmp_path / "a"), "0.5", str(early)])
    averaging.main([str(tmp_path / "mean"), f"1:{tmp_path / 'a'}", f"1:{early}"])
    card = read_checkpoint(tmp_path / "mean").card
    assert "psi_1_was" not in card
    assert "mean_of" in card


def test_what_cannot_be_is_refused(early: Path) -> None:
    checkpoint = read_checkpoint(early)
    for share in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ForensicsError, match="above 0"):
            with_psi_moved(checkpoint, share)
    without = Checkpoint("w.safetensors", "", "native", {"D": checkpoint.networks["D"]})
    with pytest.raises(ForensicsError, match=r"w.safetensors: holds no G_ema of StyleGAN2"):
        with_psi_moved(without, 0.5)
    other = replace(without, networks={"G_ema": checkpoint.networks["D"]})
    with pytest.raises(ForensicsError, match="holds no G_ema of StyleGAN2"):
        with_psi_moved(other, 0.5)
