"""Five pools that share no image, copy, latent, walk or person; what was fitted on is not tested on."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from forensics.benchmarks.overlap import Exposure, overlaps
from forensics.core.errors import CorpusError, DetectorError
from forensics.corpus import Corpus, Row
from forensics.corpus.items import Item, list_items
from forensics.corpus.likeness import NEAR_BITS, near_pairs, origins, perceptual_hash
from forensics.corpus.pools.five_pools import (
    Rules,
    make_pools,
    pool_lines,
    read_pools,
    split_corpora,
    traces_of,
)
from forensics.corpus.pools.grouping import POOLS, Trace, deal, groups_of
from forensics.corpus.pools.pool import split_pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.fitting.fitted_on import FILE, read_fitted_on, write_fitted_on
from forensics.images import decode
from tests.benchmarks.faces import tree
from tools.fitted_on import rebuild


@pytest.fixture(scope="module")
def faces(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 photographs, 15 StyleGAN2 and 15 StyleGAN3 faces."""
    counts = {"real": 30, "stylegan2": 15, "stylegan3": 15}
    return tree(shared, tmp_path_factory.mktemp("faces") / "faces", counts)


@pytest.fixture(scope="module")
def found(faces: Path) -> tuple[tuple[Item, ...], list[Trace]]:
    items = list_items([faces]).items
    return items, traces_of(items)


def row(sha256: str, **more: Any) -> Row:
    return Row(**{"sha256": sha256, "label": 1, "source": "gan", **more})


def test_copies_look_alike_and_other_faces_do_not(faces: Path) -> None:
    files = sorted(faces.rglob("*.png"))[::3]
    hashes = [perceptual_hash(decode(f).pixels) for f in files]
    copies = []
    for file in files:
        with Image.open(file) as image:
            small = image.resize((128, 128), Image.Resampling.BILINEAR)
            small.save(file.with_suffix(".copy.jpg"), quality=50)
        copies.append(perceptual_hash(decode(file.with_suffix(".copy.jpg")).pixels))
        file.with_suffix(".copy.jpg").unlink()
    assert list(near_pairs(hashes, copies)) == [(i, i) for i in range(len(files))]
    assert not [pair for pair in near_pairs(hashes, hashes, NEAR_BITS + 16) if pair[0] != pair[1]]


def test_what_has_a_common_making_is_one_group() -> None:
    def trace(sha256: str, spread: int, **more: Any) -> Trace:
        rng = np.random.default_rng(spread)
        return Trace(sha256 * 64, rng.bytes(32).hex(), origins(row(sha256 * 64, **more)))

    seed = {"seed": 3, "index": 7}
    traces = [
        trace("1", 1, params=seed | {"psi": 0.5}),
        trace("2", 2, params=seed | {"psi": 1.0}),  # the same latent at another psi
        trace("3", 3, params={"seed": 3, "index": 8}),
        trace("4", 4, parents=("3" * 64,)),  # made from 3
        trace("5", 5, params={"seed": 3, "walk": 0, "index": 0}),
        trace("6", 6, params={"seed": 3, "walk": 0, "index": 1}),  # the same walk
        trace("7", 7, params={"seed": 3, "walk": 1, "index": 2}),
        trace("8", 8, params=seed, source="another gan"),  # the same number, another network
    ]
    groups = groups_of(traces)
    assert groups == [c * 16 for c in "11335578"]
    assert groups_of(traces[::-1])[::-1] == groups


def test_the_same_person_is_one_group() -> None:
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((8, 8)))[0].astype(np.float32)
    near = 40 * (directions[0] + 0.7 * directions[1])  # cosine 0.82 with the first; length does not matter
    far = directions[0] + 2 * directions[2]  # cosine 0.45
    embeddings = [directions[0], near, far, np.zeros(8, np.float32), None]
    traces = [Trace(f"{i}" * 64, rng.bytes(32).hex(), (str(i),), e) for i, e in enumerate(embeddings)]
    assert groups_of(traces) == ["0" * 16, "0" * 16, "2" * 16, "3" * 16, "4" * 16]


def test_pools_are_disjoint_stratified_and_do_not_depend_on_order(found: tuple[Any, list[Trace]]) -> None:
    items, traces = found
    written = split_corpora(items, traces, Rules(seed=4))
    assert written == split_corpora(items[::-1], traces[::-1], Rules(seed=4))
    assert written["images"] != split_corpora(items, traces, Rules(seed=5))["images"]
    assert sum(sum(c.values()) for c in written["counts"].values()) == 60
    for pool, share in zip(POOLS, Rules().shares, strict=True):
        for source, n in (("real", 30), ("fake_sg2", 15), ("fake_sg3", 15)):
            assert abs(written["counts"][pool][source] - share * n) < 1.01
    of_group: dict[str, set[str]] = {}
    for image in written["images"].values():
        of_group.setdefault(image["group"], set()).add(image["pool"])
    assert all(len(pools) == 1 for pools in of_group.values())


