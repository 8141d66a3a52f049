"""A picture's recipe: every number needed to make it again bit for bit, and what it must come out as."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch

from forensics.core.errors import ForensicsError
from forensics.core.evidence import machine_kind, versions
from forensics.core.files import sha256_bytes
from forensics.core.terminal import printable
from forensics.core.untrusted import read_json
from forensics.explore.explorer import Explorer, Picture
from forensics.explore.settings import Settings

FORMAT_VERSION: Final = 1
KIND: Final = "forensics explore"
MAX_BYTES: Final = 1 << 20
MAX_THREADS: Final = 256


@dataclass(frozen=True)
class PictureRecipe:
    """How a picture was made. `settings` and `image` are plain JSON: what `Settings.parse` takes, and the hashes and
    size that must come out. What was read from a file is checked by `remake` where it is used."""

    generator: str
    generator_sha256: str
    settings: object
    image: Mapping[str, object]
    radius: object
    versions: object
    machine: object
    device: object
    threads: object

    def to_json(self) -> dict[str, object]:
        """Plain values, with the format."""
        return {"format_version": FORMAT_VERSION, "kind": KIND, **asdict(self)}

    def to_text(self) -> str:
        """The recipe as a JSON file holds it."""
        return json.dumps(self.to_json(), indent=2, sort_keys=True) + "\n"


def recipe_of(explorer: Explorer, settings: Settings, picture: Picture) -> PictureRecipe:
    """The recipe of `picture`, which `explorer` made of `settings`: the same each time it is asked for."""
    g = explorer.generator
    image: Mapping[str, object] = {
        "sha256": sha256_bytes(picture.png()),
        "pixels_sha256": sha256_bytes(picture.pixels.tobytes()),
        "height": picture.pixels.shape[0],
        "width": picture.pixels.shape[1],
    }
    return PictureRecipe(
        generator=g.source,
        generator_sha256=g.weights_sha256,
        settings=settings.to_json(),
        image=image,
        radius=round(picture.radius, 6),
        versions=versions(),
        machine=machine_kind(),
        device=str(g.device),
        threads=explorer.threads,
    )


def recipe_from_json(value: object) -> PictureRecipe:
    """The recipe of a JSON object. ForensicsError: it is none."""
    if not isinstance(value, Mapping) or value.get("kind") != KIND:
        raise ForensicsError("no recipe of forensics explore")
    if value.get("format_version") != FORMAT_VERSION:
        raise ForensicsError(f"format version {value.get('format_version')!r}, this program reads 1")
    if not isinstance(value.get("image"), Mapping):
        raise ForensicsError("says nothing of its image")
    names = ("settings", "image", "radius", "versions", "machine", "device", "threads")
    generator, sha256 = str(value.get("generator")), str(value.get("generator_sha256"))
    return PictureRecipe(generator, sha256, *(value.get(name) for name in names))  # type: ignore[arg-type]


def read_recipe(path: Path) -> PictureRecipe:
    """The recipe in a file. ForensicsError: there is none, or it is no recipe."""
    try:
        return recipe_from_json(read_json(path, MAX_BYTES))
    except ForensicsError as error:
        reason = str(error).removeprefix(f"{printable(path)}: ")
        raise ForensicsError(
            f"{printable(path)}: cannot be used ({reason}); give the JSON saved with a picture"
        ) from error


def remake(explorer: Explorer, recipe: PictureRecipe) -> Picture:
    """The picture of a recipe, made again. ForensicsError: other weights, settings that are none, other pixels."""
    here = explorer.generator.weights_sha256
    if recipe.generator_sha256 != here:
        raise ForensicsError(
            f"the recipe is for weights {recipe.generator_sha256[:12]}… (called {recipe.generator!r}), "
            f"{explorer.generator.source} has {here[:12]}…; name the weights file it was made with"
        )
    settings = Settings.parse(recipe.settings, explorer.shape)
    with _threads(explorer, recipe.threads):
        picture = explorer.picture(settings)
    if sha256_bytes(picture.pixels.tobytes()) != recipe.image.get("pixels_sha256"):
        raise ForensicsError(
            f"the pixels differ from the recipe's; {_differences(recipe, str(explorer.generator.device))}"
        )
    return picture


@contextmanager
def _threads(explorer: Explorer, wanted: object) -> Iterator[None]:
    """As many threads as the recipe's picture was made with; those there were before, afterwards."""
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= MAX_THREADS:
        raise ForensicsError(f"threads: a recipe says a whole number from 1 to {MAX_THREADS}")
    before, explorer.threads = explorer.threads, wanted
    try:
        yield
    finally:
        explorer.threads = before
        torch.set_num_threads(before)


def _differences(recipe: PictureRecipe, device: str) -> str:
    """What is not the same here as where the recipe was made, in words."""
    here: Mapping[str, Any] = {**versions(), **machine_kind(), "device": device}
    there = {"device": recipe.device}
    for part in (recipe.versions, recipe.machine):
        if isinstance(part, Mapping):
            there |= dict(part)
    unlike = [
        f"{key} {there.get(key)} there, {here[key]} here" for key in here if there.get(key) != here[key]
    ]
    return "; ".join(unlike) if unlike else "versions and machine kind are alike: the recipe was altered"
