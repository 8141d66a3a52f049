"""Ways in which what a detector was fitted on flatters it.

The numbers are those of the list of evaluation traps in the literature that the benchmark was designed against; the
sixteen are in test_traps_of_data.py (1-4, 9, 10, 14), test_traps_of_training.py (5, 6, 13, 15) and
test_traps_of_reporting.py (7, 8, 11, 12, 16), one test each, which fails where we fall into it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from forensics.benchmarks.learning_curve.curve import CurvePoint, means_over_seeds
from forensics.benchmarks.matrix import rows_of
from forensics.core.errors import DetectorError
from forensics.core.registry import methods
from forensics.corpus.items import Item
from forensics.corpus.pools.five_pools import Rules, split_corpora
from forensics.corpus.pools.grouping import Trace
from forensics.corpus.pools.pool import FITTED, split_pool
from forensics.detectors.loading import detector_class, load_detector
from tests.benchmarks.made_up_pools import made_up, tiny


def test_05_memorised_photographs_leave_one_authentic_source_out() -> None:
    """The matrix leaves out authentic sources too, not generators only, and the row's pool holds none of them."""
    pool = made_up(["real a"] * 5 + ["real b"] * 5 + ["gan c"] * 5 + ["gan d"] * 5)
    rows, _ = rows_of(pool)
    for name in ("real a", "real b", "gan c", "gan d"):
        (row,) = [r for r in rows if r.name == f"without {name}"]
        assert name not in row.sources
        assert len(row.sources) == 3


def test_06_selecting_a_model_on_the_test_set() -> None:
    """Five disjoint pools; fitting can reach two of them. The spread over seeds is reported, not the best seed."""
    pool = made_up(["real"] * 60 + ["gan"] * 60)
    items = [
        Item("c", s, Path(s), s, int(y), source, None, None, None, o)
        for s, y, source, o in zip(pool.sha256, pool.labels, pool.sources, pool.origins, strict=True)
    ]
    traces = [Trace(s, p, o) for s, p, o in zip(pool.sha256, pool.phash, pool.origins, strict=True)]
    places = {k: (v["pool"], v["group"]) for k, v in split_corpora(items, traces, Rules())["images"].items()}
    by_pool = {
        name: {s for s, (p, _) in places.items() if p == name}
        for name in dict.fromkeys(p for p, _ in places.values())
    }
    assert sorted(by_pool) == ["calibrate", "select", "test", "train", "tune"]
    assert sum(map(len, by_pool.values())) == len(set().union(*by_pool.values())) == 120
    training, held = split_pool(pool.placed(places, FITTED), 0.2, 0)
    assert set(training.sha256) == by_pool["train"]
    assert set(held.sha256) == by_pool["calibrate"]
    tested = pool.placed(places, ("test",))
    points = [
        CurvePoint(80, k, 40, 40, np.random.default_rng(k).normal(tested.labels * (0.2 + k)))
        for k in range(3)
    ]
    (mean,) = means_over_seeds(points, tested, 100)
    each = [means_over_seeds([p], tested, 100)[0].auc for p in points]
    assert mean.n_seeds == 3
    assert mean.sd_between_seeds > 0
    assert mean.auc == pytest.approx(np.mean(each))
    assert mean.auc < max(each)


def test_13_a_detector_is_what_it_is_called(tmp_path: Path) -> None:
    """Each kind's name leads to its class, which refuses another kind's weights; the id has a hash of the weights, so
    that no result can be quoted for others."""
    for entry in methods("detector"):
        assert detector_class(entry.name).kind == entry.name
    detector = tiny(tmp_path)
    written = json.loads((tmp_path / "detector" / "detector.json").read_text())
    (tmp_path / "detector" / "detector.json").write_text(json.dumps(written | {"kind": "cnn"}))
    with pytest.raises(DetectorError):
        load_detector(tmp_path / "detector")
    changed = written | {"card": {"note": "other"}}
    (tmp_path / "detector" / "detector.json").write_text(json.dumps(changed))
    assert load_detector(tmp_path / "detector").id != detector.id
    assert detector.id == f"frequency-{detector.weights_sha256[:8]}"


def test_15_a_set_kept_for_testing_stays_unseen() -> None:
    """A source that postdates everything learned (such as a dated set) is dealt to `test` whole, with all that hangs on
    it, and a fitting pool cannot take it in."""
    pool = made_up(["real"] * 30 + ["gan"] * 30 + ["gan of 2026"] * 10)
    items = [
        Item("c", s, Path(s), s, int(y), source, None, None, None, o)
        for s, y, source, o in zip(pool.sha256, pool.labels, pool.sources, pool.origins, strict=True)
    ]
    traces = [Trace(s, p, o) for s, p, o in zip(pool.sha256, pool.phash, pool.origins, strict=True)]
    traces[5] = Trace(
        pool.sha256[5], pool.phash[65], ("5",)
    )  # a photograph that looks like one of the kept set
    rules = Rules(only_tested=("gan of 2026",))
    places = {k: (v["pool"], v["group"]) for k, v in split_corpora(items, traces, rules)["images"].items()}
    assert {places[s][0] for s in pool.sha256[60:]} == {"test"}
    assert places[pool.sha256[5]][0] == "test"
    assert "gan of 2026" not in pool.placed(places, FITTED).counts()
