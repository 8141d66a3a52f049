"""Decoding in a fresh interpreter, as a command would, with its cost in time and memory bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MAX_SECONDS, MAX_MEGABYTES = 2.0, 500


# Decodes one path in a fresh interpreter, as a command would, and says what came of it and what it cost.
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from forensics.core.errors import ImageError
from forensics.images import decode, find_images, process
began = time.monotonic()
found = find_images([Path(sys.argv[1])])
messages, warnings = [f.message for f in found.failures], []
for path in found.paths:
    try:
        warnings += decode(path).warnings
    except ImageError as error:
        messages.append(str(error))
elapsed = time.monotonic() - began
process.DECODERS.close()
# Not ru_maxrss of this process: that one survives exec, and so tells of the process that started this one.
(own,) = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"messages": messages, "warnings": warnings, "s": elapsed, "mb": (own + children) / 1000}))
"""


def outcome(path: Path) -> tuple[list[str], list[str]]:
    """Messages and warnings of decoding `path` in a fresh process, whose cost is asserted."""
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, timeout=60, check=True
    )
    result = json.loads(run.stdout)
    assert result["s"] < MAX_SECONDS, result
    assert result["mb"] < MAX_MEGABYTES, result
    assert run.stderr == ""
    for line in result["messages"] + result["warnings"]:
        assert line.isprintable(), line
    return result["messages"], result["warnings"]
