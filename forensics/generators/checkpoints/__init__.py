"""Readers of weights files, one a format, none of which ever runs code from the file."""

from forensics.generators.checkpoints.building import build
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState
from forensics.generators.checkpoints.formats.native import read_native, write_native
from forensics.generators.checkpoints.reading import read_checkpoint

__all__ = ["Checkpoint", "NetworkState", "build", "read_checkpoint", "read_native", "write_native"]
