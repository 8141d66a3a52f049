"""Findings: what is withheld and why, and that nothing depends on company or order."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from forensics.detectors import finding as rules
from forensics.detectors.contract import Detector, load_detector
from forensics.detectors.finding import Domain, FoundFace, examine, jpeg_quality, jpeg_table, reasons_outside
from forensics.images import DecodedImage, decode, decode_bytes, encode_jpeg, encode_png, resize

FACE = FoundFace(0.9, (60.0, 50.0, 190.0, 220.0), ((95.0, 110.0),) * 5)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector()


@pytest.fixture(scope="module")
def photograph() -> DecodedImage:
    """The head of NASA's portrait of Eileen Collins, as scikit-image ships it, 256 px."""
    from skimage.data import astronaut

    return decode_bytes(encode_png(np.ascontiguousarray(astronaut()[0:256, 96:352])), "collins.png")


def encoded(image: DecodedImage, format: str, **options: object) -> DecodedImage:
    buffer = io.BytesIO()
    Image.fromarray(image.pixels).save(buffer, format=format, **options)  # type: ignore[arg-type]
    return decode_bytes(buffer.getvalue(), f"collins.{format.lower()}")


def only_reason(image: DecodedImage, faces: tuple[FoundFace, ...] | None = (FACE,)) -> str:
    (reason,) = reasons_outside(image, faces, Domain())
    return reason


def test_an_ordinary_portrait_is_inside(photograph: DecodedImage) -> None:
    assert reasons_outside(photograph, (FACE,), Domain()) == ()
    assert reasons_outside(encoded(photograph, "JPEG", quality=75), (FACE,), Domain()) == ()
    assert reasons_outside(photograph, None, Domain()) == ()  # faces not looked for withhold nothing


def test_too_small(photograph: DecodedImage) -> None:
    assert (
        reasons_outside(decode_bytes(encode_png(resize(photograph.pixels, 128)), "a.png"), None, Domain())
        == ()
    )
    small = decode_bytes(encode_png(resize(photograph.pixels, 100)), "a.png")
    assert only_reason(small, None) == "too small: 100 px on its shorter side, validated from 128 px"


def test_heavy_compression(photograph: DecodedImage) -> None:
    assert "JPEG quality about 20" in only_reason(encoded(photograph, "JPEG", quality=20))


def test_unseen_formats_and_palettes(photograph: DecodedImage) -> None:
    assert reasons_outside(encoded(photograph, "WEBP", quality=80), (FACE,), Domain()) == ()
    assert "unseen format: GIF" in reasons_outside(encoded(photograph, "GIF"), (FACE,), Domain())[0]
    palette = Image.fromarray(photograph.pixels).quantize(32)
    buffer = io.BytesIO()
    palette.save(buffer, format="PNG")
    assert "few colours" in only_reason(decode_bytes(buffer.getvalue(), "palette.png"))


def test_faces(photograph: DecodedImage) -> None:
    assert "no face" in only_reason(photograph, ())
    distant = FoundFace(0.9, (10.0, 10.0, 30.0, 34.0), ((15.0, 15.0),) * 5)
    assert "9% of its shorter side" in only_reason(photograph, (distant,))
    assert reasons_outside(photograph, (distant, FACE), Domain()) == ()
    crowd = FoundFace(0.9, (60.0, 50.0, 150.0, 170.0), ((95.0, 110.0),) * 5)
    assert "crop to the face" in only_reason(photograph, (crowd,))


def test_a_card_may_state_its_own_domain(detector: Detector, photograph: DecodedImage) -> None:
    card = {"domain": {"min_side_px": 300, "formats": ["JPEG"], "something_newer": 1}}
    domain = Domain.of(replace(detector, card=card))
    assert domain == replace(Domain(), min_side_px=300, formats=("JPEG",))
    assert len(reasons_outside(photograph, None, domain)) == 2


@pytest.mark.parametrize("quality", [10, 30, 49, 50, 51, 75, 90, 95, 99])
def test_jpeg_quality_is_read_back(photograph: DecodedImage, quality: int) -> None:
    tables = decode_bytes(encode_jpeg(photograph.pixels, quality), "a.jpg").jpeg_tables
    assert tables is not None
    assert tables[0] == jpeg_table(quality)
    assert jpeg_quality(tables) == quality


