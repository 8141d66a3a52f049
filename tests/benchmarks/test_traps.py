"""Sixteen known ways in which benchmarks of detectors flatter them, one test each: it fails where we fall into it.

The numbers are those of the list of evaluation traps in the literature that the benchmark was designed against. Most
run on a detector that measures brightness and remembers what it was shown, so that every number is known by hand.
"""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from forensics import cli
from forensics.benchmarks import protocol
from forensics.benchmarks.five_pools import Rules, split_corpora
from forensics.benchmarks.learning_curve import Point, means
from forensics.benchmarks.matrix import FITTED, rows_of
from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.perturbations import KINDS, parse, perturb
from forensics.benchmarks.protocol import Outcome, run_benchmark
from forensics.benchmarks.scoring import Item
from forensics.commands.benchmark import benchmark as command
from forensics.detectors.base import KINDS as DETECTOR_KINDS
from forensics.detectors.base import detector_class, load_detector
from forensics.detectors.fitted_on import Fitted, write_fitted_on
from forensics.detectors.fitting import Options, train_detector
from forensics.detectors.grouping import Trace, groups_of
from forensics.detectors.pools import Pool, split_pool
from forensics.detectors.views import working_view
from forensics.errors import CorpusError, DetectorError
from forensics.files import sha256_bytes, sha256_file
from forensics.images import decode
from forensics.report.benchmarking import Request
from tests.benchmarks.brightness import Brightness, brightness
from tests.benchmarks.faces import tree

Pixels = Any


class Silent:
    def advance(self, n: int = 1, status: str = "") -> None:
        pass


def run(
    folder: Path, out: Path, perturb: str = "", detector: Brightness | None = None, **more: Any
) -> Outcome:
    """A benchmark; the metadata baseline, which costs most of the time here, only where `metadata` is given."""
    own: dict[str, Any] = {"progress": lambda title, n: nullcontext(Silent()), "n_bootstrap": 50} | more
    with pytest.MonkeyPatch.context() as patch:
        if not own.pop("metadata", False):
            patch.setattr(protocol, "metadata_baseline", lambda *_, **__: {"leaking": False})
        return run_benchmark([folder], [detector or brightness()], out, perturbations=parse(perturb), **own)


