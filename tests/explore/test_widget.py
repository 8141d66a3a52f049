"""The notebook widget, its controls moved as a browser moves them: by setting traits and clicking buttons."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import ForensicsError
from forensics.explore.explorer import Explorer
from forensics.explore.recipe import remake
from forensics.explore.widget import LatentWidget, latent_widget, vector_text
from forensics.generators.base import Generator, load_generator
from forensics.images import decode_bytes


@pytest.fixture
def widget(generator: Generator) -> LatentWidget:
    return latent_widget(generator, dims=[3, 7], seed=4, psi=0.6)


def pixels(image: object) -> np.ndarray:
    return decode_bytes(bytes(image.value), "image").pixels  # type: ignore[attr-defined]


def test_a_slider_moves_its_dimension_and_nothing_else(widget: LatentWidget) -> None:
    slider = widget.sliders[3]
    assert (slider.min, slider.max, slider.step) == (-10, 10, 0.1)
    assert bytes(widget.before.value) == bytes(widget.after.value)
    original, w = bytes(widget.after.value), widget.picture.w.copy()
    slider.value = 6.5
    assert bytes(widget.before.value) == original
    g = widget.explorer.generator
    ws = g.map(g.sample_z(1, 4), psi=0.6).clone()
    ws[:, :, 3] += 6.5
    assert np.array_equal(pixels(widget.after), g.to_uint8(g.synthesize(ws))[0])
    changed = np.flatnonzero(widget.picture.w != w)
    assert changed.tolist() == [3]
    assert widget.picture.w[3] - w[3] == pytest.approx(6.5, abs=1e-5)
    assert f"{widget.picture.w[3]:.3f}*" in widget.vector.value
    assert widget.vector.value.count("*") == 1
    widget.zero.click()
    assert slider.value == 0
    assert bytes(widget.after.value) == original


def test_dimensions_are_added_and_removed(widget: LatentWidget) -> None:
    widget.dimension.value = 11
    widget.add.click()
    widget.add.click()
    assert list(widget.sliders) == [3, 7, 11]
    widget.sliders[11].value = -4.0
    assert bytes(widget.before.value) != bytes(widget.after.value)
    row = widget._holder.children[-1]
    row.children[1].click()
    assert list(widget.sliders) == [3, 7]
    assert len(widget._holder.children) == 2
    assert bytes(widget.before.value) == bytes(widget.after.value)
    with pytest.raises(ForensicsError, match="dimension"):
        widget.add_dimension(16)


def test_seed_psi_and_layers(widget: LatentWidget) -> None:
    first = bytes(widget.before.value)
    widget.seed.value = 5
    assert bytes(widget.before.value) == bytes(widget.after.value) != first
    widget.psi.value = 0.0
    assert np.allclose(widget.picture.w, widget.explorer.generator.w_avg.numpy())
    widget.layers.value = (2, 3)
    widget.sliders[7].value = 5.0
    change = widget.explorer.ws(widget.settings)[0, :, 7] - widget.explorer.generator.w_avg[7]
    assert change.tolist() == pytest.approx([0, 0, 5, 5, 0, 0], abs=1e-5)
    assert "psi 0.00" in widget.facts.value


def test_its_recipe_makes_the_picture_again(widget: LatentWidget, weights: Path) -> None:
    widget.sliders[7].value = -3.3
    with Explorer(load_generator(weights, "cpu")) as fresh:
        assert remake(fresh, widget.recipe()).png() == bytes(widget.after.value)


def test_a_notebook_can_show_it(widget: LatentWidget) -> None:
    bundle = widget._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == widget.view.model_id


def test_the_embedded_generator_begins_with_the_published_dimensions() -> None:
    widget = latent_widget()
    assert list(widget.sliders)[:3] == [3, 70, 99]
    before = pixels(widget.before)
    widget.sliders[70].value = 10.0
    assert np.abs(pixels(widget.after).astype(int) - before).mean() > 1
    assert len(widget.vector.value.split()) > widget.explorer.shape.w_dim


def test_what_there_is_none_of(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ForensicsError, match="dimension"):
        latent_widget(generator, dims=[99])
    with pytest.raises(ForensicsError, match="twice"):
        latent_widget(generator, dims=[1, 1])
    with pytest.raises(ForensicsError, match="layers"):
        latent_widget(generator, layers=(0, 99))
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ForensicsError, match=r"pip install 'forensics\[notebook\]'"):
        latent_widget(generator)


def test_the_text_of_a_vector() -> None:
    assert vector_text(np.arange(9.0), np.arange(9.0)[::-1]).splitlines()[1] == "   8    8.000*"
