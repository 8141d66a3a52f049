"""The one door to devices: which one a computation runs on. torch is imported inside, so that the rest starts fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.core.errors import ForensicsError

if TYPE_CHECKING:
    import torch


def pick_device(name: str = "auto") -> torch.device:
    """`auto` is CUDA where there is one, else the CPU; a device that is named and not there is a ForensicsError.

    TF32 is turned off, which rounds factors to 10 bits and which torch allows in convolutions unless told: images
    then differ from the CPU's by 1e-3. Whoever prefers speed turns it on again afterwards, or uses autocast.
    """
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ForensicsError(f"device {name!r} cannot be used here ({reason}); choose auto or cpu") from error
    return torch.device(name)


def uses_bfloat16(device: str) -> bool:
    """Whether training multiplies in bfloat16: on GPUs, and on CPUs whose matrix unit (AMX) makes it faster."""
    import torch

    if torch.device(device).type != "cpu":
        return torch.device(device).type == "cuda"
    with_tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(with_tiles is not None and with_tiles())
