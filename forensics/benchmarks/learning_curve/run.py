"""What `forensics benchmark --learning-curve KIND` does.

Writes points.csv (a line a size, seed and part), curve.csv (the means over seeds), curve.svg and evidence.json below
its folder, and pools.json where none is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.benchmarks.learning_curve.curve import CurveMean, means_over_seeds, sizes_of
from forensics.benchmarks.learning_curve.figure import figure
from forensics.benchmarks.learning_curve.tables import curve_table, points_table
from forensics.benchmarks.learning_curve.training import CurvePlan, run_curve
from forensics.benchmarks.matrix import SHARES
from forensics.core.errors import CorpusError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.files import sha256_file, write_bytes, write_text
from forensics.core.terminal import note, printable, progress
from forensics.corpus.pools.five_pools import Rules, make_pools, read_pools
from forensics.corpus.pools.pool import FITTED, Pool
from forensics.corpus.pools.reading import read_pool
from forensics.images import ImageFailure


@dataclass(frozen=True)
class LearningCurveOptions:
    """The options as given. `sizes`: training images in all, empty for halvings of all; `seeds`: how many trainings a
    size; `pools`: a pools.json to obey."""

    corpora: tuple[Path, ...]
    kind: str
    out: Path
    sizes: tuple[int, ...] = ()
    seeds: int = 3
    pools: Path | None = None
    trim_bottom: float = 0.0
    device: str = "cpu"


@recorded
def run_learning_curve(options: LearningCurveOptions) -> tuple[list[CurveMean], int]:
    """Split, train, score and write; the means, and how many files could not be read."""
    pools = options.pools or options.out / "pools.json"
    if not pools.exists():
        make_pools(options.corpora, pools, Rules(0, SHARES))
    places = read_pools(pools)
    failures: list[ImageFailure] = []
    pool = read_pool(options.corpora, trim_bottom=options.trim_bottom, on_failure=failures.append)
    for failure in failures:
        note(f"error: {failure.message}")
    fitted, tested = pool.placed(places, FITTED), pool.placed(places, ("test",))
    plan = CurvePlan(
        options.kind, options.out, _sizes(options, fitted), tuple(range(options.seeds)), options.device
    )
    points = run_curve(plan, fitted, tested, progress)
    curve = means_over_seeds(points, tested)
    write_text(options.out / "points.csv", points_table(points, tested))
    write_text(options.out / "curve.csv", curve_table(curve))
    write_bytes(options.out / "curve.svg", figure(curve, options.kind))
    _write_evidence(options, plan, {"images": pool.fingerprint(), "pools": sha256_file(pools)})
    return curve, len(failures)


def _sizes(options: LearningCurveOptions, fitted: Pool) -> tuple[int, ...]:
    n = sum(name == "train" for name, _ in fitted.places)
    sizes = tuple(sorted(set(options.sizes or sizes_of(n))))
    if not 2 <= sizes[0] <= sizes[-1] <= n:
        raise CorpusError(f"sizes {sizes}: the training pool holds {n} images; give sizes from 2 to that")
    return sizes


def _write_evidence(options: LearningCurveOptions, plan: CurvePlan, inputs: Mapping[str, str]) -> None:
    settings = {
        "sizes": list(plan.sizes),
        "trim_bottom": options.trim_bottom,
        "device": options.device,
    }
    write_evidence(options.out, inputs, {"seeds": len(plan.seeds)}, settings)


def curve_lines(curve: Sequence[CurveMean], out: Path) -> Iterator[str]:
    """The means, a line each, then where the figure is."""
    for m in curve:
        spread = (
            "one seed" if m.sd_between_seeds is None else f"sd of {m.n_seeds} seeds {m.sd_between_seeds:.3f}"
        )
        yield (
            f"{printable(m.part):<20}{m.size:>6} images: AUC {m.auc:.3f} [{m.low:.3f}, {m.high:.3f}], {spread}; "
            f"n = {m.n_authentic} + {m.n_synthetic}"
        )
    yield f"figure: {printable(out / 'curve.svg')}"


def curve_summary(curve: Sequence[CurveMean], out: Path) -> dict[str, object]:
    """The means as plain values."""
    return {"out": str(out), "curve": [vars(m) for m in curve], "figure": str(out / "curve.svg")}
