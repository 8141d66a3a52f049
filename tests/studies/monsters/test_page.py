"""The page of a monster study: every number from the tables, every picture what it claims, the same bytes twice."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from forensics.faces.analyser import FaceAnalyser, load_faces
from forensics.images import decode
from forensics.report.page import render
from forensics.studies.monsters.families import survivals_of, yield_rows
from forensics.studies.monsters.gallery import Picture, direction_of, farthest, least_like
from forensics.studies.monsters.page import section
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.rows import DirectionRow, ScanRow, WalkStep
from forensics.studies.monsters.study import study_monsters
from forensics.studies.monsters.walks import walk_rows, walk_summary
from forensics.studies.probes import ProbePlan
from tests.studies.made import srcnet_file
from tests.studies.monsters.monster_hunt import SMALL

OPTIONS = MonsterPlan(**SMALL)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def faces(shared: Path) -> FaceAnalyser:
    return load_faces("scrfd_mbf", shared / "data" / "insightface")


@pytest.fixture(scope="module")
def probe(faces: FaceAnalyser) -> ProbePlan:
    return ProbePlan(str(faces.folder), "without-clip")


@pytest.fixture(scope="module")
def study(probe: ProbePlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    study_monsters("own-64", out, OPTIONS, probe)
    return out


def table(out: Path, name: str) -> list[dict[str, str]]:
    with (out / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def files_of(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def test_again_gives_the_same_bytes_with_and_without_its_parts(study: Path, probe: ProbePlan) -> None:
    before = files_of(study)
    for name in before:
        if not name.startswith("parts/") or "style" in name:
            (study / name).unlink()
    summary = study_monsters("own-64", study, OPTIONS, probe)
    assert files_of(study) == before
    lines = summary.lines()
    assert "single channels of S" in lines[4]
    assert lines[-1] == f"report: {study / 'monsters.html'}"
    json.dumps(summary.to_json(), allow_nan=False)


def test_the_page_is_one_file_that_names_its_tables(study: Path) -> None:
    page = (study / "monsters.html").read_text(encoding="utf-8")
    assert len(page) < 15e6
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    named = set(re.findall(r"[a-z-]+\.csv", page))
    assert "detection-parts.csv" in named  # the detector that ships has parts
    assert named == {path.name for path in study.glob("*.csv")}
    assert {path.stem for path in study.glob("*.svg")} == {path.stem for path in study.glob("*.png")}
    assert page.count('class="plot"') == len(list(study.glob("*.svg"))) == 7
    evidence = json.loads((study / "evidence.json").read_text(encoding="utf-8"))
    assert evidence["seeds"] == {"directions": 0}
    assert {"weights", "detector"} < set(evidence["inputs"])
    assert sum(name.startswith("face pack ") for name in evidence["inputs"]) == 2


def test_galleries_show_faces_and_monsters_where_they_say_so(study: Path, faces: FaceAnalyser) -> None:
    content = json.loads((study / "monsters.json").read_text(encoding="utf-8"))
    strips = content["galleries"]["nearest"]
    assert strips
    for strip in strips:
        kept, lost = strip["steps"][1:3]
        assert faces.analyse(decode(study / kept["file"]).pixels)
        assert not faces.analyse(decode(study / lost["file"]).pixels)
        assert kept["radius"] < lost["radius"] == strip["radius"]
    for name in ("farthest", "least_like"):
        assert content["galleries"][name]
        assert all(entry["score"] >= OPTIONS.threshold for entry in content["galleries"][name])
    plane = content["galleries"]["plane"]
    measured = {
        (float(row["angle"]), float(row["radius"])): float(row["score"]) for row in table(study, "map")
    }
    for row in plane["rings"]:
        for angle, cell in zip(plane["angles"], row["pictures"], strict=True):
            assert cell["score"] == pytest.approx(measured[angle, row["radius"]], abs=0.02)


def test_the_section_goes_into_another_page(study: Path) -> None:
    found = section(study)
    assert all(uri.startswith("data:image/svg+xml") for uri in found.figures.values())
    context = {"title": "A walk", "evidence": [], "monsters": found}
    assert render("monsters.html", context).count("The nearest monsters") == 1
    assert found.facts.quantiles[0].name == "random in W"


def test_a_network_without_faces_no_detector_and_families_left_out(
    shared: Path, faces: FaceAnalyser, tmp_path: Path
) -> None:
    few = {**SMALL, "mapped": 0, "components": 0, "dimensions": 0, "walks": 0}
    file = str(srcnet_file(shared, tmp_path))  # a small network that never saw a face
    plan = MonsterPlan(**few)  # type: ignore[arg-type]
    summary = study_monsters(file, tmp_path / "out", plan, ProbePlan(str(faces.folder)))
    assert list(summary.families) == ["random", "style"]
    assert [row.median for row in summary.families.values()] == [0, 0]
    assert summary.detector is None
    page = (tmp_path / "out" / "monsters.html").read_text(encoding="utf-8")
    assert "there is no face at the start" in page
    assert "harder to catch" not in page
    assert "Walks by step size" not in page
    assert not (tmp_path / "out" / "detection.csv").exists()


def a_walk(step: float, walk: int, lost_from: int, positions: list[int]) -> list[WalkStep]:
    return [
        WalkStep(
            step=step,
            walk=walk,
            position=p,
            radius=p * step,
            score=0.9 * (p < lost_from),
            similarity=None,
            likeness=None,
        )
        for p in positions
    ]


def test_walks_count_each_step_as_the_nearest_one_looked_at() -> None:
    options = MonsterPlan(walk_length=101, walk_every=50)
    assert options.positions == [*range(21), 50, 100]
    rows = [row for k, lost in enumerate((40, 90, 999)) for row in a_walk(0.1, k, lost, options.positions)]
    (found,) = walk_summary(rows, options)
    # 0 to 35 go with 0 to 20, 36 to 75 with 50, 76 to 100 with 100.
    assert found.face_yield == pytest.approx((36 + 76 + 101) / 3 / 101)
    assert (found.walks, found.lost, found.median_step) == (3, 2, 100)
    assert found.median_radius == pytest.approx(10)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.face_yield <= found.high
    at = {row.position: row.face_yield for row in walk_rows(rows, 0.5)}
    assert (at[20], at[50], at[100]) == (1, pytest.approx(2 / 3), pytest.approx(1 / 3))


KEY: dict[str, Any] = {"family": "random", "sign": 1, "space": "w", "layer": ""}


def test_yield_counts_faces_that_came_back_and_survival_does_not() -> None:
    scan = [
        ScanRow(**KEY, index=i, radius=r, score=s, similarity=0.5 if s else None, likeness=None)
        for i, scores in enumerate(((0.9, 0.0, 0.8), (0.9, 0.9, 0.9)))
        for r, s in zip((1.0, 2.0, 3.0), scores, strict=True)
    ]
    assert [row.face_yield for row in yield_rows(scan, 0.5)] == [1, 0.5, 1]
    nothing: dict[str, Any] = dict.fromkeys(DirectionRow.__dataclass_fields__)
    directions = [
        DirectionRow(**{**nothing, **KEY, "radius": radius, "up_to": 3.0, "deviation": 0.1})
        for radius in (1.5, None)
    ]
    assert survivals_of(directions)["random"].share.tolist()[1] == 0.5


def test_strange_faces_are_ranked_one_a_direction() -> None:
    class Told:
        """Gives the radii it was asked for."""

        def pictures(self, name: str, points: list[tuple[Any, float]]) -> list[Picture]:
            return [Picture(file=f"{name}.png", radius=radius, score=0.9) for _, radius in points]

    rows = [
        ScanRow(**KEY, index=i, radius=radius, score=0.9, similarity=0.1, likeness=likeness)
        for i, radius, likeness in (
            (0, 1.0, 0.6),
            (0, 2.0, 0.5),
            (1, 1.5, 0.1),
            (1, 1.0, 0.2),
            (2, 0.5, 0.9),
            (0, 0.1, 0.95),
        )
    ]
    told: Any = Told()
    assert [(e.label, e.radius) for e in farthest(told, rows)] == [
        ("random 0", 2.0),
        ("random 1", 1.5),
        ("random 2", 0.5),
    ]
    assert [e.likeness for e in least_like(told, rows)] == [0.1, 0.5, 0.9]
    assert direction_of(rows[2]).index == 1