@pytest.fixture(scope="module")
def faces(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 photographs, 6 StyleGAN2 and 6 StyleGAN3 faces of 256 px."""
    counts = {"real": 12, "stylegan2": 6, "stylegan3": 6}
    return tree(shared, tmp_path_factory.mktemp("faces") / "faces", counts)


def edited(faces: Path, folder: Path, real: Callable[[Path], None]) -> Path:
    """A copy of the tree in which `real` was called on every photograph's file."""
    shutil.copytree(faces, folder)
    for file in sorted((folder / "real").iterdir()):
        real(file)
    return folder


def made_up(sources: Sequence[str]) -> Pool:
    """A pool of blank images; a source that begins with `real` is authentic."""
    labels = np.array([not s.startswith("real") for s in sources], np.int64)
    n = len(sources)
    return Pool(
        tuple(np.full((64, 64, 3), i % 256, np.uint8) for i in range(n)),
        labels,
        tuple(sources),
        tuple(sha256_bytes(f"{i}".encode()) for i in range(n)),
        phash=tuple(np.random.default_rng(i).bytes(32).hex() for i in range(n)),
        origins=tuple((f"{i}",) for i in range(n)),
    )


def test_01_format_jpeg_photographs_against_png_samples(faces: Path, tmp_path: Path) -> None:
    """What the files say of themselves separates the classes: the set is reported as leaking, and with what.
    A detector gets pixels only: the same pixels in another container have the same score."""

    def as_jpeg(file: Path) -> None:
        with Image.open(file) as image:
            image.save(file.with_suffix(".jpg"), quality=95)
        file.unlink()

    def as_bmp(file: Path) -> None:
        with Image.open(file) as image:
            image.save(file.with_suffix(".bmp"))
        file.unlink()

    leaking = run(edited(faces, tmp_path / "jpeg", as_jpeg), tmp_path / "a", metadata=True).leakage
    assert leaking["leaking"]
    assert leaking["by_kind"]["format"] == 1.0
    assert "This set leaks" in leaking["words"]
    assert run(faces, tmp_path / "b", metadata=True).leakage["by_kind"]["format"] == 0.5
    scores = [
        {Path(r["file"]).stem: r["scores"] for r in run(folder, out).rows if r["label"] == 0}
        for folder, out in (
            (faces, tmp_path / "c"),
            (edited(faces, tmp_path / "bmp", as_bmp), tmp_path / "d"),
        )
    ]
    assert scores[0] == scores[1]


def test_02_resizing_one_class_only(faces: Path, tmp_path: Path) -> None:
    """What is done to an image looks at its size only. Where sizes differ by class, the set is reported as leaking;
    `resize` gives both classes back at their own size."""

    def larger(file: Path) -> None:
        with Image.open(file) as image:
            image.resize((300, 300)).save(file)

    detector = brightness()
    outcome = run(
        edited(faces, tmp_path / "larger", larger), tmp_path / "out", "resize75", detector, metadata=True
    )
    assert outcome.leakage["leaking"]
    assert outcome.leakage["by_kind"]["pixel size"] == 1.0
    assert {image.shape for image in detector.seen} == {(300, 300, 3), (256, 256, 3)}
    assert len({r["scores"]["resize75"]["draws"]["percent"] for r in outcome.rows}) == 1
    assert list(inspect.signature(working_view).parameters) == ["image"]  # no label, no source, no name


def test_03_laundering_one_class_only(faces: Path, tmp_path: Path) -> None:
    """Both classes are degraded, by draws that do not know the label: with labels swapped every pixel is the same."""
    swapped = tmp_path / "swapped"
    shutil.copytree(faces, swapped)
    (swapped / "real").rename(swapped / "fake_real")
    (swapped / "fake_sg2").rename(swapped / "real")
    seen = []
    for folder in (faces, swapped):
        detector = brightness()
        outcome = run(folder, tmp_path / f"{folder.name}_out", "jpeg50,crop,noise,messenger", detector)
        order = [r["sha256"] for r in outcome.rows]
        n = len(order)
        blocks = [detector.seen[k * n : (k + 1) * n] for k in range(5)]
        seen.append({sha: [block[i].tobytes() for block in blocks] for i, sha in enumerate(order)})
    assert seen[0] == seen[1]
    for plain, *degraded in seen[0].values():
        assert all(one != plain for one in degraded)


def test_04_images_without_a_face_are_scored_and_counted(faces: Path, tmp_path: Path) -> None:
    """No face detector decides what is in the benchmark: a photograph of a coffee cup is one of the images."""
    from skimage.data import coffee

    folder = tmp_path / "faces"
    shutil.copytree(faces, folder)
    Image.fromarray(coffee()[:256, :256]).save(folder / "real" / "cup.png")
    outcome = run(folder, tmp_path / "out")
    (cup,) = [r for r in outcome.rows if r["file"].endswith("cup.png")]
    assert np.isfinite(cup["scores"]["none"]["log10_lr"]["brightness-00000000"])
    assert outcome.counts()["scored"] == 25
    assert {v["label"]: v["n"] for v in outcome.verdicts if v["source"] == ""} == {0: 13, 1: 12}


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
        Point(80, k, 40, 40, np.random.default_rng(k).normal(tested.labels * (0.2 + k))) for k in range(3)
    ]
    (mean,) = means(points, tested, 100)
    each = [means([p], tested, 100)[0].auc for p in points]
    assert mean.n_seeds == 3
    assert mean.sd_between_seeds > 0
    assert mean.auc == pytest.approx(np.mean(each))
    assert mean.auc < max(each)


