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
from forensics.detectors.card import DetectorCard
from forensics.detectors.contract import Detector
from forensics.detectors.domain import Domain
from forensics.detectors.finding import FoundFace, examine
from forensics.detectors.loading import load_detector
from forensics.faces.analyser import Face
from forensics.images import DecodedImage, decode, decode_bytes, encode_jpeg, encode_png, resize
from forensics.images.jpeg_tables import jpeg_quality, jpeg_table

FACE = FoundFace(0.9, (60.0, 50.0, 190.0, 220.0), ((95.0, 110.0),) * 5)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("without-clip")


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


def reasons_outside(
    image: DecodedImage, faces: tuple[FoundFace, ...] | None, domain: Domain
) -> tuple[str, ...]:
    return (*domain.reasons_outside(image), *domain.reasons_of_faces(image, faces))


def test_an_ordinary_portrait_is_inside(photograph: DecodedImage) -> None:
    assert reasons_outside(photograph, (FACE,), Domain()) == ()
    assert reasons_outside(encoded(photograph, "JPEG", quality=75), (FACE,), Domain()) == ()
    assert replace(Domain(), needs_face=False).reasons_of_faces(photograph, None) == ()


def test_too_small(photograph: DecodedImage) -> None:
    assert Domain().reasons_outside(decode_bytes(encode_png(resize(photograph.pixels, 128)), "a.png")) == ()
    small = decode_bytes(encode_png(resize(photograph.pixels, 100)), "a.png")
    assert only_reason(small) == "too small: 100 px on its shorter side, validated from 128 px"


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
    domain = replace(detector, card=DetectorCard.from_json(card)).domain
    assert domain == replace(Domain(), min_side_px=300, formats=("JPEG",))
    assert len(domain.reasons_outside(photograph)) == 2


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
    assert len(plain["detectors"]) == 1 + len(detector.parts)
    assert plain["p_synthetic"] == pytest.approx(1 / (1 + 10 ** -plain["log10_lr"]), abs=1e-3)
    assert plain["thresholds"]["authentic_at"] < 0 < plain["thresholds"]["synthetic_at"]
    assert plain["faces"] is None


class _Finds:
    """A face finder that finds these faces in every image."""

    name = "made up"

    def __init__(self, *faces: Face) -> None:
        self.faces = faces

    def find(self, pixels: np.ndarray) -> tuple[Face, ...]:
        return self.faces


PORTRAIT = Face(0.9, np.array(FACE.box, np.float32), np.array(FACE.landmarks, np.float32))
DISTANT = Face(0.9, np.array((10, 10, 30, 34), np.float32), np.full((5, 2), 15, np.float32))


def test_no_verdict_holds_where_no_face_was_found(detector: Detector, photograph: DecodedImage) -> None:
    """Whatever the score: not looked for, none there, or none large enough."""
    to_authentic = replace(detector.thresholds, authentic_at=9.0, synthetic_at=9.5)
    to_synthetic = replace(detector.thresholds, synthetic_at=-9.0)
    for thresholds in (to_authentic, to_synthetic):
        certain = replace(detector, limits=thresholds)
        for faces, reason in (
            (None, "not looked for"),
            (_Finds(), "no face found"),
            (_Finds(DISTANT), "face too small"),
        ):
            (finding,) = examine([photograph], certain, faces)
            assert finding.verdict == "inconclusive"
            assert any(reason in one for one in finding.reasons)


def test_verdicts_follow_the_thresholds(detector: Detector, photograph: DecodedImage) -> None:
    (found,) = examine([photograph], detector, _Finds(PORTRAIT))
    assert found.face_finder == "made up"
    if not found.reasons:
        assert found.verdict == detector.verdict(found.log10_lr)
    (withheld,) = examine([decode_bytes(encode_png(resize(photograph.pixels, 60)), "a.png")], detector)
    assert withheld.verdict == "inconclusive"
    assert withheld.reasons


def test_parts_that_contradict_each_other_give_no_verdict(detector: Detector) -> None:
    parts = detector.parts
    assert len(parts) >= 2
    for_synthetic = [part.thresholds.synthetic_at for part in parts]
    assert rules.disagreement(detector, for_synthetic) == ()
    against = [parts[0].thresholds.authentic_at, *for_synthetic[1:]]
    (reason,) = rules.disagreement(detector, against)
    assert reason.startswith("its parts disagree")
    undecided = [0.0, *for_synthetic[1:]]
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
