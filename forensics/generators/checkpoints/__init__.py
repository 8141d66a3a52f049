"""Readers of weights files, one a format, none of which ever runs code from the file."""

from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState
from forensics.generators.checkpoints.native import read_native, write_native

__all__ = ["Checkpoint", "NetworkState", "read_native", "write_native"]
