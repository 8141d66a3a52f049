"""Tables of figures: every row has every column, and numbers come from the files they are said to come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forensics.core.errors import ForensicsError
from tools.documentation.blocks import Provider
from tools.documentation.detector_figures import Rate, detector_table, psi_table, verdict_table
from tools.documentation.generator_figures import FILE, generator_faces, generator_quality
from tools.documentation.head_figures import head_block, head_speed, heads_table
from tools.documentation.measurements import MEASUREMENTS
from tools.documentation.records import command_of, measured

PAGE = Path("page.md")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A model card, its quality.json beside it."""
    photographs = {
        "yield": 1.0,
        "median_score": 0.89,
        "n": 375,
        "pairwise_cosine_mean": 0.03,
        "pairwise_cosine_max": 0.5,
    }
    drawn = photographs | {"draws": 4, "nearest_training_cosine_max": 0.57}
    scores = {"kid": 0.01, "kid_by_draw": [0.009, 0.011], "kid_sd": 0.001, "precision": 0.7, "recall": 0.2}
    scores |= {"extractor": "some-network", "n_fake": 375, "n_real": 375}
    held = {"scores": scores, "faces": {"photographs": photographs, "psi 0.7": drawn}, "pack": "some_pack"}
    (tmp_path / FILE).write_text(json.dumps(held))
    return tmp_path / "MODEL_CARD.md"


def test_a_card_takes_its_figures_from_the_file_beside_it(card: Path) -> None:
    rows = [line for line in generator_faces(card, []).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {7}
    assert rows[-1] == "| psi 0.7 | 100.0 % | 0.89 | 0.030 | 0.50 | 0.57 |"
    assert "| KID | 0.0100 |" in generator_quality(card, [])


def test_a_rate_is_printed_with_its_interval() -> None:
    assert str(Rate(0.5, 0.25, 1.0, 3, 4)) == "0.500 [0.250,\N{NO-BREAK SPACE}1.000]"


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_of_the_detector_has_its_file_commands_and_tables(name: str) -> None:
    assert measured(name)["commands"] == [
        command.format(out="DIR") for command in MEASUREMENTS[name].commands
    ]
    assert "forensics benchmark" in command_of(name)
    for make in (detector_table, verdict_table, psi_table):
        rows = [line for line in make(PAGE, [name]).splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1


def test_a_measurement_without_its_file_says_how_to_make_it() -> None:
    with pytest.raises(
        ForensicsError, match=r"is missing: python -m tools\.documentation\.measurements nothing"
    ):
        measured("nothing")


@pytest.mark.parametrize(
    ("make", "words", "with_intervals"),
    [(heads_table, [], 6), (head_block, ["256"], 6), (head_speed, [], 0)],
)
def test_the_tables_of_the_small_generators_have_every_column_and_intervals(
    make: Provider, words: list[str], with_intervals: int
) -> None:
    text = make(PAGE, words)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    assert len(rows) > 5
    assert sum("[" in line for line in rows) >= with_intervals
    assert "None" not in text
