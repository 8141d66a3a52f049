"""The page of a detection: complete, escaped, self-contained, and never too large."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from forensics.detectors.contract import Detector
from forensics.detectors.finding import Finding, FoundFace, examine
from forensics.detectors.loading import load_detector
from forensics.examiner.page import DetectionReport, short_names, statement, support, thresholds_in_words
from forensics.images import DecodedImage, ImageFailure, decode_bytes, encode_jpeg, encode_png

NASTY = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\n"
FACES = (FoundFace(0.87, (60.0, 50.0, 190.0, 220.0), ((95.0, 110.0),) * 5),)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("without-clip")


@pytest.fixture(scope="module")
def image() -> DecodedImage:
    from skimage.data import astronaut

    return decode_bytes(encode_png(np.ascontiguousarray(astronaut()[0:256, 96:352])), "evidence/collins.png")


@pytest.fixture(scope="module")
def finding(detector: Detector, image: DecodedImage) -> Finding:
    (found,) = examine([image], detector)
    return found


class Page(HTMLParser):
    """Tags and attributes of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(detector: Detector, *pairs: tuple[DecodedImage, Finding]) -> DetectionReport:
    page = DetectionReport(detector, [("command", "forensics detect x")], len(pairs))
    for image, finding in pairs:
        page.add(image, finding)
    return page


def test_everything_asked_for_is_there(detector: Detector, image: DecodedImage, finding: Finding) -> None:
    html = page_of(detector, (image, replace(finding, faces=FACES))).html()
    page = Page(html)
    for words in (
        "collins.png",
        "256 × 256 px",
        "What the numbers mean",
        "does not",
        "score 0.87",
        "1 in 1,000",
    ):
        assert words in page.text, words
    for words in ("Mean of 300 authentic photographs", "Spectrum of this image", detector.id, image.sha256):
        assert words in page.text, words
    assert page.tags.count("circle") >= 5  # landmarks
    pictures = [value for name, value in page.values if name == "src"]
    has_map = detector.evidence_map(image.pixels) is not None
    assert len(pictures) == 4 + has_map  # thumbnail, photograph, spectrum, radial mean, map
    assert ("Where the evidence lies" in page.text) == has_map


def test_nothing_is_loaded_or_run(detector: Detector, image: DecodedImage, finding: Finding) -> None:
    html = page_of(detector, (image, finding)).html()
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    for name, value in page.values:
        assert not name.startswith("on"), name
        if name in ("src", "href", "srcset", "action"):
            assert value.startswith(("data:image/", "#")), value[:60]
    assert not re.search(r"url\((?!\"?data:)", html)


def test_text_from_files_is_text(detector: Detector, image: DecodedImage, finding: Finding) -> None:
    hostile = replace(finding, path=f"x/{NASTY}", warnings=(NASTY,), reasons=(NASTY,), format="PNG")
    page = page_of(detector, (image, hostile))
    page.failures.append(ImageFailure(NASTY, NASTY))
    html = page.html()
    assert "<script" not in html
    assert "onerror=alert(1)>" not in html
    assert "\x1b" not in html
    parsed = Page(html)
    assert "script" not in parsed.tags
    assert not [name for name, _ in parsed.values if name.startswith("on")]
    assert "<script>alert(1)</script>" in parsed.text


def test_metadata_does_not_reach_the_page(detector: Detector, image: DecodedImage) -> None:
    """EXIF and PNG text are attacker's text; pictures are encoded anew without either."""
    from PIL.PngImagePlugin import PngInfo

    picture = Image.fromarray(image.pixels)
    exif = Image.Exif()
    exif[0x010E] = "<script>alert('exif')</script>"
    info = PngInfo()
    info.add_text("Comment", "<script>alert('png')</script>")
    files = []
    for options in ({"format": "JPEG", "exif": exif}, {"format": "PNG", "pnginfo": info}):
        buffer = io.BytesIO()
        picture.save(buffer, **options)
        assert b"<script>" in buffer.getvalue()
        files.append(decode_bytes(buffer.getvalue(), f"a.{options['format']}"))
    html = page_of(detector, *zip(files, examine(files, detector), strict=True)).html()
    assert "<script" not in html
    for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", html):
        assert b"script>" not in base64.b64decode(data)


