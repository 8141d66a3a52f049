"""A seed is found and proved: as it is, compressed, cut, mirrored, grey; photographs and strangers have none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import forensics
from forensics.cli import app
from forensics.core.errors import ForensicsError
from forensics.generators.attribution.attribute import Attributor, read_range
from forensics.generators.base import Generator, load_generator
from forensics.images import decode, decode_bytes, encode_jpeg, encode_png

SEEDS = "0-2999"


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_generator("own-128", "cpu")


@pytest.fixture
def attributor(generator: Generator) -> Attributor:
    return Attributor([generator], SEEDS)


def made(generator: Generator, seed: int, psi: float = 0.7, rule: str = "own", noise: Any = "const") -> Any:
    ws = generator.map(generator.sample_z(1, seed, rule=rule), psi=psi)
    return generator.to_uint8(generator.synthesize(ws, noise))[0]


def asked(attributor: Attributor, *images: Any) -> list[Any]:
    return attributor.attribute([decode_bytes(encode_png(image), "image") for image in images])


def test_seeds_of_both_rules_and_every_noise_are_exact(generator: Generator, attributor: Attributor) -> None:
    noise = generator.sample_noise(77, [0])
    images = [
        made(generator, 51),
        made(generator, 2718, 1.0, "nvidia"),
        made(generator, 77, 0.85, noise=noise),
        made(generator, 1999, 0.9, noise="none"),
    ]
    hits = [one.seed_hit for one in asked(attributor, *images)]
    assert [(h.seed_rule, h.seed, h.index, h.psi, h.noise, h.exact, h.mirrored) for h in hits] == [
        ("own", 51, 0, 0.7, "const", True, False),
        ("nvidia", 2718, 0, 1.0, "const", True, False),
        ("own", 77, 0, 0.85, "random", True, False),
        ("own", 1999, 0, 0.9, "none", True, False),
    ]
    assert all(hit.residual < 1e-4 for hit in hits)


def test_an_image_of_a_corpus_is_found_by_its_number(generator: Generator, attributor: Attributor) -> None:
    ws = generator.map(generator.sample_z(1, 0, start=4321), psi=0.7)
    [answer] = asked(attributor, generator.to_uint8(generator.synthesize(ws))[0])
    assert answer.seed_hit is not None
    assert (answer.seed_hit.seed, answer.seed_hit.index, answer.seed_hit.exact) == (0, 4321, True)


DELIVERIES: dict[str, Callable[[Any], Any]] = {
    "jpeg 75": lambda x: decode_bytes(encode_jpeg(x, 75), "jpeg").pixels,
    "jpeg 50": lambda x: decode_bytes(encode_jpeg(x, 50), "jpeg").pixels,
    "crop": lambda x: np.ascontiguousarray(x[5:121, 7:123]),
    "enlarged": lambda x: np.array(Image.fromarray(x).resize((300, 300), Image.Resampling.BICUBIC)),
    "mirrored": lambda x: np.ascontiguousarray(x[:, ::-1]),
}


@pytest.mark.parametrize("name", DELIVERIES)
def test_a_seed_is_found_after(name: str, generator: Generator, attributor: Attributor) -> None:
    [answer] = asked(attributor, DELIVERIES[name](made(generator, 1234)))
    hit = answer.seed_hit
    assert hit is not None
    assert (hit.seed, hit.mirrored) == (1234, name == "mirrored")
    assert hit.psi == pytest.approx(0.7, abs=0.04)
    assert hit.exact == (name == "mirrored")
    assert str(answer).startswith("image: own-128 (sha256 f4559070237c9673), seed 1234 by rule own")


def test_photographs_and_other_generators_have_no_seed(shared: Path, attributor: Attributor) -> None:
    places = ("faces256/val/real", "faces256/val/stylegan2", "faces256/val/stylegan3")
    images = [path for place in places for path in sorted((shared / "data" / place).iterdir())[:2]]
    answers = attributor.attribute([decode(path) for path in images])
    assert [one.seed_hit for one in answers] == [None] * 6
    assert max(one.agreement for one in answers) < 0.8


def test_a_seed_that_is_not_searched_is_not_found(generator: Generator, attributor: Attributor) -> None:
    [answer] = asked(attributor, made(generator, 400_000))
    assert answer.seed_hit is None


def test_the_index_is_kept_and_grows_and_damage_is_made_again(generator: Generator) -> None:
    from forensics.core.home import home_folder

    image = made(generator, 1500)
    small = Attributor([generator], "0-99")
    assert asked(small, image)[0].seed_hit is None
    [kept] = (home_folder() / "seed-index").rglob("own-seed-*.f16")
    size = kept.stat().st_size
    assert asked(Attributor([generator], "0-1999"), image)[0].seed_hit is not None
    assert kept.stat().st_size == 20 * size
    kept.write_bytes(b"\xff" * kept.stat().st_size)
    assert asked(Attributor([generator], "0-1999"), image)[0].seed_hit is not None


def test_the_command(generator: Generator, tmp_path: Path, shared: Path) -> None:
    (tmp_path / "own.png").write_bytes(encode_png(made(generator, 51)))
    (tmp_path / "photograph.png").write_bytes((shared / "data/faces256/val/real/0000.png").read_bytes())
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = ["attribute", str(tmp_path), "--to", "own-128", "--seeds", SEEDS, "--json", "--device", "cpu"]
    answer = CliRunner().invoke(app, words, catch_exceptions=False)
    assert answer.exit_code == 2
    assert "torn.png" in answer.stderr
    own, photograph = map(json.loads, answer.stdout.splitlines())
    names = {
        "path",
        "generator",
        "weights_sha256",
        "seed_hit",
        "log10_lr",
        "against",
        "psi",
        "sample_or_edit",
    }
    assert names <= own.keys()
    assert own["seed_hit"]["exact"] is True
    assert {"seed_rule", "seed", "index", "psi", "noise", "mirrored", "residual"} <= own["seed_hit"].keys()
    assert (own["generator"], own["psi"], own["sample_or_edit"]) == ("own-128", 0.7, "sample")
    assert photograph["seed_hit"] is None


def test_the_call_for_python_and_what_it_refuses(generator: Generator) -> None:
    [answer] = forensics.attribute(made(generator, 5), to=[generator], seeds="0-99")
    assert answer.seed_hit is not None
    other = load_generator("own-64", "cpu")
    other.weights_sha256 = "0" * 64
    with pytest.raises(ForensicsError, match="has no encoder"):
        Attributor([other])
    for text in ("9-1", "a", "", "0-99999999999", "-3"):
        with pytest.raises(ForensicsError, match="--seeds"):
            read_range(text)
