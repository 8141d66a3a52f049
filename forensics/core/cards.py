"""The card of a method: what it is, who published it, under which licence, where it holds, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Card:
    """What every registered method says of itself.

    `summary`: one sentence. `paper`: authors, year and arXiv number or venue; "" where this project is the source.
    `licence`: of the code here and, after a semicolon, of the weights it needs. `domain`: the images or networks it
    was made for. `weights_sha256`: of the weights it needs, "" for none. `defaults`: its parameters, name to value.
    `small_version_of`: the published system that this is a small version of, "" where it is the whole.
    """

    summary: str
    paper: str = ""
    licence: str = "Apache-2.0"
    domain: str = "face photographs"
    weights_sha256: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    small_version_of: str = ""

    def __post_init__(self) -> None:
        """A card without a sentence, or with one that does not end, is refused where it is written."""
        if not self.summary.endswith(".") or "\n" in self.summary:
            raise ValueError(f"the summary of a card is one sentence with its full stop: {self.summary!r}")

    def to_json(self) -> dict[str, object]:
        """Plain values under the names of the fields."""
        return {**vars(self), "defaults": dict(self.defaults)}
