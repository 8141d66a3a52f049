"""Which kind of weights file this is, by its content, and the checkpoint in it.

The file is read once: the bytes that are hashed are the bytes that are parsed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forensics.core.errors import CheckpointError
from forensics.core.untrusted import read_untrusted
from forensics.core.weights import network_names, weights_file
from forensics.generators.checkpoints.checkpoint import Checkpoint, listed, quoted
from forensics.generators.checkpoints.formats import native, nvidia, rosinality, srcnet
from forensics.generators.checkpoints.pickles import torch_files
from forensics.generators.checkpoints.pickles.unpickler import Effort, Unpickler

_PICKLE_PROTOCOLS = range(1, 6)


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
    content = read_untrusted(path, native.MAX_FILE_BYTES, CheckpointError)
    checkpoint = _parsed(path, content.data, content.sha256)
    for name, network in checkpoint.networks.items():
        network.source = f"{path}: {quoted(name)}"
    return checkpoint


def _parsed(path: Path, data: bytes, sha256: str) -> Checkpoint:
    n_bytes = len(data)
    if native.is_native(data) and not torch_files.is_torch_zip(data):
        return native.parse_native(path, data, sha256)
    if torch_files.is_torch_zip(data):
        make, value = _from_state_dicts, torch_files.load_torch_zip(path, data)
    elif torch_files.is_torch_legacy(data):
        make, value = _from_state_dicts, torch_files.load_torch_legacy(path, data)
    elif data[:1] == b"\x80" and data[1:2] and data[1] in _PICKLE_PROTOCOLS:
        make, value = nvidia.checkpoint_from, _unpickled(path, data)
    else:
        raise CheckpointError(
            f"{path}: not a weights file that is known here"
            " (NVIDIA .pkl, rosinality or SrcNet .pt, this project's .safetensors)"
        )
    del data  # what was read stands in the records too; with the tensors it would be in memory three times
    return make(path, value, sha256, n_bytes)


def _from_state_dicts(path: Path, value: Any, sha256: str, n_bytes: int) -> Checkpoint:
    if srcnet.is_srcnet(value):
        return srcnet.checkpoint_from(path, value, sha256, n_bytes)
    if rosinality.is_rosinality(value):
        return rosinality.checkpoint_from(path, value, sha256, n_bytes)
    inside = listed([str(name) for name in value if isinstance(name, str)]) if isinstance(value, dict) else ""
    raise CheckpointError(
        f"{path}: a torch.save file of neither rosinality's StyleGAN2 (g_ema, d) nor SrcNet (G with Src_Net);"
        f" it holds {f'the keys {inside}' if inside else f'a {type(value).__name__}'}"
    )


def _unpickled(path: Path, data: bytes) -> Any:
    value, end = Unpickler(str(path), Effort.for_file(len(data))).load(data)
    if end != len(data):
        raise CheckpointError(f"{path}: {len(data) - end} bytes after the end of its pickle; refused")
    return value