@pytest.mark.parametrize(("n", "least"), [(300, 60), (2500, 10)])
def test_many_images_stay_under_fifteen_megabytes(
    detector: Detector,
    image: DecodedImage,
    finding: Finding,
    monkeypatch: pytest.MonkeyPatch,
    n: int,
    least: int,
) -> None:
    """Sections shrink, then stop, then thumbnails stop; the table always has every image."""
    details = DetectionReport(detector, [], n)._details(image, finding)
    monkeypatch.setattr(DetectionReport, "_details", lambda self, image, finding: details)
    path = f"{'long/' * 9}{'name' * 9}.png"
    long = replace(finding, path=path, reasons=("too small: 100 px on its shorter side",))
    page = DetectionReport(detector, [], n)
    for _ in range(n):
        page.add(image, long)
    html = page.html()
    assert len(html.encode()) < 15_000_000
    assert html.count('<td class="pic">') == n
    shown = sum(entry.details is not None for entry in page.entries)
    assert least <= shown < n
    assert f"the other {n - shown} are in this table only" in Page(html).text


def test_more_images_are_shown_smaller(detector: Detector, image: DecodedImage, finding: Finding) -> None:
    big = decode_bytes(
        encode_jpeg(np.asarray(Image.fromarray(image.pixels).resize((1200, 1200))), 90), "big.jpg"
    )
    sizes = [DetectionReport(detector, [], n)._details(big, finding).n_bytes for n in (1, 50, 500)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[2]


def test_an_empty_page_is_a_page(detector: Detector) -> None:
    page = page_of(detector)
    page.failures.append(ImageFailure("a.png", "a.png: is empty"))
    html = page.html()
    assert "No image examined" in html
    assert "a.png: is empty" in html


def test_names_are_as_short_as_they_can_be() -> None:
    assert short_names(["x/a.png", "y/a.png", "y/b.png", "c.png"]) == ["x/a.png", "y/a.png", "b.png", "c.png"]


def test_statements(finding: Finding) -> None:
    def say(log10_lr: float, verdict: str, reasons: tuple[str, ...] = ()) -> str:
        return statement(replace(finding, log10_lr=log10_lr, verdict=verdict, reasons=reasons))

    assert "200 times more likely if the image is synthetic than if it is authentic" in say(2.3, "synthetic")
    assert "moderately strong support for synthetic" in say(2.3, "synthetic")
    assert "10 times more likely if the image is authentic" in say(-1, "authentic")
    assert "about as likely" in say(0.01, "inconclusive")
    assert "not enough for a verdict" in say(0.3, "inconclusive")
    assert "carries no verdict" in say(2.3, "inconclusive", ("too small",))
    assert "probability" not in say(2.3, "synthetic")


def test_thresholds_in_words(detector: Detector) -> None:
    from forensics.detectors.calibration import Calibration
    from forensics.detectors.thresholds import Thresholds

    limits = Thresholds(1.0, -0.5, 0.02, 0.05, 106, 35, "as described")
    usual = replace(detector, limits=limits, calibration=Calibration(1.0, 0.0, -0.9, 1.3))
    assert "141 calibration images" in thresholds_in_words(usual)
    assert "beyond −0.90 or +1.30" in thresholds_in_words(usual)
    assert "No image" not in thresholds_in_words(usual)
    narrow = replace(usual, calibration=Calibration(1.0, 0.0, -0.4, 1.3))
    assert "No image can therefore be called authentic." in thresholds_in_words(narrow)


def test_the_verbal_scale() -> None:
    ratios = (1.5, 5, 50, 500, 5000, 50000)
    words = ("no support", "weak", "moderate support", "moderately strong", "strong support", "very strong")
    for ratio, word in zip(ratios, words, strict=True):
        assert support(float(np.log10(ratio))).startswith(word)
        assert support(-float(np.log10(ratio))).startswith(word)
