"""Parts of the images that are looked at by themselves, and whether generators can be compared.

A slice is one synthetic source, family, psi, recipe or distance from the mean latent against all authentic images, or
one authentic source against all synthetic images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from forensics.benchmarks.rows import ScoredImage

_WIDTHS: Final = {"psi": 0.1, "radius": 0.25}
_SYNTHETIC_KINDS: Final = ("source", "family", "psi", "recipe", "radius")
_ALONE_TOO: Final = ("psi", "recipe", "radius")  # a part of these is listed where it is the only one, too
_FEW_VALUES, _MOST_BINS = 8, 12


@dataclass(frozen=True)
class Slice:
    """Which of n images, bool [n], and why.

    `kind` is all, source, family, psi, recipe, radius or authentic; `name` which of them.
    """

    kind: str
    name: str
    chosen: NDArray[np.bool_]


def slices(rows: Sequence[ScoredImage]) -> list[Slice]:
    """The whole first, then every part that has both classes and is not the whole."""
    whole = Slice("all", "", np.ones(len(rows), dtype=bool))
    parts = [part for kind in _SYNTHETIC_KINDS for part in _parts(rows, kind, kind, 1)]
    return [whole, *parts, *_parts(rows, "authentic", "source", 0)]


def _parts(rows: Sequence[ScoredImage], kind: str, attribute: str, label: int) -> Iterator[Slice]:
    of_class = np.array([row.label == label for row in rows])
    values = [getattr(row, attribute) if row.label == label else None for row in rows]
    if kind in _WIDTHS:
        places = _binned(values, _WIDTHS[kind])
    else:
        places = [None if v in (None, "") else (0, str(v)) for v in values]
    names = sorted({place for place in places if place is not None})
    for name in names if len(names) > 1 or kind in _ALONE_TOO else ():
        part = np.array([place == name for place in places])
        if not part[of_class].all() or len(names) > 1:
            yield Slice(kind, name[1], part | ~of_class)


def _binned(values: Sequence[float | None], width: float) -> list[tuple[int, str] | None]:
    """Place and name of each number: by itself where there are few, else a bin of (a multiple of) `width`."""
    known = sorted({v for v in values if v is not None})
    if len(known) <= _FEW_VALUES:
        return [None if v is None else (known.index(v), f"{v:g}") for v in values]
    while known[-1] // width - known[0] // width >= _MOST_BINS:
        width *= 2
    places = [None if v is None else int(v // width) for v in values]
    return [None if k is None else (k, f"{k * width:.2f} to {(k + 1) * width:.2f}") for k in places]


class WithPsi(Protocol):
    """An image of known class, source and truncation."""

    @property
    def label(self) -> int:
        """0 authentic, 1 synthetic."""

    @property
    def source(self) -> str:
        """What it comes from."""

    @property
    def psi(self) -> float | None:
        """Truncation, where it is known."""


def unequal_psi(images: Iterable[WithPsi]) -> str:
    """What to say where the generators were not sampled at the same truncation: then their rates cannot be compared.

    Truncation makes samples more alike and easier to tell: which generator is harder to detect can be said at equal psi
    only. Empty where all synthetic sources have the same psi in the same shares, or there is one source.
    """
    psi: dict[str, list[float | None]] = {}
    for image in images:
        if image.label == 1:
            psi.setdefault(image.source, []).append(image.psi)
    if len(psi) < 2:
        return ""
    shares = {
        tuple(sorted((str(v), round(values.count(v) / len(values), 1)) for v in set(values)))
        for values in psi.values()
    }
    if len(shares) == 1 and not any(None in values for values in psi.values()):
        return ""
    said = "; ".join(f"{source}: {_psi_words(values)}" for source, values in sorted(psi.items()))
    return (
        f"The generators were not sampled at the same psi ({said}): their rates say nothing of which of them is "
        "harder to detect."
    )


def _psi_words(values: Sequence[float | None]) -> str:
    known = sorted({v for v in values if v is not None})
    if not known:
        return "psi unknown"
    words = (
        ", ".join(f"{v:g}" for v in known) if len(known) <= _FEW_VALUES else f"{known[0]:g} to {known[-1]:g}"
    )
    return f"psi {words}" + (" or unknown" if None in values else "")
