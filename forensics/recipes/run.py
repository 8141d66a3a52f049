"""`forensics generate-corpus` and `forensics walk` as functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.terminal import note, progress
from forensics.generators.base import Generator, load_generator
from forensics.recipes.authentic import Authentic
from forensics.recipes.plan import Plan, write_corpus
from forensics.recipes.rebuilt import Rebuilt
from forensics.recipes.sampled import Synthesis
from forensics.recipes.walked import Walk

RECIPES = ("synthesis", "rebuilt")
_NOISE = ("const", "random", "none")


@recorded
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

    Recipe `rebuilt` is of the photographs `real` and of no generator: at most `count` of them, each rebuilt.
    Returns {corpus, images, made_now, rejected}; `rejected` lists [path, why] of photographs that cannot be read.
    """
    if recipe not in RECIPES:
        raise ForensicsError(f"no recipe {recipe!r}: choose one of {', '.join(RECIPES)}")
    if recipe == Rebuilt.name:
        return _rebuild(out, real, count, seed)
    _check_noise(noise)
    network = load_generator(generator, device)
    plans: list[Plan] = [Synthesis(network, count, seed=seed, psi=psi, noise=noise)]
    options = {"n": count, "psi": psi, "recipe": recipe, "noise": noise, "device": str(network.device)}
    rejected: list[list[str]] = []
    if real is not None:
        photographs = Authentic(real, network.img_resolution)
        plans.append(photographs)
        options["real"] = str(real)
        rejected = _noted(photographs)
    return {**_make(out, plans, _inputs(network), "generate-corpus", seed, options), "rejected": rejected}


def _rebuild(out: Path, real: Path | None, at_most: int, seed: int) -> dict[str, Any]:
    if real is None:
        raise ForensicsError("recipe rebuilt is made of photographs: name their folder with --real")
    plan = Rebuilt(real, at_most=at_most)
    rejected = _noted(plan)
    options = {"recipe": plan.name, "n": at_most, "real": str(real)}
    return {**_make(out, [plan], plan.inputs(), "generate-corpus", seed, options), "rejected": rejected}


def _noted(photographs: Authentic) -> list[list[str]]:
    """[path, why] of what cannot be read, said on stderr, too."""
    for failure in photographs.rejected:
        note(f"rejected {failure.message}")
    return [[failure.path, failure.message] for failure in photographs.rejected]


@recorded
def run_walk(
    out: Path, generator: str, *, noise: str = "const", seed: int = 0, device: str = "auto", **options: Any
) -> dict[str, Any]:
    """A corpus of walks; `options` are those of `Walk` (step, length, walks, space, direction)."""
    _check_noise(noise)
    network = load_generator(generator, device)
    walk = Walk(network, seed=seed, noise=noise, **options)
    options |= {"noise": noise, "device": str(network.device)}
    return _make(out, [walk], _inputs(network), "walk", seed, options)


def _inputs(network: Generator) -> dict[str, str]:
    return {network.source: network.weights_sha256}


def _check_noise(noise: str) -> None:
    if noise not in _NOISE:
        raise ForensicsError(f"no noise mode {noise!r}: choose one of {', '.join(_NOISE)}")


def _make(
    out: Path,
    plans: Sequence[Plan],
    inputs: dict[str, str],
    command: str,
    seed: int,
    options: dict[str, Any],
) -> dict[str, Any]:
    with progress(command, sum(p.count for p in plans)) as meter:
        summary = write_corpus(out, plans, meter, command=command)
    write_evidence(
        out,
        inputs=inputs,
        seeds={"seed": seed},
        options=options,
    )
    return summary