def test_a_source_kept_for_testing_is_in_no_other_pool(found: tuple[Any, list[Trace]]) -> None:
    counts = split_corpora(*found, Rules(only_tested=("fake_sg3",)))["counts"]
    assert counts["test"]["fake_sg3"] == 15
    assert all("fake_sg3" not in counts[pool] for pool in POOLS if pool != "test")


def test_one_group_too_large_is_said() -> None:
    with pytest.raises(CorpusError, match="together 1"):
        deal(["a"], ["x"], 0, {"train": 0.5})
    items = [
        Item("c", f"{i}", Path(f"{i}"), f"{i}" * 64, i % 2, "s", None, None, None, ("walk",))
        for i in range(6)
    ]
    with pytest.raises(CorpusError, match="would hold no"):
        split_corpora(items, [Trace(i.sha256, "00" * 32, i.origins) for i in items], Rules())


def test_pools_are_written_as_the_benchmark_reads(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "faces"
    shutil.copytree(faces, copied)
    with Image.open(copied / "real" / "0004.png") as image:
        image.save(copied / "real" / "again.jpg", quality=60)
    (copied / "real" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert make_pools([copied], tmp_path / "pools.json", Rules()) == 1
    assert "cut.png" in capsys.readouterr().err
    assert "the largest of 2 images" in list(pool_lines(tmp_path / "pools.json"))[-1]
    first = (tmp_path / "pools.json").read_bytes()
    make_pools([copied], tmp_path / "pools.json", Rules())
    assert (tmp_path / "pools.json").read_bytes() == first
    places = read_pools(tmp_path / "pools.json")
    sha256 = {item.path.name: item.sha256 for item in list_items([copied]).items if item.source == "real"}
    assert places[sha256["0004.png"]] == places[sha256["again.jpg"]]
    assert places[sha256["cut.png"]][0] == "test"


def test_pools_that_overlap_are_refused(faces: Path, found: tuple[Any, list[Trace]], tmp_path: Path) -> None:
    items, traces = found
    written = split_corpora(items, traces, Rules())
    path = tmp_path / "pools.json"

    def refuse(images: dict[str, Any]) -> None:
        path.write_text(json.dumps({"images": images}))
        Exposure({}, path).refuse(list_items([tmp_path / "faces"]), lambda n: None)

    shutil.copytree(faces, tmp_path / "faces")
    refuse(written["images"])
    with Image.open(faces / "real" / "0004.png") as image:
        image.save(tmp_path / "faces" / "real" / "again.jpg", quality=60)
    with pytest.raises(CorpusError, match=r"does not know 1 of the images.*again\.jpg"):
        refuse(written["images"])
    again = next(i for i in list_items([tmp_path / "faces"]).items if i.path.name == "again.jpg")
    original = next(i for i in items if i.source == "real" and i.path.name == "0004.png")
    other = "test" if written["images"][original.sha256]["pool"] != "test" else "train"
    with pytest.raises(
        CorpusError, match=r"0004\.png.*again\.jpg.*look alike|again\.jpg.*0004\.png.*look alike"
    ):
        refuse(written["images"] | {again.sha256: {"pool": other, "group": "new"}})
    group = written["images"][original.sha256]["group"]
    with pytest.raises(CorpusError, match="in two pools"):
        refuse(written["images"] | {again.sha256: {"pool": other, "group": group}})
    with pytest.raises(CorpusError, match=r"no such file|is no list of pools"):
        Exposure({}, tmp_path / "none.json").tested(list_items([faces]))


def test_a_split_fixed_beforehand_decides_what_is_held_out(faces: Path) -> None:
    pool = read_pool([faces])
    names = ("train", "calibrate", "test")
    places = {sha: (names[i % 3], f"g{i}") for i, sha in enumerate(pool.sha256)}
    placed = pool.placed(places, ("train", "calibrate"))
    training, held = split_pool(placed, 0.9, 7)
    assert training.sha256 == pool.sha256[::3]
    assert held.sha256 == pool.sha256[1::3]
    with pytest.raises(DetectorError, match="fixed beforehand"):
        split_pool(pool.placed(places, ("train",)), 0.2, 0)


def _detector_folder(folder: Path, training: Any, held: Any) -> Path:
    card = {
        "data": {
            name: {"images": len(part), "sources": part.counts(), "sha256": part.fingerprint()}
            for name, part in (("training", training), ("calibration", held))
        }
    }
    empty = {"config": {}, "calibration": None, "thresholds": None}
    folder.mkdir()
    (folder / "detector.json").write_text(
        json.dumps({"format_version": 1, "kind": "frequency", "card": card, **empty})
    )
    return folder


def test_the_list_of_what_was_fitted_on(faces: Path, tmp_path: Path) -> None:
    pool = read_pool([faces])
    training, held = split_pool(pool, 0.2, 0)
    folder = _detector_folder(tmp_path / "detector", training, held)
    assert read_fitted_on(folder) is None
    write_fitted_on(folder, training, held)
    written = (folder / FILE).read_bytes()
    rows = read_fitted_on(folder)
    assert rows is not None
    assert [f.sha256 for f in rows] == [*training.sha256, *held.sha256]
    assert {f.pool for f in rows[len(training) :]} == {"calibrate"}
    assert (rows[0].phash, rows[0].origins) == (training.phash[0], training.origins[0])
    rebuild(folder, pool, 0, 0.2)  # as for a detector that was trained before there were such lists
    assert (folder / FILE).read_bytes() == written
    with pytest.raises(DetectorError, match="was not trained on these images"):
        rebuild(folder, pool, 1, 0.2)
    (folder / FILE).write_bytes(b"\n".join(written.split(b"\n")[:-3]) + b"\n")
    with pytest.raises(DetectorError, match="card says"):
        read_fitted_on(folder)
    (folder / FILE).write_text("pool,sha256\ntrain,xyz\n")
    with pytest.raises(DetectorError, match="is damaged"):
        read_fitted_on(folder)


def test_every_way_of_overlapping_is_found(
    faces: Path, found: tuple[Any, list[Trace]], tmp_path: Path
) -> None:
    items, traces = found
    pool = read_pool([faces])
    training, held = split_pool(pool, 0.2, 0)
    fitted = read_fitted_on(
        write_fitted_on(_detector_folder(tmp_path / "d", training, held), training, held).parent
    )
    assert fitted is not None
    assert len(overlaps(items, traces, fitted)) == len(items)
    one = next(f for f in fitted if f.sha256 == traces[0].sha256)
    blank = replace(one, sha256="0" * 64, phash="", origins=(), group="")
    for other, how in (
        (replace(blank, sha256=one.sha256), "0000.png is an image"),
        (replace(blank, phash=one.phash), "looks like"),
        (replace(blank, origins=one.origins), "seed, walk or parent"),
        (replace(blank, group="g"), "in one group"),
    ):
        hit = overlaps(items, traces, [other], {traces[0].sha256: ("test", "g")})
        assert [item.sha256 for item, _ in hit] == [traces[0].sha256]
        assert how.split("0000.png ")[-1] in hit[0][1]
    assert overlaps(items, traces, [blank]) == []


def test_psi_and_seed_of_a_foreign_tree_come_from_its_list(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "faces256" / "val"
    listed = {
        line["sha256"]: line for line in csv.DictReader((folder.parent / "manifest.csv").open(newline=""))
    }
    rows = Corpus.open(folder).manifest
    assert len(rows) == 175
    for one in rows:
        line = listed[one.sha256]
        assert one.params.get("psi") == (float(line["psi"]) if line["psi"] else None)
        assert one.params.get("seed") == (int(line["seed"]) if line["seed"] else None)
        assert one.source == Path(one.file).parent.name  # still the folder's name


def test_a_list_that_is_wrong_is_said(shared: Path, tmp_path: Path) -> None:
    folder = tree(shared, tmp_path / "t" / "faces", {"real": 2, "stylegan3": 2})
    path = folder / "manifest.csv"

    def written(*lines: str, header: str = "path,label,psi,seed,sha256") -> Corpus:
        path.write_text("\n".join([header, *lines]) + "\n")
        return Corpus.open(folder)

    assert written("fake_sg3/0000.png,1,0.5,9,").manifest[0].params == {"psi": 0.5, "seed": 9}
    assert written("faces/fake_sg3/0000.png,1,0.5,9,").manifest[0].params == {"psi": 0.5, "seed": 9}
    for line, says in (
        ("real/0000.png,1,,,", "listed as synthetic"),
        ("fake_sg3/0000.png,1,high,,", "line 2"),
        ("fake_sg3/0000.png,1,nan,,", "no number"),
        ("fake_sg3/0000.png,2,,,", "neither 0 nor 1"),
        ("fake_sg3/0000.png,1,,,12", "64 hex"),
    ):
        with pytest.raises(CorpusError, match=says):
            written(line)
    altered = written(f"fake_sg3/0000.png,1,,,{'0' * 64}")
    assert len(altered) == 3
    assert "is not the file that" in altered.failures[0].message
    assert all(r.params == {} for r in written("../../etc/passwd,1,,,", "gone.png,1,7,,").manifest)
    assert len(written("x,1", header="name,label")) == 4