def test_a_finding_carries_all_that_is_needed(detector: Detector, photograph: DecodedImage) -> None:
    (found,) = examine([photograph], detector)
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["sha256"] == photograph.sha256
    assert (plain["width"], plain["height"], plain["format"]) == (256, 256, "PNG")
    assert plain["polarity"] == "log10 LR, higher = more likely synthetic"
    assert plain["detectors"][0]["id"] == detector.id
    assert plain["detectors"][0]["weights_sha256"] == detector.weights_sha256
    assert plain["detectors"][0]["log10_lr"] == plain["log10_lr"]
    assert len(plain["detectors"]) == 1 + len(rules.parts_of(detector))
    assert plain["p_synthetic"] == pytest.approx(1 / (1 + 10 ** -plain["log10_lr"]), abs=1e-3)
    assert plain["thresholds"]["authentic_at"] < 0 < plain["thresholds"]["synthetic_at"]
    assert plain["faces"] is None


def test_verdicts_follow_the_thresholds(detector: Detector, photograph: DecodedImage) -> None:
    (found,) = examine([photograph], detector)
    if not found.reasons:
        assert found.verdict == detector.verdict(found.log10_lr)
    (withheld,) = examine([decode_bytes(encode_png(resize(photograph.pixels, 60)), "a.png")], detector)
    assert withheld.verdict == "inconclusive"
    assert withheld.reasons


def test_parts_that_contradict_each_other_give_no_verdict(detector: Detector) -> None:
    parts = rules.parts_of(detector)
    assert len(parts) >= 2
    for_synthetic = {p.id: float(p.thresholds["synthetic_at"]) for p in parts}
    assert rules.disagreement(detector, for_synthetic) == ()
    against = for_synthetic | {parts[0].id: float(parts[0].thresholds["authentic_at"])}
    (reason,) = rules.disagreement(detector, against)
    assert reason.startswith("its parts disagree")
    undecided = for_synthetic | {parts[0].id: 0.0}
    assert rules.disagreement(detector, undecided) == ()


def test_company_and_order_change_nothing(detector: Detector, photograph: DecodedImage) -> None:
    others = [decode_bytes(encode_jpeg(photograph.pixels, q), f"{q}.jpg") for q in (95, 80, 60)]
    together = list(examine([photograph, *others], detector, batch=4))
    alone = [next(examine([image], detector)) for image in (photograph, *others)]
    reversed_ = list(examine([photograph, *others][::-1], detector, batch=3))[::-1]
    for a, b, c in zip(together, alone, reversed_, strict=True):
        assert a.path == b.path == c.path
        np.testing.assert_allclose([b.log10_lr, c.log10_lr], a.log10_lr, atol=2e-3)


def test_examining_streams(detector: Detector, photograph: DecodedImage) -> None:
    """A finding is there before more images are asked for than there are threads to score them."""
    asked = []

    def images() -> object:
        for k in range(6):
            asked.append(k)
            yield photograph

    stream = examine(images(), detector, batch=2)  # type: ignore[arg-type]
    next(stream)
    assert len(asked) <= 2 * (1 + torch.get_num_threads())
    assert len(asked) < 6


def test_faces_are_given_in_pixels_of_the_image(detector: Detector, shared: Path) -> None:
    from forensics.faces.analyser import load_faces

    faces = load_faces("scrfd_mbf", shared / "data" / "insightface")
    image = decode(shared / "data" / "faces256" / "val" / "real" / "0000.png")
    (found,) = examine([image], detector, faces)
    assert found.faces is not None
    left, top, right, bottom = found.faces[0].box
    assert 0 < left < right < 256
    assert 0 < top < bottom < 256
    assert len(found.faces[0].landmarks) == 5
    json.dumps(found.to_json())


@pytest.mark.parametrize(("log10_lr", "odds", "p"), [(0, 1, 0.5), (2, 1, 100 / 101), (2, 1 / 99, 100 / 199)])
def test_probability(log10_lr: float, odds: float, p: float) -> None:
    assert rules.probability(log10_lr, odds) == pytest.approx(p)


def test_probability_of_the_extreme() -> None:
    assert rules.probability(-400) == pytest.approx(0)
    assert rules.probability(400) == 1
