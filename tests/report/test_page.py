"""The page loads and runs nothing, and prints what came from files as text."""

from __future__ import annotations

import math

import pytest
from jinja2 import UndefinedError

from forensics.report import page
from forensics.report.page import THIN


def test_the_base_page_forbids_everything_but_inline_pictures_and_styles() -> None:
    html = page.render("base.html", {"title": "A page"})
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert "<script" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html


def test_text_is_escaped_in_every_template() -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.render(
        "base.html", {"title": "<script>alert(1)</script>"}
    )


def test_a_forgotten_name_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="title"):
        page.render("base.html", {})


@pytest.mark.parametrize(
    ("value", "text"), [(1.204, "+1.20"), (-0.351, "−0.35"), (0.001, "0.00"), (-0.0, "0.00"), (12, "+12.00")]
)
def test_signed(value: float, text: str) -> None:
    assert page.signed(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (1, "100.0 %"),
        (0.0001, "< 0.1 %"),
        (0.99999, "> 99.9 %"),
        (0.123, "12.3 %"),
        (0.999, "99.9 %"),
    ],
)
def test_percent_never_rounds_to_certainty(share: float, text: str) -> None:
    assert page.percent(share).replace(THIN, " ") == text


@pytest.mark.parametrize(
    ("log10_lr", "text"),
    [(0.301, "2.0"), (-1, "10"), (2.3, "200"), (3.08, "1 200"), (5.9, "790 000"), (7, "more than a million")],
)
def test_likelihood_ratio_has_two_digits(log10_lr: float, text: str) -> None:
    assert page.likelihood_ratio(log10_lr).replace(THIN, " ") == text
    assert page.likelihood_ratio(-log10_lr) == page.likelihood_ratio(log10_lr)


def test_numbers_that_are_none() -> None:
    assert page.number(math.nan) == "–"
    assert page.number(math.inf) == "∞"
    assert page.number(-0.5, 1) == "−0.5"
    assert page.size_in_bytes(999) == "999 bytes"
    assert page.size_in_bytes(102_400) == "102 kB"
