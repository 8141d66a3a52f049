"""Networks whose file holds their own tensors only: the rest is that of a network that ships.

`ffhq-256` is the lower levels of `ffhq-1024` and a head of its own. Its file says so in the origin of the network:
{"levels_of": name, "levels_sha256": hash}. Only names of networks that ship count, so that no file leads elsewhere.
"""

from __future__ import annotations

from forensics.core.errors import CheckpointError
from forensics.core.untrusted import read_untrusted
from forensics.core.weights import GENERATORS, weights_file
from forensics.generators.checkpoints.building import empty
from forensics.generators.checkpoints.checkpoint import NetworkState, quoted
from forensics.generators.checkpoints.formats.native import parse_native
from forensics.generators.checkpoints.weights_file import MAX_FILE_BYTES

_LENDER = "levels_of"
_SHA256 = "levels_sha256"


def complete(network: NetworkState) -> None:
    """Add the tensors that the file of `network` leaves to another network, where it says so.

    Raises CheckpointError for a lender that does not ship, has been altered, or lacks what is needed.
    """
    lender = network.origin.get(_LENDER)
    if lender is None:
        return
    if lender not in GENERATORS:
        raise CheckpointError(f"{network.source}: wants the levels of {quoted(lender)}, which does not ship")
    path = weights_file(lender)
    content = read_untrusted(path, MAX_FILE_BYTES, CheckpointError)
    if content.sha256 != network.origin.get(_SHA256):
        raise CheckpointError(f"{network.source}: was made for another {lender}; install the package again")
    state = parse_native(path, content.data, content.sha256).networks["G_ema"].state
    wanted = empty(network).state_dict().keys() - network.state.keys()
    network.state |= {name: state[name] for name in sorted(wanted & state.keys())}
    network.origin = {name: value for name, value in network.origin.items() if name not in (_LENDER, _SHA256)}
    network.notes = [*network.notes, f"levels of {lender} with a head of its own"]
