"""Tables of the shipped detector, from the JSON that `forensics benchmark` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.documentation.blocks import table
from tools.documentation.records import measured

_PERTURBATIONS: Final = {
    "none": "as they are",
    "jpeg90": "JPEG 90",
    "jpeg70": "JPEG 70",
    "resize75": "resized to 0.75 and back",
    "history75": "resized, then JPEG 75",
    "messenger": "sent through a messenger",
}
_MEASURES: Final = {"auc": "AUC", "tpr_at_fpr_0.01": "TPR at 1 % FPR", "cllr": "Cllr", "min_cllr": "min Cllr"}


@dataclass(frozen=True)
class Rate:
    """One measured number with its bootstrap 95 % interval, and the images of each class behind it."""

    value: float
    low: float
    high: float
    n_authentic: int
    n_synthetic: int

    def __str__(self) -> str:
        """As in 0.995 [0.986, 1.000], which breaks before the bracket only."""
        return f"{self.value:.3f} [{self.low:.3f},\N{NO-BREAK SPACE}{self.high:.3f}]"


@dataclass(frozen=True)
class Rates:
    """What was measured of one detector on the images of one slice (as in source, stylegan2) after one perturbation."""

    detector: str
    perturbation: str
    slice: str
    name: str
    measures: dict[str, Rate]


def _benchmark(name: str) -> list[Rates]:
    """Every row of docs/measured/NAME.json, the deciding detector's first."""
    return [
        Rates(
            row["detector"],
            row["perturbation"],
            row["slice"],
            row["name"],
            {measure: Rate(**held) for measure, held in row["measures"].items()},
        )
        for row in measured(name)["result"]["measured"]
    ]


def detector_table(path: Path, words: Sequence[str]) -> str:
    """`detector-rates NAME [MEASURE...]`: AUC of each source, and measures of all (none named: those of _MEASURES); a
    line each perturbation."""
    name, *named = words
    measures = named or list(_MEASURES)
    rows = _benchmark(name)
    by_key = {(r.perturbation, r.slice, r.name): r.measures for r in rows if r.detector == rows[0].detector}
    sources = sorted({key[2] for key in by_key if key[1] == "source"})
    several = len(sources) > 1
    head = ["", *(f"AUC, {source}" for source in sources if several)]
    head += [f"{_MEASURES[measure]}, all" if several else _MEASURES[measure] for measure in measures]
    lines = []
    for perturbation, title in _PERTURBATIONS.items():
        if whole := by_key.get((perturbation, "all", "")):
            each = [by_key[perturbation, "source", source]["auc"] for source in sources if several]
            lines.append([title, *map(str, each), *(str(whole[measure]) for measure in measures)])
    counts = by_key["none", "all", ""]["auc"]
    images = f"{counts.n_authentic} photographs, {counts.n_synthetic} synthetic faces."
    return f"{table(head, lines)}\n\nDetector `{rows[0].detector}`. {images}"


def psi_table(path: Path, words: Sequence[str]) -> str:
    """`detector-psi NAME`: AUC and Cllr by the psi that the synthetic images were sampled at, as they are."""
    (name,) = words
    rows = _benchmark(name)
    lines = [
        [r.name, str(r.measures["auc"].n_synthetic), str(r.measures["auc"]), str(r.measures["cllr"])]
        for r in rows
        if r.slice == "psi" and r.perturbation == "none" and r.detector == rows[0].detector
    ]
    return table(["psi", "images", "AUC", "Cllr"], lines)


def parts_table(path: Path, words: Sequence[str]) -> str:
    """`detector-parts NAME`: AUC and Cllr of the detector and of each of its parts by itself, as they are."""
    (name,) = words
    lines = [
        [f"`{r.detector}`", str(r.measures["auc"]), str(r.measures["cllr"])]
        for r in _benchmark(name)
        if r.slice == "all" and r.perturbation == "none"
    ]
    return table(["detector or part", "AUC", "Cllr"], lines)


def verdict_table(path: Path, words: Sequence[str]) -> str:
    """`detector-verdicts NAME`: how many images of each source got which verdict, as they are."""
    (name,) = words
    result: dict[str, Any] = measured(name)["result"]
    rows = [
        [
            f"{row['source']} ({row['n']})",
            "authentic" if row["label"] == 0 else "synthetic",
            *(str(row["counts"].get(verdict, 0)) for verdict in ("synthetic", "inconclusive", "authentic")),
        ]
        for row in result["verdicts"]
        if row["perturbation"] == "none" and row["source"]
    ]
    limits = result["thresholds"]
    words_of_limits = (
        f"Synthetic from {limits['synthetic_at']:+.2f}, authentic up to {limits['authentic_at']:+.2f}."
    )
    head = ["source (images)", "truth", "called synthetic", "inconclusive", "called authentic"]
    return f"{table(head, rows)}\n\n{words_of_limits}"
