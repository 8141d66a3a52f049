"""What a picture costs: mapping and synthesis of a batch, the least of several runs."""

from __future__ import annotations

import os
import time
from typing import Final

import torch

from forensics.core.terminal import note
from forensics.generators.base import load_generator

NETWORKS: Final = ("ffhq-64", "ffhq-128", "ffhq-256", "ffhq-512", "ffhq-1024", "own-64", "own-128")
BATCHES: Final = (1, 16)
_LARGEST_AT_ONCE: Final = 512 * 512 * 16  # pixels: more would swap on a small machine
_RUNS: Final = 5


@torch.inference_mode()
def measure_speed() -> dict[str, object]:
    """Milliseconds a picture of each network and batch on this machine. JSON-able; `load` says who else computed."""
    load_before = os.getloadavg()[0]
    rows = []
    for name in NETWORKS:
        generator = load_generator(name, "cpu")
        for batch in BATCHES:
            if batch * generator.img_resolution**2 > _LARGEST_AT_ONCE:
                continue
            z, seconds = generator.sample_z(batch, seed=1), []
            for _ in range(_RUNS + 1):  # the first one warms up
                start = time.perf_counter()
                generator.synthesize(generator.map(z, psi=0.7))
                seconds.append(time.perf_counter() - start)
            rows.append({"network": name, "batch": batch, "ms": round(1000 * min(seconds[1:]) / batch, 2)})
            note(f"{rows[-1]}")
    return {"threads": torch.get_num_threads(), "load": round(load_before, 2), "rows": rows}
