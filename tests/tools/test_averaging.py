"""The mean of generators of one lineage: by shares, of what was learned alone; others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.core.weights import weights_file
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import Checkpoint, read_checkpoint
from forensics.generators.training.averaging import averaged
from tools.averaging import main


@pytest.fixture(scope="module")
def states(early: Path, middle: Path) -> tuple[Checkpoint, Checkpoint]:
    """Two snapshots of one run."""
    return read_checkpoint(early), read_checkpoint(middle)


def test_learned_weights_are_the_mean_by_shares_and_the_rest_is_of_the_first(
    states: tuple[Checkpoint, Checkpoint],
) -> None:
    early, later = states
    mean = averaged([(3.0, later), (1.0, early)])
    a, b, found = (x["G_ema"].state for x in (later.networks, early.networks, mean))
    for name in (
        "mapping.fc0.weight",
        "synthesis.b32.conv1.weight",
        "synthesis.b64.torgb.bias",
        "mapping.w_avg",
    ):
        assert not torch.equal(a[name], b[name])
        torch.testing.assert_close(found[name], 0.75 * a[name].float() + 0.25 * b[name].float())
    for name in ("synthesis.b32.conv1.noise_const", "synthesis.b32.conv1.resample_filter"):
        assert torch.equal(found[name], a[name])
    assert found.keys() == a.keys()
    assert mean["D"] is later.networks["D"]


def test_the_command_writes_a_generator_between_the_two(tmp_path: Path, early: Path, middle: Path) -> None:
    out = tmp_path / "mean.safetensors"
    main([str(out), f"1:{middle}", f"1:{early}"])
    images = []
    for path in (middle, early, out):
        generator = load_generator(path, "cpu")
        with torch.inference_mode():
            images.append(generator.synthesize(generator.map(generator.sample_z(4, seed=3), psi=0.7)))
    of_middle, of_early, between = images
    apart = (of_middle - of_early).abs().mean()
    assert (between - of_middle).abs().mean() < apart
    assert (between - of_early).abs().mean() < apart
    shares = [[1.0, read_checkpoint(path).sha256] for path in (middle, early)]
    assert read_checkpoint(out).card["mean_of"] == shares


def test_what_has_no_mean_is_refused(
    states: tuple[Checkpoint, Checkpoint], early: Path, middle: Path
) -> None:
    first, later = states
    with pytest.raises(ForensicsError, match="two weights files"):
        averaged([(1.0, first)])
    for share in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ForensicsError, match="above 0"):
            averaged([(1.0, first), (share, later)])
    larger = read_checkpoint(weights_file("own-128"))
    with pytest.raises(ForensicsError, match=r"own-128.*another network"):
        averaged([(1.0, first), (1.0, larger)])
    without = Checkpoint("w.safetensors", "", "native", {"D": later.networks["D"]})
    with pytest.raises(ForensicsError, match="holds no G_ema, but D"):
        averaged([(1.0, first), (1.0, without)])
    with pytest.raises(ForensicsError, match="SHARE:WEIGHTS"):
        main(["out.safetensors", str(early), str(middle)])
