"""Tables of the shipped generators, from the quality.json that lies beside each network's weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from forensics.core.errors import ForensicsError
from tools.documentation.blocks import table

FILE: Final = "quality.json"


def _quality(folder: Path) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return held


def _folder(path: Path, words: Sequence[str]) -> Path:
    """The folder of the network that was named, or of the card that the block stands in."""
    from forensics.core.weights import folder_of

    return folder_of(words[0]) if words else path.parent


def generators_table(path: Path, words: Sequence[str]) -> str:
    """`generators`: every shipped generator whose quality was measured, a line each."""
    from forensics.core.weights import listed

    rows = []
    for one in listed():
        if one.state == "ships" and (one.folder / FILE).is_file():
            held = _quality(one.folder)
            scores, faces = held["scores"], held["faces"]
            found = " / ".join(
                f"{100 * row['yield']:.1f} %" for name, row in faces.items() if name.startswith("psi")
            )
            rows.append((f"`{one.name}`", found, f"{scores['kid']:.4f}", f"{scores['precision']:.2f}"))
    if not rows:
        raise ForensicsError(f"{path}: no shipped generator has a {FILE}")
    return table(["network", "face found, psi 0.7 / 1.0", "KID", "precision"], rows)


def generator_quality(path: Path, words: Sequence[str]) -> str:
    """`generator-quality [NAME]`: distances of the set of samples from the training photographs."""
    scores = _quality(_folder(path, words))["scores"]
    by_draw = ", ".join(f"{value:.4f}" for value in scores["kid_by_draw"])
    rows = [
        ("KID", f"{scores['kid']:.4f}"),
        ("KID of each draw", by_draw),
        ("standard deviation of a draw", f"{scores['kid_sd']:.4f}"),
        ("precision", f"{scores['precision']:.2f}"),
        ("recall", f"{scores['recall']:.2f}"),
        ("features", f"`{scores['extractor']}`"),
        ("images", f"{scores['n_fake']} samples at psi 1 a draw, {scores['n_real']} training photographs"),
    ]
    return table(["measure", "value"], rows)


def generator_faces(path: Path, words: Sequence[str]) -> str:
    """`generator-faces [NAME]`: what a face finder and a face embedding say of photographs and samples."""
    held = _quality(_folder(path, words))
    head = [
        "",
        "faces found",
        "median score",
        "mean cosine",
        "largest cosine",
        "largest to a training photograph",
    ]
    rows = [_faces_line(label, row) for label, row in held["faces"].items()]
    words_of_n = "; ".join(f"{label}: {_count(row)}" for label, row in held["faces"].items())
    return f"{table(head, rows)}\n\nInsightFace pack `{held['pack']}`. {words_of_n}."


def _faces_line(label: str, row: dict[str, Any]) -> list[str]:
    return [
        label,
        f"{100 * row['yield']:.1f} %",
        f"{row['median_score']:.2f}",
        _cosine(row.get("pairwise_cosine_mean"), 3),
        _cosine(row.get("pairwise_cosine_max"), 2),
        _cosine(row.get("nearest_training_cosine_max"), 2),
    ]


def _cosine(value: float | None, places: int) -> str:
    """Empty where there was no pair of faces to compare."""
    return "" if value is None else f"{value:.{places}f}"


def _count(row: dict[str, Any]) -> str:
    return f"{row['draws']} draws of {row['n']}" if "draws" in row else f"{row['n']}"
