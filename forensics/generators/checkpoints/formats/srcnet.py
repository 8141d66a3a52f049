"""The checkpoint.pt of SrcNet: {'G': state dict, 'D': state dict, 'pl_loss_avg': number}.

`G` holds the trained network and, under `Src_Net.`, its running average, from which images are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from forensics.core.cards import Card
from forensics.core.errors import CheckpointError
from forensics.core.registry import register
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState, Plain
from forensics.generators.checkpoints.formats.stylegan2_shapes import count_numbered, need
from forensics.generators.checkpoints.pickles.plain import plain_value
from forensics.generators.checkpoints.pickles.tensors import tensors_of
from forensics.generators.checkpoints.weights_file import WeightsFile


def is_srcnet(value: Any) -> bool:
    """Whether the object of a torch.save file is a SrcNet checkpoint."""
    generator = value.get("G") if isinstance(value, dict) else None
    return isinstance(generator, dict) and "0.upconv.weight_orig" in generator


def checkpoint_from(path: Path, value: dict[Any, Any], sha256: str, n_bytes: int) -> Checkpoint:
    """The networks of a SrcNet checkpoint whose records are `value`. Raises CheckpointError."""
    card = {str(name): plain_value(part) for name, part in value.items() if name not in ("G", "D")}
    state = tensors_of(f"{path}: G", value["G"], n_bytes)
    config = _generator_config(f"{path}: G", state)
    notes = [f"the output size is not in the file: {config['img_resolution']} px is 4 times 2 to the blocks"]
    networks = {"G": NetworkState("srcnet", config, state, notes)}
    if "D" in value:
        if not isinstance(value["D"], dict):
            raise CheckpointError(f"{path}: D is a {type(value['D']).__name__}, not a state dict")
        state = tensors_of(f"{path}: D", value["D"], n_bytes)
        networks["D"] = NetworkState(
            "srcnet-discriminator", _discriminator_config(f"{path}: D", state), state
        )
    return Checkpoint(str(path), sha256, "srcnet", networks, card, [], n_bytes)


def _generator_config(source: str, state: Mapping[str, torch.Tensor]) -> Plain:
    if "Src_Net.const" not in state:
        raise CheckpointError(f"{source}: no averaged copy (Src_Net.*), from which images are made")
    blocks = count_numbered(state, r"(\d{1,2})\.upconv\.weight_orig")
    return {
        "z_dim": need(source, state, "mapping.0.weight_orig", 2)[1],
        "img_resolution": 4 * 2**blocks,
        "img_channels": need(source, state, "0.to_channels.weight_orig", 4)[0],
        "num_mapping_layers": count_numbered(state, r"mapping\.(\d{1,3})\.weight_orig"),
        "num_blocks": blocks,
        "channel_max": need(source, state, "const", 3)[0],
        "channel_min": need(source, state, f"{max(blocks - 1, 0)}.conv.weight_orig", 4)[0],
    }


def _discriminator_config(source: str, state: Mapping[str, torch.Tensor]) -> Plain:
    blocks = count_numbered(state, r"(\d{1,2})\.downconv\.weight_orig")
    first, channels = need(source, state, "from_channels.weight_orig", 4)[:2]
    return {
        "img_resolution": 4 * 2**blocks,
        "img_channels": channels,
        "num_blocks": blocks,
        "channel_max": need(source, state, "conv.weight_orig", 4)[0],
        "channel_min": first,
    }


@register(
    "reader",
    "srcnet",
    Card("The checkpoint of the weight study: G with its average inside, and D.", domain="weights files"),
)
class SrcNetReader:
    """The reader of this format."""

    title = "SrcNet checkpoint"
    known_as = "SrcNet .pt (G with Src_Net)"

    @staticmethod
    def recognises(file: WeightsFile) -> bool:
        """A torch.save file whose G has SrcNet's names."""
        return is_srcnet(file.torch_object)

    @staticmethod
    def read(file: WeightsFile) -> Checkpoint:
        """G with its average inside, and D."""
        return checkpoint_from(file.path, file.torch_object, file.sha256, file.n_bytes)
