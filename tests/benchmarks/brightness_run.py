"""A benchmark of the detector that measures brightness: every number is known by hand."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from forensics.benchmarks import protocol
from forensics.benchmarks.leakage import Leakage
from forensics.benchmarks.outcome import BenchmarkOutcome
from forensics.benchmarks.perturbations.named import parse
from forensics.benchmarks.protocol import Protocol, run_benchmark
from tests.benchmarks.brightness import Brightness, brightness


class Silent:
    def advance(self, n: int = 1, status: str = "") -> None:
        pass


def run(
    folder: Path, out: Path, perturb: str = "", detector: Brightness | None = None, **more: Any
) -> BenchmarkOutcome:
    """A benchmark; the metadata baseline, which costs most of the time here, only where `metadata` is given."""
    metadata = more.pop("metadata", False)
    protocol_of = Protocol(
        [folder], [detector or brightness()], parse(perturb), **({"n_bootstrap": 50} | more)
    )
    with pytest.MonkeyPatch.context() as patch:
        if not metadata:
            patch.setattr(protocol, "metadata_baseline", lambda *_, **__: Leakage(None, False, {}, ""))
        return run_benchmark(protocol_of, out, lambda title, n: nullcontext(Silent()))
