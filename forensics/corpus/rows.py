"""One row of a manifest: what an image is, and how it was made.

    file       path below the corpus folder, with forward slashes
    sha256     of the file's bytes, hex
    label      0 authentic, 1 synthetic
    family     what kind of thing was done to a face (`FAMILIES`), or null where it is not known
    source     what it comes from: a data set or an architecture, in one word or path
    generator  sha256 of the weights, or null
    recipe     name of the recipe, or null
    method     name of the method that the recipe used (an inverter, editor, swapper, up-sampler), or null
    params     every parameter needed to make it again, with seed and index (an object)
    parents    sha256 of the images it was derived from
    mask       which pixels were changed: {file, sha256} of a grey PNG of the same size, or null

Rows of format version 1 had one `parent`, and neither family, method nor mask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final

AUTHENTIC, SYNTHETIC = 0, 1
FAMILIES: Final = (
    "authentic", "reconstructed", "sampled", "edited", "styled", "restored", "swapped", "reenacted", "pasted",
)  # fmt: skip
ROW_KEYS: Final = (
    "file", "sha256", "label", "family", "source", "generator", "recipe", "method", "params", "parents", "mask",
)  # fmt: skip
_KEYS_OF_VERSION_1: Final = ("file", "sha256", "label", "source", "generator", "recipe", "params", "parent")
# What the recipes of version 1 are called now, and the family of what they made.
_RECIPES_OF_VERSION_1: Final = {
    "synthesis": ("sampled", "sampled"),
    "walk": ("walked", "sampled"),
    "rebuilt": ("rebuilt", "reconstructed"),
    "authentic": ("authentic", "authentic"),
}
_MAX_TEXT_CHARACTERS: Final = 1_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Mask:
    """Which pixels of an image were changed: a grey PNG of its size, 0 where nothing was."""

    file: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image of a corpus. `file` and `sha256` are empty until it is written."""

    label: int
    source: str
    file: str = ""
    sha256: str = ""
    family: str | None = None
    generator: str | None = None
    recipe: str | None = None
    method: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    mask: Mask | None = None

    def written(self, file: str, sha256: str, mask: Mask | None = None) -> Row:
        """The row of the image that lies at `file` with that hash; `params` as JSON has them. ValueError: no row."""
        params = json.loads(json.dumps(dict(self.params), sort_keys=True, allow_nan=False))
        row = replace(self, file=file, sha256=sha256, params=params, mask=mask)
        return row_from_json(row.to_json())

    def to_json(self) -> dict[str, object]:
        """The keys above, in that order; those of `params` sorted."""
        values = {key: getattr(self, key) for key in ROW_KEYS}
        params = json.loads(json.dumps(dict(self.params), sort_keys=True, allow_nan=False))
        mask = None if self.mask is None else vars(self.mask)
        return {**values, "params": params, "parents": list(self.parents), "mask": mask}


def row_from_json(value: Any) -> Row:
    """The row that a line of a manifest of version 1 or 2 holds; ValueError says what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("is not an object")
    keys = _KEYS_OF_VERSION_1 if "parents" not in value else ROW_KEYS
    if unknown := sorted(set(value) - set(keys)):
        raise ValueError(f"has unknown keys {', '.join(map(repr, unknown))}")
    if missing := [key for key in keys if key not in value]:
        raise ValueError(f"has no {', '.join(missing)}")
    fields = value if keys is ROW_KEYS else _of_version_1(value)
    _check(fields)
    mask = fields["mask"]
    return Row(
        **{**fields, "parents": tuple(fields["parents"]), "mask": None if mask is None else Mask(**mask)}
    )


def _of_version_1(value: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = {key: value[key] for key in _KEYS_OF_VERSION_1 if key != "parent"}
    parents = [] if value["parent"] is None else [value["parent"]]
    named = value["recipe"] if isinstance(value["recipe"], str) else None
    recipe, family = _RECIPES_OF_VERSION_1.get(named or "", (value["recipe"], None))
    if family is None and value["label"] == AUTHENTIC:
        family = "authentic"
    return {**fields, "recipe": recipe, "family": family, "method": None, "parents": parents, "mask": None}


def _check(fields: Mapping[str, Any]) -> None:
    """ValueError where the value of a key is not of its kind."""
    if type(fields["label"]) is not int or fields["label"] not in (AUTHENTIC, SYNTHETIC):
        raise ValueError(f"has label {fields['label']!r}, not {AUTHENTIC} or {SYNTHETIC}")
    if not _is_sha256(fields["sha256"]):
        raise ValueError("has a sha256 that is not 64 hex digits")
    if not isinstance(fields["source"], str) or not isinstance(fields["params"], dict):
        raise ValueError("needs a text as source and an object as params")
    for key in ("source", "generator", "recipe", "method"):
        value = fields[key]
        if not (value is None or isinstance(value, str)):
            raise ValueError(f"has a {key} that is neither text nor null")
        if value is not None and len(value) > _MAX_TEXT_CHARACTERS:
            raise ValueError(f"has a {key} of {len(value)} characters")
    if fields["family"] is not None and fields["family"] not in FAMILIES:
        raise ValueError(f"has family {fields['family']!r}, none of {', '.join(FAMILIES)}")
    parents, mask = fields["parents"], fields["mask"]
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise ValueError("has parents that are no list of texts")
    if mask is not None:
        if not isinstance(mask, dict) or set(mask) != {"file", "sha256"} or not _is_sha256(mask["sha256"]):
            raise ValueError("has a mask without file and sha256")
        check_file(mask["file"])
    check_file(fields["file"])


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def check_file(file: Any) -> str:
    """`file` if it is a plain relative path; raises `ValueError` where it leads elsewhere."""
    if not isinstance(file, str) or not file or "\0" in file or "\\" in file:
        raise ValueError("has a file that is not a path")
    if len(file) > _MAX_TEXT_CHARACTERS:
        raise ValueError(f"has a file with a path of {len(file)} characters")
    parts = PurePosixPath(file).parts
    if file.startswith("/") or ".." in parts or "/".join(parts) != file or re.match(r"[A-Za-z]:", file):
        raise ValueError(f"has file {file!r}, which leads out of the corpus")
    return file
