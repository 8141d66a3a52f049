"""The page of `forensics benchmark --compare A B`, its files, and its lines on stdout."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from forensics.benchmarks.comparison import (
    LOWER_IS_BETTER,
    MEASURES,
    N_BOOTSTRAP,
    SIGNIFICANT,
    BenchmarkComparison,
    Difference,
    compare,
    read_results,
)
from forensics.core.evidence import evidence, recorded
from forensics.core.files import sha256_file, write_json, write_text
from forensics.core.terminal import note, printable, progress
from forensics.report import plots
from forensics.report.page import render

WORDS = {
    "auc": "AUC",
    "eer": "EER",
    "tpr_at_fpr_0.05": "TPR at 5 % FPR",
    "tpr_at_fpr_0.01": "TPR at 1 % FPR",
    "cllr": "Cllr",
    "false_alarms": "authentic called synthetic",
    "detections": "synthetic called synthetic",
}


@recorded
def compare_benchmarks(
    a: Path, b: Path, out: Path | None, seed: int = 0, n_bootstrap: int = N_BOOTSTRAP
) -> BenchmarkComparison:
    """Compare two result folders; where `out` is given, write report.html, comparison.json and .csv, and evidence."""
    results = read_results(a), read_results(b)
    with progress("comparing", len(results[0].scored)) as meter:
        comparison = compare(*results, seed=seed, n_bootstrap=n_bootstrap, on_done=meter.advance)
    for line in comparison.left_out:
        note(f"not compared: {line}")
    if out is not None:
        _write(comparison, out, seed, n_bootstrap)
    return comparison


def _write(comparison: BenchmarkComparison, out: Path, seed: int, n_bootstrap: int) -> None:
    folders = comparison.a.folder, comparison.b.folder
    inputs = {
        f"{side} {name}": sha256_file(folder / name)
        for side, folder in zip("AB", folders, strict=True)
        for name in ("scores.csv", "results.json")
    }
    record = evidence(inputs, {"seed": seed}, {"n_bootstrap": n_bootstrap})
    write_json(out / "comparison.json", to_json(comparison))
    write_text(out / "comparison.csv", _table(comparison.differences))
    write_text(out / "report.html", comparison_page(comparison, record.lines(), n_bootstrap))
    record.write(out)


def to_json(comparison: BenchmarkComparison) -> dict[str, object]:
    """comparison.json."""
    return {
        "format_version": 1,
        "a": comparison.a.detector,
        "b": comparison.b.detector,
        "n_images": comparison.n_images,
        "left_out": list(comparison.left_out),
        "significant_below": SIGNIFICANT,
        "differences": [d.to_json() for d in comparison.differences],
    }


def _table(differences: Sequence[Difference]) -> str:
    buffer = io.StringIO()
    rows = [d.to_json() for d in differences]
    table = csv.DictWriter(buffer, list(rows[0]) if rows else ["perturbation"], lineterminator="\n")
    table.writeheader()
    table.writerows([row | {"part": printable(row["part"])} for row in rows])
    return buffer.getvalue()


def comparison_lines(comparison: BenchmarkComparison, out: Path | None) -> Iterator[str]:
    """What changed beyond chance, then everything as a table."""
    yield (
        f"A {comparison.a.detector}, B {comparison.b.detector}; {comparison.n_images} images in common, "
        f"{len(comparison.differences)} differences looked at"
    )
    yield f"{'':<14}{'part':<20}{'measure':<28}{'A':>8}{'B':>8}   {'B - A':<26}{'p (Holm)':>9}  change"
    for d in comparison.differences:
        interval = f"{d.b - d.a:+.3f} [{d.low:+.3f}, {d.high:+.3f}]"
        yield (
            f"{d.perturbation:<14}{printable(d.part or 'all')[:19]:<20}{WORDS[d.measure]:<28}{d.a:>8.3f}{d.b:>8.3f}   "
            f"{interval:<26}{d.adjusted_p:>9.4f}  {d.change or '-'}"
        )
    yield _in_short(comparison)
    if out is not None:
        yield f"report: {printable(out / 'report.html')}"


def _in_short(comparison: BenchmarkComparison) -> str:
    better, worse = (sum(d.change == word for d in comparison.differences) for word in ("better", "worse"))
    if not better + worse:
        return "nothing changed beyond chance"
    return f"beyond chance: {better} better, {worse} worse, of {len(comparison.differences)}"


def comparison_page(
    comparison: BenchmarkComparison, record: Sequence[tuple[str, str]], n_bootstrap: int
) -> str:
    """The page as HTML; `record` is names and values that are needed to repeat it."""
    kinds = {"measures": [d for d in comparison.differences if d.measure in MEASURES]}
    kinds["verdicts"] = [d for d in comparison.differences if d.measure not in MEASURES]
    context = {
        "title": "Two benchmarks, the same images",
        "comparison": comparison,
        "in_short": _in_short(comparison),
        "figures": {
            WORDS[m]: _forest([d for d in kinds["measures"] if not d.part], m) for m in ("auc", "cllr")
        },
        "words": WORDS,
        "lower_is_better": sorted(WORDS[m] for m in LOWER_IS_BETTER if m in MEASURES),
        "n_bootstrap": n_bootstrap,
        "evidence": record,
        **kinds,
    }
    return render("benchmark_comparison.html", context)


def _forest(differences: Sequence[Difference], measure: str) -> str:
    """Differences by perturbation with their intervals; right is B larger."""
    rows = [d for d in differences if d.measure == measure]
    y = np.arange(len(rows))[::-1]
    change = np.array([d.b - d.a for d in rows])
    spread = np.array([change - [d.low for d in rows], np.array([d.high for d in rows]) - change])
    with plots.figure(4.6, 1.1 + 0.26 * len(rows)) as (drawing, (axes,)):
        axes.axvline(0, color=plots.MUTED, lw=0.8, ls=(0, (4, 3)))
        axes.errorbar(change, y, xerr=np.maximum(spread, 0), fmt="o", ms=4, lw=1.2, color=plots.AUTHENTIC)
        axes.set_yticks(y, ["as it is" if d.perturbation == "none" else d.perturbation for d in rows])
        better = "left is better" if measure in LOWER_IS_BETTER else "right is better"
        axes.set(title=f"{WORDS[measure]}, B − A ({better})", ylim=(-0.6, len(rows) - 0.4))
        axes.locator_params(axis="x", nbins=5)
        return plots.svg_uri(drawing)
