"""`forensics generate-corpus` and `forensics walk` as functions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forensics.errors import ForensicsError
from forensics.evidence import write_evidence
from forensics.generators.base import Generator, load_generator
from forensics.generators.recipes.authentic import Authentic
from forensics.generators.recipes.plan import Plan, write_corpus
from forensics.generators.recipes.synthesis import Synthesis
from forensics.generators.recipes.walk import Walk
from forensics.terminal import note, progress

RECIPES = ("synthesis",)
_NOISE = ("const", "random", "none")


def run_generate_corpus(
    out: Path,
    generator: str,
    *,
    count: int,
    psi: float = 0.7,
    recipe: str = "synthesis",
    noise: str = "const",
    real: Path | None = None,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, Any]:
    """A corpus of `count` synthetic faces and, with `real`, that folder's photographs at the same size.

    Returns {corpus, images, made_now, rejected}; `rejected` lists [path, why] of photographs that cannot be read.
    """
    if recipe not in RECIPES:
        raise ForensicsError(f"no recipe {recipe!r}: choose one of {', '.join(RECIPES)}")
    _check_noise(noise)
    network = load_generator(generator, device)
    plans: list[Plan] = [Synthesis(network, count, seed=seed, psi=psi, noise=noise)]
    options = {"n": count, "psi": psi, "recipe": recipe, "noise": noise, "device": str(network.device)}
    rejected: list[list[str]] = []
    if real is not None:
        photographs = Authentic(real, network.img_resolution)
        plans.append(photographs)
        options["real"] = str(real)
        rejected = [[failure.path, failure.message] for failure in photographs.rejected]
        for failure in photographs.rejected:
            note(f"rejected {failure.message}")
    return {**_make(out, plans, network, "generate-corpus", seed, options), "rejected": rejected}


def run_walk(
    out: Path, generator: str, *, noise: str = "const", seed: int = 0, device: str = "auto", **options: Any
) -> dict[str, Any]:
    """A corpus of walks; `options` are those of `Walk` (step, length, walks, space, direction)."""
    _check_noise(noise)
    network = load_generator(generator, device)
    walk = Walk(network, seed=seed, noise=noise, **options)
    return _make(
        out, [walk], network, "walk", seed, {**options, "noise": noise, "device": str(network.device)}
    )


def _check_noise(noise: str) -> None:
    if noise not in _NOISE:
        raise ForensicsError(f"no noise mode {noise!r}: choose one of {', '.join(_NOISE)}")


def _make(
    out: Path,
    plans: Sequence[Plan],
    network: Generator,
    command: str,
    seed: int,
    options: dict[str, Any],
) -> dict[str, Any]:
    with progress(command, sum(p.count for p in plans)) as meter:
        summary = write_corpus(out, plans, meter, command=command)
    write_evidence(
        out,
        sys.argv,
        inputs={network.source: network.weights_sha256},
        seeds={"seed": seed},
        options=options,
    )
    return summary
