"""Figures repeat byte for byte, load nothing, and follow light and dark."""

from __future__ import annotations

from xml.etree import ElementTree

from forensics.report import plots


def draw() -> bytes:
    with plots.figure() as (drawing, (axes,)):
        axes.plot([0, 1, 2], [0, 1, 4], color=plots.SYNTHETIC, label="a < b & c")
        axes.set(xlabel="x", title="A title")
        axes.legend()
        return plots.svg(drawing)


def test_equal_data_give_equal_bytes() -> None:
    assert draw() == draw()


def test_the_svg_is_well_formed_and_stands_alone() -> None:
    text = draw().decode()
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert "<script" not in text
    assert "a &lt; b &amp; c" in text
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert all(link.startswith("#") for link in links)


def test_ink_follows_the_reader_and_data_colours_do_not() -> None:
    text = draw().decode()
    assert plots.INK not in text.split("</style>", 1)[1]
    assert "prefers-color-scheme:dark" in text
    assert "var(--ink)" in text
    assert plots.SYNTHETIC in text


def test_the_style_does_not_leak() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw()
    assert dict(matplotlib.rcParams) == before
