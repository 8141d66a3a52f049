"""How much memory one side of a speed case takes: a process of its own, its highest use minus what it had before.

`python -m tools.speed.memory CASE BATCH ours|plain` prints the bytes.
"""

from __future__ import annotations

import ctypes
import platform
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from forensics.core.terminal import print_line

_LINUX = platform.system() == "Linux"


def peak_bytes(case: str, batch: int, side: str) -> int:
    """Bytes that one call of `side` ("ours" or "plain") of the case takes beyond weights and inputs."""
    command = [sys.executable, "-m", "tools.speed.memory", case, str(batch), side]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(found.stdout)


def main(argv: Sequence[str] | None = None) -> None:
    """Build the case, run one side of it once, print the bytes."""
    from tools.speed.cases import CASES

    name, batch, side = sys.argv[1:] if argv is None else argv
    work = next(case for case in CASES if case.name == name).build(int(batch))
    call = {"ours": work.ours, "plain": work.plain}[side]
    before = _forget_peak()
    call()
    print_line(str(max(_peak() - before, 0)))


def _forget_peak() -> int:
    """Give unused memory back and start the highest use afresh where the system can; what it is now, in bytes."""
    if _LINUX:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    if _LINUX:
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
