"""How a recipe ends: from the last snapshots of its run to the file that it is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from forensics.core.errors import ForensicsError
from forensics.generators.checkpoints import read_checkpoint, write_native
from forensics.generators.training.averaging import averaged, card_of_mean
from forensics.generators.training.options import Length
from forensics.generators.training.presets.preset import Ending
from forensics.generators.training.psi import psi_1_was, with_psi_moved

FILE = "weights.safetensors"


def check_ending(ending: Ending | None, length: Length) -> None:
    """Raise `ForensicsError` where the snapshots whose mean is asked for will not be there."""
    if ending is None or length.kimg < ending.at_kimg:
        return
    missing = [at for at in ending.mean_of_kimg if at % length.snap_kimg]
    if missing:
        raise ForensicsError(
            f"the recipe ends with the mean of {', '.join(map(str, ending.mean_of_kimg))} kimg, and a snapshot every "
            f"{length.snap_kimg:g} kimg leaves out {', '.join(map(str, missing))}: give --snap 1"
        )


def finish(folder: Path, ending: Ending | None, kimg: float) -> Path | None:
    """Write the recipe's file into the folder of its run, from its snapshots; None where the recipe has no ending, or
    the run has not come to it."""
    if ending is None or kimg < ending.at_kimg:
        return None
    snapshots = ending.mean_of_kimg or (ending.at_kimg,)
    parts = [(1.0, read_checkpoint(folder / f"network-{at:06d}.safetensors")) for at in snapshots]
    checkpoint = parts[0][1]
    if len(parts) > 1:
        checkpoint = replace(checkpoint, networks=averaged(parts), card=card_of_mean(parts))
    networks = with_psi_moved(checkpoint, ending.psi_1_was)
    card = checkpoint.card | {"psi_1_was": psi_1_was(checkpoint.card, ending.psi_1_was)}
    write_native(folder / FILE, networks, card, storage=torch.float16)
    return folder / FILE