def test_07_threshold_tuned_on_the_test_set(faces: Path, tmp_path: Path) -> None:
    """Verdicts come from the shipped thresholds: with every test image darker, none is called synthetic any more,
    where a threshold found on the test set would have followed."""
    dark = tmp_path / "dark"
    shutil.copytree(faces, dark)
    for file in dark.rglob("*.png"):
        with Image.open(file) as image:
            Image.fromarray(np.asarray(image.convert("RGB")) // 4).save(file)
    before, after = run(faces, tmp_path / "a"), run(dark, tmp_path / "b")
    shipped = brightness().thresholds
    for outcome in (before, after):
        assert outcome.to_json()["thresholds"] == shipped
    assert all(v["counts"]["authentic"] == v["n"] for v in after.verdicts)
    assert any(v["counts"]["authentic"] < v["n"] for v in before.verdicts)


def test_08_auc_hides_the_operating_point(faces: Path, tmp_path: Path) -> None:
    """A detector that ranks as before but says everything is synthetic keeps its AUC and loses everything else."""
    honest, shifted = run(faces, tmp_path / "a"), run(faces, tmp_path / "b", detector=brightness(offset=6.0))
    first, second = honest.measured[0].estimates, shifted.measured[0].estimates
    assert second["auc"].value == first["auc"].value
    assert second["cllr"].value > first["cllr"].value + 1
    assert second["calibration_loss"].value > 1
    assert {"tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "fpr_reached_0.01", "fpr_reached_0.001", "cllr"} <= set(
        first
    )
    alarms = [v for v in shifted.verdicts if v["label"] == 0]
    assert all(v["counts"]["synthetic"] == v["n"] for v in alarms)
    page = (Path(__file__).parents[2] / "forensics" / "report" / "templates" / "benchmark.html").read_text()
    assert all(name in page for name in ("tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "fpr_reached", "cllr"))


def test_09_truncation_psi(shared: Path, tmp_path: Path) -> None:
    """psi and seed are read from the list beside the images, rates are given for each psi, and a comparison of
    generators at unequal psi is warned of."""
    outcome = run(shared / "data" / "faces256" / "val", tmp_path / "out")
    parts = {(m.kind, m.name): m.estimates["auc"].n_synthetic for m in outcome.measured}
    assert {name: n for (kind, name), n in parts.items() if kind == "psi"} == {
        "0.5": 16,
        "0.7": 13,
        "0.85": 8,
        "1": 13,
    }
    assert "not sampled at the same psi" in outcome.to_json()["comparability"]
    assert {r["psi"] for r in outcome.rows if r["source"] == "stylegan2"} == {None}


def test_10_duplicates_and_identities_across_pools(faces: Path, tmp_path: Path) -> None:
    """A recompressed copy and a second picture of the same person share a group; a test image that looks like a
    training image is refused; two files of one name in two folders are two images."""
    file = sorted((faces / "real").iterdir())[0]
    with Image.open(file) as image:
        image.resize((180, 180)).save(tmp_path / "copy.jpg", quality=60)
    from forensics.corpus.likeness import perceptual_hash

    hashes = [perceptual_hash(decode(f).pixels) for f in (file, tmp_path / "copy.jpg")]
    person = np.eye(4, dtype=np.float32)
    other = np.random.default_rng(0).bytes(32).hex()
    traces = [
        Trace("0" * 64, hashes[0], ("a",), person[0]),
        Trace("1" * 64, hashes[1], ("b",), person[1]),
        Trace("2" * 64, other, ("c",), person[1] * 0.8 + person[2] * 0.6),
    ]
    assert len(set(groups_of(traces))) == 1
    fitted = [Fitted("train", "", 0, "real", "f" * 64, hashes[1], ())]
    with pytest.raises(CorpusError, match=rf"{file.name} looks like an image it was trained on"):
        run(faces, tmp_path / "out", exposure=Exposure({"brightness-00000000": fitted}))
    assert not (tmp_path / "out").exists()
    named = [r["file"] for r in run(faces, tmp_path / "out").rows if r["file"].endswith("/0000.png")]
    assert named == ["fake_sg2/0000.png", "fake_sg3/0000.png", "real/0000.png"]


STRENGTHS = {
    "jpeg": [95, 90, 75, 50, 30], "webp": [95, 75, 50, 30], "resize": [90, 75, 50, 25], "blur": [0.5, 1, 2, 4],
    "noise": [2, 5, 10, 20], "gamma": [1.05, 1.3, 1.8], "history": [95, 75, 40], "doublejpeg": [95, 60, 30],
    "messenger": [90, 60, 30], "crop": [95, 75, 50], "scale": [90, 50, 25],
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"none"}))
def test_11_degradations_do_what_they_say(faces: Path, kind: str) -> None:
    """The strength reaches the pixels: each step harsher, each result farther from the image."""
    file = sorted((faces / "real").iterdir())[1]
    pixels, sha256 = decode(file).pixels, sha256_file(file)
    distances = []
    for strength in STRENGTHS[kind]:
        after, draws = perturb(pixels, parse(f"{kind}{strength}")[0], seed=0, sha256=sha256)
        assert strength in draws.values()
        distances.append(_distance(pixels, after, draws))
    assert distances == sorted(distances)
    assert len(set(distances)) == len(distances)


def _distance(pixels: Pixels, after: Pixels, draws: dict[str, Any]) -> float:
    """Mean squared difference from the image, or, where it got another size, from the piece or size it has now."""
    if "top" in draws:
        return 1 - after.size / pixels.size
    rows, columns = int(draws.get("dy", 0)), int(draws.get("dx", 0))
    whole = pixels[rows:, columns:]
    if after.shape != whole.shape:
        after = np.asarray(Image.fromarray(after).resize(whole.shape[1::-1], Image.Resampling.BICUBIC))
    return float(np.mean((whole.astype(float) - after) ** 2))


def test_12_a_crop_is_not_the_image(faces: Path, tmp_path: Path) -> None:
    """Every corner of a large image counts: nothing is cropped to the middle on the way to the score."""
    detector = brightness()
    run(faces, tmp_path / "out", detector=detector)
    assert {image.shape for image in detector.seen} == {(256, 256, 3)}
    large = np.full((1024, 1024, 3), 90, np.uint8)
    for rows in (slice(0, 64), slice(-64, None)):
        for columns in (slice(0, 64), slice(-64, None)):
            marked = large.copy()
            marked[rows, columns] = 255
            assert (working_view(marked) != working_view(large)).any()


def test_13_a_detector_is_what_it_is_called(tmp_path: Path) -> None:
    """Each kind's name leads to its class, which refuses another kind's weights; the id has a hash of the weights, so
    that no result can be quoted for others."""
    for kind in DETECTOR_KINDS:
        assert detector_class(kind).kind == kind
    detector = _tiny(tmp_path)
    written = json.loads((tmp_path / "detector" / "detector.json").read_text())
    (tmp_path / "detector" / "detector.json").write_text(json.dumps(written | {"kind": "cnn"}))
    with pytest.raises(DetectorError):
        load_detector(tmp_path / "detector")
    changed = written | {"card": {"note": "other"}}
    (tmp_path / "detector" / "detector.json").write_text(json.dumps(changed))
    assert load_detector(tmp_path / "detector").id != detector.id
    assert detector.id == f"frequency-{detector.weights_sha256[:8]}"


def test_14_samples_lost_silently(faces: Path, tmp_path: Path) -> None:
    """In = scored + failed + duplicates; names with many dots count, unreadable files are named."""
    folder = tmp_path / "faces"
    shutil.copytree(faces, folder)
    (folder / "real" / "0001.png").rename(folder / "real" / "a.b.png.c.png")
    (folder / "real" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    shutil.copy(folder / "real" / "0002.png", folder / "real" / "twice.png")
    outcome = run(folder, tmp_path / "out")
    assert outcome.counts() == {"in": 26, "scored": 24, "failed": 1, "duplicates": 1}
    assert "broken.png" in outcome.failures[0]
    assert "twice.png" in outcome.plan.listing.duplicates[0]
    assert "real/a.b.png.c.png" in [r["file"] for r in outcome.rows]
    whole = outcome.measured[0].estimates["auc"]
    assert whole.n_authentic + whole.n_synthetic == 24


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


def _tiny(folder: Path) -> Any:
    """A frequency detector trained on gradients and on noise of 64 px, in `folder`/detector."""
    rng = np.random.default_rng(0)
    pool = made_up(["real"] * 10 + ["gan"] * 10)
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    images = [ramp if y == 0 else rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for y in pool.labels]
    pool = Pool(tuple(images), pool.labels, pool.sources, pool.sha256)
    detector = train_detector("frequency", pool, folder / "detector", Options(work=folder / "work"))
    write_fitted_on(folder / "detector", *split_pool(pool, 0.2, 0))
    return detector


def test_16_a_benchmark_that_cannot_run(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """From the command line to the report, with a detector trained a moment ago; every option it lists is used; and a
    detector's folder cannot run code."""
    detector = _tiny(tmp_path)
    words = [
        str(faces),
        "--out",
        str(tmp_path / "out"),
        "--detector",
        str(tmp_path / "detector"),
        "--perturb",
        "jpeg70",
    ]
    monkeypatch.setattr("sys.argv", ["forensics", "benchmark", *words, "--json"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    summary = json.loads(capfd.readouterr().out)
    assert summary["counts"]["scored"] == 24
    assert summary["detector"]["id"] == detector.id
    for name in ("scores.csv", "results.csv", "results.json", "report.html", "evidence.json"):
        assert (tmp_path / "out" / name).stat().st_size > 500
    options = set(inspect.signature(command).parameters)
    renamed = {"detector": "detectors", "as_json": None}
    assert {renamed.get(o, o) for o in options} - {None} == set(Request.__dataclass_fields__)
    (tmp_path / "detector" / "weights.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(DetectorError, match="cannot be read"):
        load_detector(tmp_path / "detector")
