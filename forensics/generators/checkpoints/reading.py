"""Which kind of weights file this is, by its content, and the checkpoint in it.

The formats are the readers in the registry. The file is read once: the bytes that are hashed are those parsed.
"""

from __future__ import annotations

from pathlib import Path

from forensics.core.errors import CheckpointError
from forensics.core.registry import methods
from forensics.core.weights import FOLDER, network_names, weights_file
from forensics.generators.checkpoints.apart import read_apart
from forensics.generators.checkpoints.borrowing import complete
from forensics.generators.checkpoints.checkpoint import Checkpoint, listed, quoted
from forensics.generators.checkpoints.weights_file import Reader, WeightsFile


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read the weights of a network by its name, or a file of any known format: NVIDIA .pkl, rosinality .pt, ...

    Nothing in the file is ever executed. Raises CheckpointError, one line, for a file that is missing, unknown,
    damaged or hostile, or that holds NaN or infinity.
    """
    path = weights_file(path)
    if not path.exists() and not path.is_symlink() and not path.suffix:
        raise CheckpointError(
            f"{path}: no such file, and no network is called so ({', '.join(network_names())})"
        )
    file = WeightsFile.open(path)
    # What ships was checked by hash in every test run: it needs no fork, and commands start faster.
    ships = path.parent.parent == FOLDER
    checkpoint = parse(file) if ships else read_apart(file, parse)
    for name, network in checkpoint.networks.items():
        network.source = f"{path}: {quoted(name)}"
        complete(network)
    return checkpoint


def readers() -> dict[str, Reader]:
    """The readers by the name of their format."""
    return {entry.name: entry.target for entry in methods("reader")}


def parse(file: WeightsFile) -> Checkpoint:
    """The checkpoint in `file`, parsed in this process. Raises CheckpointError for what is no network that is known."""
    for reader in readers().values():
        if reader.recognises(file):
            return reader.read(file)
    known = "; ".join(reader.known_as for reader in readers().values())
    if not file.is_torch:
        raise CheckpointError(f"{file.path}: not a weights file that is known here ({known})")
    value = file.torch_object
    inside = listed([str(name) for name in value if isinstance(name, str)]) if isinstance(value, dict) else ""
    holds = f"the keys {inside}" if inside else f"a {type(value).__name__}"
    raise CheckpointError(
        f"{file.path}: a torch.save file of no network that is known here ({known}); it holds {holds}"
    )
