"""The images of several corpora as one list: each file once, each with its label, source and what it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.core.errors import CorpusError
from forensics.core.terminal import printable
from forensics.corpus import Corpus, Row
from forensics.corpus.families import family_of
from forensics.corpus.likeness import origins


@dataclass(frozen=True)
class Item:
    """One image of a corpus, before it is decoded."""

    corpus: str
    file: str
    path: Path
    sha256: str
    label: int
    source: str
    recipe: str | None
    psi: float | None
    radius: float | None
    origins: tuple[str, ...]
    family: str = ""  # see `forensics.corpus.families`


@dataclass(frozen=True)
class Listing:
    """What the corpora hold: items, in order, and what is left out, with reasons."""

    items: tuple[Item, ...]
    failures: tuple[str, ...]
    duplicates: tuple[str, ...]


def list_items(corpora: Sequence[Path]) -> Listing:
    """The images of all corpora in order; the second of two equal files is left out and named.

    CorpusError: one file under both labels, or only one label in all.
    """
    items: dict[str, Item] = {}
    failures, duplicates = [], []
    for path in corpora:
        corpus = Corpus.open(path)
        failures += [failure.message for failure in corpus.failures]
        for row in corpus.manifest:
            item = _item(corpus, row)
            first = items.setdefault(item.sha256, item)
            if first is item:
                continue
            if first.label != item.label:
                raise CorpusError(
                    f"{printable(item.path)} and {printable(first.path)}: the same file under both labels; remove one"
                )
            duplicates.append(
                f"{printable(item.path)}: the same file as {printable(first.path)}, counted once"
            )
    if {item.label for item in items.values()} != {0, 1}:
        raise CorpusError(
            f"{', '.join(printable(p) for p in corpora)}: a benchmark needs authentic and synthetic images; name "
            "another corpus beside it"
        )
    return Listing(tuple(items.values()), tuple(failures), tuple(duplicates))


def _item(corpus: Corpus, row: Row) -> Item:
    return Item(
        corpus=str(corpus.path),
        file=row.file,
        path=corpus.path / row.file,
        sha256=row.sha256,
        label=row.label,
        source=row.source,
        recipe=row.recipe,
        psi=_number(row, "psi"),
        radius=_number(row, "radius"),
        origins=origins(row),
        family=family_of(row),
    )


def _number(row: Row, name: str) -> float | None:
    value = row.params.get(name)
    return float(value) if isinstance(value, int | float) else None
