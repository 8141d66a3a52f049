"""A picture's recipe: every number needed to make it again bit for bit, and what it must come out as."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch

from forensics.core.errors import ForensicsError
from forensics.core.evidence import machine_kind, versions
from forensics.core.files import sha256_bytes
from forensics.explore.explorer import Explorer, Picture
from forensics.explore.settings import Settings

FORMAT_VERSION: Final = 1
KIND: Final = "forensics explore"
MAX_BYTES: Final = 1 << 20
MAX_THREADS: Final = 256


def recipe_of(explorer: Explorer, settings: Settings, picture: Picture) -> dict[str, Any]:
    """The recipe of `picture`, which `explorer` made of `settings`: JSON-ready, the same each time it is asked for."""
    g = explorer.generator
    return {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "generator": g.source,
        "generator_sha256": g.weights_sha256,
        "settings": settings.to_json(),
        "image": {
            "sha256": sha256_bytes(picture.png()),
            "pixels_sha256": sha256_bytes(picture.pixels.tobytes()),
            "height": picture.pixels.shape[0],
            "width": picture.pixels.shape[1],
        },
        "radius": round(picture.radius, 6),
        "versions": versions(),
        "machine": machine_kind(),
        "device": str(g.device),
        "threads": explorer.threads,
    }


def to_text(recipe: dict[str, Any]) -> str:
    """The recipe as a JSON file holds it."""
    return json.dumps(recipe, indent=2, sort_keys=True) + "\n"


def read_recipe(path: Path) -> dict[str, Any]:
    """The recipe in a file. ForensicsError: there is none, or it is no recipe."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        recipe = json.loads(data.decode("utf-8"))
        if not isinstance(recipe, dict) or recipe.get("kind") != KIND:
            raise ValueError("no recipe of forensics explore")
        if recipe.get("format_version") != FORMAT_VERSION:
            raise ValueError(f"format version {recipe.get('format_version')!r}, this program reads 1")
        if not isinstance(recipe.get("image"), dict):
            raise ValueError("says nothing of its image")
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ForensicsError(
            f"{path}: cannot be used ({reason}); give the JSON saved with a picture"
        ) from error
    return recipe


def remake(explorer: Explorer, recipe: dict[str, Any]) -> Picture:
    """The picture of a recipe, made again. ForensicsError: other weights, settings that are none, other pixels."""
    made_with, here = str(recipe.get("generator_sha256")), explorer.generator.weights_sha256
    if made_with != here:
        raise ForensicsError(
            f"the recipe is for weights {made_with[:12]}… (called {str(recipe.get('generator'))!r}), "
            f"{explorer.generator.source} has {here[:12]}…; name the weights file it was made with"
        )
    settings = Settings.parse(recipe.get("settings"), explorer.space)
    with _threads(explorer, recipe.get("threads")):
        picture = explorer.picture(settings)
    if sha256_bytes(picture.pixels.tobytes()) != recipe["image"].get("pixels_sha256"):
        raise ForensicsError(
            f"the pixels differ from the recipe's; {_differences(recipe, str(explorer.generator.device))}"
        )
    return picture


@contextmanager
def _threads(explorer: Explorer, wanted: Any) -> Iterator[None]:
    """As many threads as the recipe's picture was made with; those there were before, afterwards."""
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= MAX_THREADS:
        raise ForensicsError(f"threads: a recipe says a whole number from 1 to {MAX_THREADS}")
    before, explorer.threads = explorer.threads, wanted
    try:
        yield
    finally:
        explorer.threads = before
        torch.set_num_threads(before)


def _differences(recipe: dict[str, Any], device: str) -> str:
    """What is other here than where the recipe was made, in words."""
    here = {**versions(), **machine_kind(), "device": device}
    there: dict[str, Any] = {"device": recipe.get("device")}
    for part in ("versions", "machine"):
        if isinstance(recipe.get(part), dict):
            there |= recipe[part]
    other = [f"{key} {there[key]} there, {here[key]} here" for key in here if there.get(key) != here[key]]
    return "; ".join(other) if other else "versions and machine kind are alike: the recipe was altered"
