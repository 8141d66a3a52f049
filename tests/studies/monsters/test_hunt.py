"""Directions and images of the embedded generator, real borders, and a study killed and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.faces.analyser import FaceAnalyser, load_faces
from forensics.generators.base import Generator, load_generator
from forensics.studies.machine import finish_parts
from forensics.studies.monsters.directions import FAMILIES, Direction, Latents, w_sample
from forensics.studies.monsters.measuring import MonsterMeasurements
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.study import MonsterStudy
from forensics.studies.probes import Probe, ProbePlan
from tests.studies.monsters.monster_hunt import SMALL

OPTIONS = MonsterPlan(**SMALL)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_generator("own-64")


@pytest.fixture(scope="module")
def latents(generator: Generator) -> Latents:
    return Latents(generator, MonsterPlan(random=3, mapped=2, components=3, dimensions=4, styles=30))


@pytest.fixture(scope="module")
def faces(shared: Path) -> FaceAnalyser:
    return load_faces("scrfd_mbf", shared / "data" / "insightface")


def test_a_point_lies_at_the_radius_it_is_called(latents: Latents) -> None:
    for family in FAMILIES:
        for direction in latents.directions(family):
            unit = latents.unit(direction)
            if direction.space == "w":
                radius = latents.statistics.radius((latents.statistics.mean + 1.7 * unit)[None])
            else:
                radius = latents.styles.radius((latents.styles.centre + 1.7 * unit)[None])
            assert float(radius) == pytest.approx(1.7, rel=1e-4), direction


def test_families_are_what_they_say(latents: Latents, generator: Generator) -> None:
    components = [latents.unit(d) for d in latents.directions("component")]
    assert len(components) == 6
    torch.testing.assert_close(components[0], -components[1])
    assert abs(float(components[0] @ components[2])) < 1e-3 * float(components[0] @ components[0])
    (dimension, opposite, *_) = latents.directions("dimension")
    assert (dimension.sign, opposite.sign) == (1, -1)
    assert latents.unit(opposite).nonzero().flatten().tolist() == [dimension.index]
    styles = latents.directions("style")
    assert {d.layer for d in styles} == set(generator.style_sizes)  # drawn from every layer
    assert latents.unit(styles[0]).nonzero().flatten().tolist() == [styles[0].index]
    everything = Latents(generator, MonsterPlan(styles=-1, dimensions=-1))
    assert len(everything.directions("style")) == 2 * generator.s_dim
    assert [d.index for d in everything.directions("dimension")[::2]] == list(range(generator.w_dim))
    towards = latents.unit(latents.directions("mapped")[1])
    w = w_sample(generator, 1, 0, 1_000_001)[0] - latents.statistics.mean
    assert float(torch.cosine_similarity(towards, w, dim=0)) == pytest.approx(1, abs=1e-5)


def test_a_deviation_is_that_of_the_latents_along_the_direction(
    latents: Latents, generator: Generator
) -> None:
    w = (w_sample(generator, 3000, seed=5) - latents.statistics.mean).double()
    found = []
    for family in ("random", "component", "dimension"):
        for direction in latents.directions(family):
            unit = latents.unit(direction).double()
            along = w @ unit / unit.square().sum()  # in radii
            assert latents.deviation(direction) == pytest.approx(float(along.std()), rel=0.1)
            found.append((family, latents.deviation(direction)))
    assert max(found, key=lambda item: item[1])[0] == "component"
    s = generator.styles(w_sample(generator, 3000, seed=5)[:, None].expand(-1, generator.num_ws, -1))
    channel = latents.directions("style")[8]
    spread = float(s[:, channel.index].std() / latents.unit(channel)[channel.index].abs())
    assert latents.deviation(channel) == pytest.approx(spread, rel=0.1)


def test_images_do_not_depend_on_their_company(latents: Latents, generator: Generator) -> None:
    points = [(d, r) for family in FAMILIES for d in latents.directions(family)[:2] for r in (0.0, 1.5)]
    together = latents.images(points)
    alone = latents.images(points[5:6])
    assert together.shape == (20, 64, 64, 3)
    assert np.abs(together[5].astype(int) - alone[0]).max() <= 1
    # Radius 0 is w_avg's image along every direction, of W and of S.
    assert np.abs(together[::2].astype(int) - together[0]).max() <= 1
    w = latents.statistics.mean + 1.5 * latents.unit(points[1][0])
    direct = generator.to_uint8(generator.synthesize(w.expand(1, generator.num_ws, -1)))
    assert np.abs(together[1].astype(int) - direct[0]).max() <= 1


def test_a_border_lies_between_a_face_and_a_monster(
    generator: Generator, faces: FaceAnalyser, tmp_path: Path
) -> None:
    work = MonsterMeasurements(generator, Probe(faces), OPTIONS)
    directions = work.latents.directions("random")
    found = work.family(directions)
    for direction, row in zip(directions, found.directions, strict=True):
        assert row.radius is not None  # far out in W there are no faces
        assert row.radius - row.kept_at <= 0.25 + 1e-9
        inside, outside = work.latents.images([(direction, row.kept_at), (direction, row.radius)])
        assert faces.analyse(inside)
        assert not faces.analyse(outside)
        assert (row.none_radius, row.none_score) == (row.radius, 0.0)
    assert [row.radius for row in found.scan[: len(OPTIONS.radii)]] == OPTIONS.radii
    assert all((row.similarity is None) == (row.score == 0) for row in found.scan)
    start = work.start()
    assert start.centre.similarity == pytest.approx(1)
    walk = work.walk(1.0, 0)
    assert [row.position for row in walk] == [0, 1, 2, 3, 4]
    assert walk[0].radius == 0
    step = np.sqrt(generator.w_dim) / start.mean_distance
    assert walk[1].radius == pytest.approx(step, rel=0.2)
    plane = work.plane(0)
    assert [(row.angle, row.radius) for row in plane[:3]] == [(0.0, 1.5), (0.0, 3.0), (90.0, 1.5)]


def test_the_parts_hold_every_direction_once(generator: Generator, tmp_path: Path) -> None:
    plan = MonsterPlan(random=20, styles=-1, components=300)
    study = MonsterStudy("own-64", tmp_path, plan, ProbePlan())
    chunks = study.chunks()
    assert [part.name for part in chunks if part.family == "random"] == [
        "directions-random-00000",
        "directions-random-00016",
    ]
    assert sum(part.family == "style" for part in chunks) == generator.s_dim // 8
    assert sum(part.family == "component" for part in chunks) == generator.w_dim // 8
    kinds = [part.kind for part in study.parts()]
    assert (kinds.count("map"), kinds.count("walk"), kinds.count("start")) == (6, 30, 1)


def test_killed_and_run_again_it_equals_one_run_in_two_processes(shared: Path, tmp_path: Path) -> None:
    pack = shared / "data" / "insightface" / "models" / "scrfd_mbf"
    words = [sys.executable, "-m", "tests.studies.monsters.monster_hunt", str(pack)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = tmp_path / "killed"
    process = subprocess.Popen([*words, str(killed), "1"], env=environment)
    deadline = time.monotonic() + 120
    while not list(killed.glob("parts/directions-random-*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = {path.name for path in killed.glob("parts/*.json")}
    assert 0 < len(done) < 10
    subprocess.run([*words, str(killed), "1"], env=environment, check=True)
    subprocess.run([*words, str(tmp_path / "whole"), "2"], env=environment, check=True)
    one, other = (
        {path.name: path.read_bytes() for path in folder.glob("parts/*.json")}
        for folder in (killed, tmp_path / "whole")
    )
    assert one == other
    parts = MonsterStudy("own-64", killed, OPTIONS, ProbePlan(str(pack))).parts()
    assert len(one) == 1 + len(parts)
    other_seed = MonsterPlan(**{**SMALL, "seed": 1})  # type: ignore[arg-type]
    with pytest.raises(ForensicsError, match="seed"):
        finish_parts(MonsterStudy("own-64", killed, other_seed, ProbePlan(str(pack))))


def test_labels_say_where_a_direction_goes() -> None:
    assert Direction("component", 2, -1).label == "\N{MINUS SIGN} component 3"
    assert Direction("style", 7, 1, "s", "b8.conv0").label == "+ s[7], b8.conv0"
    assert Direction("mapped", 4).label == "f(z) 4"
