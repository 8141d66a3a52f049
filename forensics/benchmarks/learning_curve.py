"""What more training images would give: AUC on a fixed test pool against the number of images trained on.

`python -m forensics.benchmarks.learning_curve CORPUS... --kind frequency --out DIR [--sizes N...] [--seeds K]`

The five pools are fixed first. For each seed the training images are put in an order, and each size takes the first of
every source in proportion: the subsets of one seed are nested. Calibration and test pools are the same throughout.
Writes points.csv (a line a size, seed and part), curve.csv (the means over seeds), curve.svg and evidence.json; each
point is kept as a file, so a kill costs one training.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.benchmarks.matrix import SHARES, Progress
from forensics.core.errors import CorpusError, ForensicsError
from forensics.core.evidence import write_evidence
from forensics.core.files import sha256_bytes, sha256_file, write_bytes, write_json, write_text
from forensics.core.terminal import note, print_line, printable, progress
from forensics.corpus.pools.five_pools import Rules, make_pools, read_pools
from forensics.corpus.pools.pool import FITTED, Pool
from forensics.detectors.fitting.engine import Options, train_detector
from forensics.metrics import weighted
from forensics.metrics.detection import evaluate

SMALLEST: Final = 40
N_BOOTSTRAP: Final = 1000
_DIGITS: Final = 6
PLAN: Final = "curve_plan.json"


@dataclass(frozen=True)
class Curve:
    """What is asked: sizes (training images in all), seeds, kind."""

    kind: str
    out: Path
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    device: str = "cpu"


@dataclass(frozen=True)
class Point:
    """One training: `scores` are log10 LRs of the test pool, in order."""

    size: int
    seed: int
    n_authentic: int
    n_synthetic: int
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """The mean AUC of all seeds at one size, its 95 % interval over test images (every seed's detector on the same
    replicate), and the standard deviation between seeds."""

    part: str
    size: int
    auc: float
    low: float
    high: float
    sd_between_seeds: float | None  # of one seed it is not known
    n_seeds: int
    n_authentic: int
    n_synthetic: int


def sizes_of(n: int, smallest: int = SMALLEST) -> tuple[int, ...]:
    """Halvings of n down to `smallest`, rising."""
    found = [n]
    while found[-1] // 2 >= smallest:
        found.append(found[-1] // 2)
    return tuple(found[::-1])


def nested(pool: Pool, size: int, seed: int) -> list[int]:
    """Rows of a subset of `size` images, the same share of every source and one at least; nested in `size`."""
    chosen: list[int] = []
    for source in sorted(set(pool.sources)):
        rows = [i for i, name in enumerate(pool.sources) if name == source]
        rows.sort(key=lambda i: sha256_bytes(f"{seed} {pool.sha256[i]}".encode()))
        chosen += rows[: max(1, round(len(rows) * size / len(pool)))]
    return sorted(chosen)


def run_curve(curve: Curve, fitted: Pool, tested: Pool, meter: Progress) -> list[Point]:
    """Train and score whatever is not yet there. `fitted` holds the pools train and calibrate, with their places."""
    roles = np.array([name for name, _ in fitted.places])
    training, held = (fitted.take(np.flatnonzero(roles == role)) for role in FITTED)
    _check_plan(curve, fitted, tested)
    points = []
    with meter("learning curve", len(curve.sizes) * len(curve.seeds)) as bar:
        for seed in curve.seeds:
            for size in curve.sizes:
                points.append(
                    _point(curve, training.take(nested(training, size, seed)), held, tested, size, seed)
                )
                bar.advance(1, f"{size} images, seed {seed}")
    return points


def _check_plan(curve: Curve, fitted: Pool, tested: Pool) -> None:
    now = {"kind": curve.kind, "fitted": fitted.fingerprint(), "tested": tested.fingerprint()}
    file = curve.out / PLAN
    if not file.exists():
        write_json(file, now)
    elif json.loads(file.read_text("utf-8")) != now:
        raise ForensicsError(f"{printable(curve.out)}: holds another learning curve; name another --out")


def _point(curve: Curve, training: Pool, held: Pool, tested: Pool, size: int, seed: int) -> Point:
    file = curve.out / "points" / f"{size:06d}_{seed}.json"
    sizes = int((training.labels == 0).sum()), int((training.labels == 1).sum())
    if not file.exists():
        pool = _joined(training, held)
        work = curve.out / "work" / f"{size:06d}_{seed}"
        options = Options(work=work, seed=seed, device=curve.device)
        detector = train_detector(curve.kind, pool, work / "detector", options)
        scores = [round(float(x), _DIGITS) for x in detector.score(tested.images)]
        write_json(file, {"scores": scores, "n": sizes})
    found = json.loads(file.read_text("utf-8"))
    return Point(size, seed, *sizes, np.array(found["scores"]))


def _joined(a: Pool, b: Pool) -> Pool:
    return Pool(
        a.images + b.images,
        np.concatenate([a.labels, b.labels]),
        a.sources + b.sources,
        a.sha256 + b.sha256,
        a.trimmed,
        a.phash + b.phash,
        a.origins + b.origins,
        a.places + b.places,
    )


def parts_of(tested: Pool) -> dict[str, NDArray[np.bool_]]:
    """All test images, and each synthetic source against all authentic ones."""
    sources = np.array(tested.sources)
    found = {"all": np.ones(len(tested), bool)}
    synthetic = sorted(set(sources[tested.labels == 1].tolist()))
    for name in synthetic if len(synthetic) > 1 else ():
        found[name] = (sources == name) | (tested.labels == 0)
    return found


def means(points: Sequence[Point], tested: Pool, n_bootstrap: int = N_BOOTSTRAP) -> list[Mean]:
    """The curve of each part, sizes rising."""
    found = []
    for part, chosen in parts_of(tested).items():
        labels = tested.labels[chosen]
        for size in sorted({p.size for p in points}):
            whole = [weighted.once(p.scores[chosen], labels) for p in points if p.size == size]
            aucs = np.array([float(weighted.auc(data)[0]) for data in whole])
            drawn = [
                np.concatenate(
                    [weighted.auc(d) for d in weighted.replicates(x.authentic, x.synthetic, n_bootstrap, 0)]
                )
                for x in whole
            ]
            low, high = np.percentile(np.mean(drawn, axis=0), (2.5, 97.5))
            sd = float(aucs.std(ddof=1)) if len(aucs) > 1 else None
            n = int((labels == 0).sum()), int((labels == 1).sum())
            found.append(Mean(part, size, float(aucs.mean()), float(low), float(high), sd, len(aucs), *n))
    return found


def power_law(curve: Sequence[Mean]) -> tuple[float, float] | None:
    """(a, b) of 1 − AUC = a · n^−b by least squares on logarithms.

    None where the error is 0 or does not fall at every step: nothing is read into a curve that is noise.
    """
    errors = np.array([1 - m.auc for m in curve])
    if len(curve) < 3 or (errors <= 0).any() or (np.diff(errors) >= 0).any():
        return None
    slope, offset = np.polyfit(np.log([m.size for m in curve]), np.log(errors), 1)
    return float(np.exp(offset)), float(-slope)


def tables(points: Sequence[Point], curve: Sequence[Mean], tested: Pool) -> tuple[str, str]:
    """points.csv and curve.csv as text."""
    buffers = io.StringIO(), io.StringIO()
    first, second = (csv.writer(b, lineterminator="\n") for b in buffers)
    columns = ("auc", "low", "high", "n_authentic", "n_synthetic")
    first.writerow(("part", "training_images", "authentic", "synthetic", "seed", *columns))
    for part, chosen in parts_of(tested).items():
        for p in points:
            e = evaluate(p.scores[chosen], tested.labels[chosen], n_bootstrap=N_BOOTSTRAP)["auc"].to_json()
            values = (e[c] for c in ("value", *columns[1:]))
            first.writerow((printable(part), p.size, p.n_authentic, p.n_synthetic, p.seed, *values))
    second.writerow(
        ("part", "training_images", "auc", "low", "high", "sd_between_seeds", "n_seeds", *columns[3:])
    )
    for m in curve:
        values = (round(v, _DIGITS) if isinstance(v, float) else v for v in list(vars(m).values())[1:])
        second.writerow((printable(m.part), *values))
    return buffers[0].getvalue(), buffers[1].getvalue()


def write_curve(curve: Curve, points: Sequence[Point], tested: Pool, record: Mapping[str, Any]) -> list[Mean]:
    """Tables, figure and evidence; the means."""
    from forensics.benchmarks.pages.learning_curve import figure

    found = means(points, tested)
    for name, text in zip(("points.csv", "curve.csv"), tables(points, found, tested), strict=True):
        write_text(curve.out / name, text)
    write_bytes(curve.out / "curve.svg", figure(found, curve.kind))
    write_evidence(
        curve.out, record["command"], record["inputs"], {"seeds": len(curve.seeds)}, record["options"]
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Split, train, and print the means."""
    parser = argparse.ArgumentParser(prog="python -m forensics.benchmarks.learning_curve")
    parser.add_argument("corpora", type=Path, nargs="+", metavar="CORPUS")
    parser.add_argument("--kind", default="frequency")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--sizes", type=int, nargs="+", help="training images in all; default: halvings of all"
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--pools", type=Path, help="a pools.json to obey")
    parser.add_argument("--trim-bottom", type=float, default=0.0)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args(argv)
    try:
        found = _run(asked)
    except ForensicsError as error:
        note(f"error: {error}")
        return error.exit_code
    for m in found:
        spread = (
            "one seed" if m.sd_between_seeds is None else f"sd of {m.n_seeds} seeds {m.sd_between_seeds:.3f}"
        )
        print_line(
            f"{printable(m.part):<20}{m.size:>6} images: AUC {m.auc:.3f} [{m.low:.3f}, {m.high:.3f}], {spread}; "
            f"n = {m.n_authentic} + {m.n_synthetic}"
        )
    return 0


