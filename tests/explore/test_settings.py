"""Everything from outside is bounded, and named when it is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forensics.core.errors import ForensicsError
from forensics.explore.settings import MAX_SEED, MAX_STEPS, LatentShape, PictureWalk, Settings
from forensics.explore.walk_path import WalkPath
from forensics.recipes.walked import step_directions

SPACE = LatentShape(num_ws=6, w_dim=16, c_dim=3)


def test_nothing_given_is_the_usual_face() -> None:
    assert Settings.parse({}, SPACE) == Settings.of(SPACE)
    assert Settings.of(SPACE).layers == (0, 5)


@hypothesis_settings(deadline=None)  # on a busy machine an example may have to wait
@given(
    st.builds(
        Settings,
        layers=st.tuples(st.integers(0, 2), st.integers(2, 5)),
        seed=st.integers(0, MAX_SEED),
        label=st.integers(0, 2),
        psi=st.floats(-2, 2),
        moves=st.dictionaries(st.integers(0, 15), st.floats(-1000, 1000)).map(lambda d: tuple(d.items())),
        walk=st.builds(
            PictureWalk, legs=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 50))).map(tuple)
        ),
        noise=st.sampled_from(["const", "random", "none"]),
        pruning_threshold=st.floats(0, 1000),
    )
)
def test_settings_survive_their_json(settings: Settings) -> None:
    assert Settings.parse(json.loads(json.dumps(settings.to_json())), SPACE) == settings


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([], "object"),
        (None, "object"),
        ({"sede": 1}, "'sede'"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"seed": 10**400}, "seed"),
        ({"label": 3}, "label"),
        ({"psi": float("nan")}, "psi"),
        ({"psi": float("inf")}, "psi"),
        ({"psi": 2.01}, "psi"),
        ({"psi": None}, "psi"),
        ({"psi": 10**400}, "psi"),
        ({"moves": {"3": 1}}, "moves"),
        ({"moves": [[3]]}, "pair"),
        ({"moves": ["ab"]}, "pair"),
        ({"moves": [[16, 1.0]]}, "dimension"),
        ({"moves": [[-1, 1.0]]}, "dimension"),
        ({"moves": [[3, 1001]]}, "delta"),
        ({"moves": [[3, 1], [3, 2]]}, "twice"),
        ({"moves": [[i, 0] for i in range(65)]}, "at most 64"),
        ({"layers": [3, 2]}, "layers"),
        ({"layers": [0, 6]}, "layers"),
        ({"layers": 3}, "pair"),
        ({"noise": "loud"}, "noise"),
        ({"noise": ["const"]}, "noise"),
        ({"noise_strength": 11}, "noise_strength"),
        ({"pruning_threshold": -0.1}, "pruning_threshold"),
        ({"walk": {"legs": [[0.01, MAX_STEPS], [0.1, 1]]}}, "steps"),
        ({"walk": {"legs": [[0.01, -1]]}}, "steps"),
        ({"walk": {"legs": [[0.01, 1]] * 201}}, "at most 200"),
        ({"walk": {"direction": "fixed"}}, "direction"),
        ({"walk": 7}, "walk"),
        ({"x" * 5000: 1}, "there is no"),
    ],
)
def test_what_is_refused_is_named_in_one_short_line(wrong: Any, named: str) -> None:
    with pytest.raises(ForensicsError, match=named) as caught:
        Settings.parse(wrong, SPACE)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_a_walk_is_the_sum_of_its_steps_whatever_was_asked_before() -> None:
    path = WalkPath(5)
    walks = [
        PictureWalk(3, "gaussian", ((0.01, 4),)),
        PictureWalk(3, "gaussian", ((0.01, 5),)),  # goes on
        PictureWalk(3, "gaussian", ((0.01, 5), (0.5, 300))),  # at another step, past what was drawn
        PictureWalk(3, "gaussian", ((0.02, 5),)),  # another from the start
        PictureWalk(3, "momentum", ((0.02, 5),)),
        PictureWalk(4, "gaussian", ((0.02, 5),)),
        PictureWalk(4, "gaussian", ()),
    ]
    for walk in walks:
        directions = step_directions(walk.direction, 400, 5, walk.seed, 0)
        steps = [step for step, count in walk.legs for _ in range(count)]
        expected = np.zeros(5)
        for direction, step in zip(directions, steps, strict=False):
            expected += direction * np.float32(step)
        assert np.array_equal(path.offset(walk), expected.astype(np.float32))
        assert np.array_equal(path.offset(walk), WalkPath(5).offset(walk))
