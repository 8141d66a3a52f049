"""Generators with fewer channels: built to be measured, and saved as weights files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from forensics.core.errors import ForensicsError
from forensics.core.evidence import evidence, recorded
from forensics.generators.base import Generator
from forensics.generators.checkpoints import build
from forensics.generators.checkpoints.checkpoint import NetworkState
from forensics.generators.pruning.channels import narrow, select_channels
from forensics.report.rows import Row
from forensics.studies.subject import Subject, read_subject


class Narrower:
    """Makes the smaller networks of one subject: `state` its generator as data."""

    def __init__(self, subject: Subject) -> None:
        checkpoint, name = read_subject(subject.name)
        self.subject, self.state = subject, checkpoint.networks[name]

    def network(self, share: float, ranking: str) -> NetworkState:
        """The generator as data, less `share` of its channels. ForensicsError: it is of a kind that cannot lose any."""
        return narrow(self.state, select_channels(self.state, self.subject.generator, share, ranking))

    def subject_less(self, share: float, ranking: str) -> Subject:
        """The subject with that generator built, ready to make images."""
        generator = build(self.network(share, ranking))
        assert isinstance(generator, Generator)
        generator.eval().requires_grad_(False).to(self.subject.generator.device)
        generator.lay_out()
        return replace(self.subject, generator=generator)


@dataclass(frozen=True, kw_only=True)
class SizeRow(Row):
    """`parameters` of the synthesis, and `gflop`: 10^9 floating point operations of its products for one image."""

    parameters: int
    gflop: float


def size_of(generator: Generator) -> SizeRow:
    """Parameters and arithmetic of a generator's synthesis."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        generator.synthesize(generator.w_avg.expand(1, generator.num_ws, -1))
    mapping = sum(p.numel() for name, p in generator.named_parameters() if name.startswith("mapping."))
    everything = sum(p.numel() for p in generator.parameters())
    return SizeRow(parameters=everything - mapping, gflop=counted.get_total_flops() / 1e9)


@dataclass(frozen=True)
class NarrowedFile(Row):
    """A weights file that was written: its hash, that of the file it was made of, and channels left by group."""

    saved: str
    sha256: str
    of_sha256: str
    channels: dict[str, int]


@recorded
def save_narrowed(weights: str, share: float, ranking: str, target: Path) -> NarrowedFile:
    """Write the weights file `weights` with its generators less `share` of their channels to `target`, and the evidence
    beside it.

    Every generator in the file (averaged and not) loses the same channels; other networks stay as they are. The
    card says what was taken; equal input gives equal bytes. Raises ForensicsError, with nothing written.
    """
    from forensics.generators.checkpoints.formats.native import write_native

    if target.suffix != ".safetensors":
        raise ForensicsError(f"{target}: smaller networks are saved as .safetensors; name the file so")
    checkpoint, image_network = read_subject(weights)
    if target.exists() and Path(checkpoint.path).samefile(target):
        raise ForensicsError(f"{target}: is the input; name another file")
    state = checkpoint.networks[image_network]
    generator = build(state)
    assert isinstance(generator, Generator)
    selection = select_channels(state, generator.eval(), share, ranking)
    networks = {
        key: narrow(network, selection) if network.kind == state.kind else network
        for key, network in checkpoint.networks.items()
    }
    taken = {"share": share, "ranking": ranking, "of_sha256": checkpoint.sha256}
    sha256 = write_native(target, networks, {**checkpoint.card, "channels_pruned": taken})
    options = {"channels": share, "ranking": ranking, "save": target.name}
    evidence({"weights": checkpoint.sha256}, options=options).write_beside(target)
    left = {group: len(index) for group, index in selection.channels.items()}
    return NarrowedFile(str(target), sha256, checkpoint.sha256, left)