def _run(asked: argparse.Namespace) -> list[Mean]:
    from forensics.corpus.pools.reading import read_pool

    pools = asked.pools or asked.out / "pools.json"
    if not pools.exists():
        make_pools(asked.corpora, pools, Rules(0, SHARES))
    places = read_pools(pools)
    pool = read_pool(
        asked.corpora, trim_bottom=asked.trim_bottom, on_failure=lambda f: note(f"error: {f.message}")
    )
    fitted, tested = pool.placed(places, FITTED), pool.placed(places, ("test",))
    n = sum(name == "train" for name, _ in fitted.places)
    sizes = tuple(sorted(set(asked.sizes or sizes_of(n))))
    if not 2 <= sizes[0] <= sizes[-1] <= n:
        raise CorpusError(f"sizes {sizes}: the training pool holds {n} images; give sizes from 2 to that")
    curve = Curve(asked.kind, asked.out, sizes, tuple(range(asked.seeds)), asked.device)
    points = run_curve(curve, fitted, tested, progress)
    command = ["python", "-m", "forensics.benchmarks.learning_curve", *map(printable, asked.corpora)]
    record = {
        "command": [*command, "--kind", asked.kind],
        "inputs": {"images": pool.fingerprint(), "pools": sha256_file(pools)},
        "options": {"sizes": list(sizes), "trim_bottom": asked.trim_bottom, "device": asked.device},
    }
    return write_curve(curve, points, tested, record)


if __name__ == "__main__":
    raise SystemExit(main())
