"""Sliders over dimensions of w in a notebook: before and after side by side, and the vector.

    from forensics.explore.widget import latent_widget
    latent_widget("default", dims=[3, 70], psi=0.7)

Needs ipywidgets (`pip install 'forensics[notebook]'`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from forensics.core.errors import ForensicsError
from forensics.explore.explorer import Explorer, Picture
from forensics.explore.recipe import PictureRecipe, recipe_of
from forensics.explore.settings import MAX_SEED, Settings
from forensics.generators.base import Generator, load_generator

_SHOWN_SIDE_PX: Final = 256
_VALUES_A_LINE: Final = 8


def latent_widget(
    generator: Generator | str | Path = "default",
    dims: Sequence[int] | None = None,
    *,
    seed: int = 0,
    psi: float = 0.7,
    layers: tuple[int, int] | None = None,
    device: str = "auto",
) -> LatentWidget:
    """A widget over `generator` (itself, the embedded one's name, or a weights file), to be the last line of a cell.

    `dims`: dimensions of w to begin with (the published study's where None). `layers`: first and last layer that the
    sliders move, all where None. Raises ForensicsError for a dimension, layer, seed or psi there is none of, and where
    ipywidgets is missing.
    """
    network = generator if isinstance(generator, Generator) else load_generator(generator, device)
    explorer = Explorer(network)
    chosen = explorer.facts().dimensions if dims is None else dims
    start: dict[str, object] = {"seed": seed, "psi": psi, "moves": [[int(dim), 0.0] for dim in chosen]}
    if layers is not None:
        start["layers"] = list(layers)
    return LatentWidget(explorer, Settings.parse(start, explorer.shape))


class LatentWidget:
    """What `latent_widget` gives. Every control is an ipywidgets widget, so code may move it as a hand does:
    `sliders` (dimension to slider, -10 to 10 by 0.1), `seed`, `index`, `psi`, `layers`, `dimension` and `add`, `zero`;
    `before` and `after` hold PNG files, `vector` the text of w, `view` all of it."""

    def __init__(self, explorer: Explorer, settings: Settings) -> None:
        self._w = _ipywidgets()
        self.explorer, self.settings = explorer, settings
        self.picture: Picture = explorer.picture(settings)
        self.sliders: dict[int, Any] = {}
        self._rows: dict[int, Any] = {}
        self._make_controls()
        for dim, _ in settings.moves:
            self._add_row(dim)
        self._show()

    def _make_controls(self) -> None:
        w, shape, start = self._w, self.explorer.shape, self.settings
        side = w.Layout(width=f"{_SHOWN_SIDE_PX}px", height=f"{_SHOWN_SIDE_PX}px", object_fit="contain")
        self.before, self.after = (w.Image(format="png", layout=side) for _ in range(2))
        self.facts = w.Label()
        self.vector = w.Textarea(disabled=True, rows=8, layout=w.Layout(width="auto"))
        self.seed = w.BoundedIntText(value=start.seed, min=0, max=MAX_SEED, description="Seed")
        self.index = w.BoundedIntText(value=start.index, min=0, max=MAX_SEED, description="Image")
        self.psi = w.FloatSlider(value=start.psi, min=-1.0, max=1.5, step=0.01, description="psi")
        self.layers = w.IntRangeSlider(
            value=start.layers, min=0, max=shape.num_ws - 1, description="Layers", disabled=shape.num_ws == 1
        )
        self.dimension = w.BoundedIntText(value=0, min=0, max=shape.w_dim - 1, description="Dimension")
        self.add = w.Button(description="Add", tooltip="Add a slider for this dimension")
        self.zero = w.Button(description="All to 0", tooltip="Every chosen dimension back to 0")
        for control in (self.seed, self.index, self.psi, self.layers):
            control.observe(self._moved, names="value")
        self.add.on_click(lambda _: self.add_dimension(self.dimension.value))
        self.zero.on_click(lambda _: self.reset())
        self._holder = w.VBox()
        pair = w.HBox([w.VBox([w.Label("Before"), self.before]), w.VBox([w.Label("After"), self.after])])
        face = w.HBox([self.seed, self.index])
        choice = w.HBox([self.dimension, self.add, self.zero])
        self.view = w.VBox(
            [pair, self.facts, face, self.psi, self.layers, self._holder, choice, w.Label("w"), self.vector]
        )

    def add_dimension(self, dim: int) -> None:
        """A slider for dimension `dim` of w; nothing where it has one. ForensicsError: w has no such dimension."""
        if dim not in self.sliders:
            moves = [*self.settings.moves, (dim, 0.0)]
            Settings.parse({"moves": [list(move) for move in moves]}, self.explorer.shape)
            self._add_row(dim)
            self._moved()

    def remove_dimension(self, dim: int) -> None:
        """Take the slider of `dim` away, and its change with it. KeyError: it has none."""
        del self.sliders[dim]
        del self._rows[dim]
        self._holder.children = list(self._rows.values())
        self._moved()

    def reset(self) -> None:
        """Every chosen dimension back to 0."""
        for slider in self.sliders.values():
            slider.value = 0.0

    def recipe(self) -> PictureRecipe:
        """How the picture shown is made again, for `forensics explore CKPT --remake`."""
        return recipe_of(self.explorer, self.settings, self.picture)

    def _add_row(self, dim: int) -> None:
        w = self._w
        slider = w.FloatSlider(
            value=0.0, min=-10.0, max=10.0, step=0.1, description=f"w[{dim}]", readout_format=".1f"
        )
        slider.observe(self._moved, names="value")
        remove = w.Button(description="Remove", tooltip=f"Remove dimension {dim}")
        remove.on_click(lambda _: self.remove_dimension(dim))
        self.sliders[dim] = slider
        self._rows[dim] = w.HBox([slider, remove])
        self._holder.children = list(self._rows.values())

    def _moved(self, _: Any = None) -> None:
        """Take what the controls say, make the picture, show it."""
        self.settings = replace(
            self.settings,
            seed=self.seed.value,
            index=self.index.value,
            psi=self.psi.value,
            layers=tuple(self.layers.value),
            moves=tuple((dim, slider.value) for dim, slider in self.sliders.items()),
        )
        self.picture = self.explorer.picture(self.settings)
        self._show()

    def _show(self) -> None:
        before = self.explorer.before(self.settings)
        self.before.value, self.after.value = before.png(), self.picture.png()
        self.facts.value = (
            f"psi {self.settings.psi:.2f}, radius before {before.radius:.2f}, after {self.picture.radius:.2f}"
        )
        self.vector.value = vector_text(self.picture.w, before.w)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.view._repr_mimebundle_(**options)


def vector_text(w: np.ndarray, before: np.ndarray) -> str:
    """w [w_dim] in lines of eight, each after the number of its first; a star after what differs from `before`.

    w float32 [w_dim], any value.
    """
    marked = [f"{now:8.3f}{'*' if now != was else ' '}" for now, was in zip(w, before, strict=True)]
    starts = range(0, len(marked), _VALUES_A_LINE)
    return "\n".join(f"{i:4d} " + "".join(marked[i : i + _VALUES_A_LINE]) for i in starts)


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError as error:
        raise ForensicsError(
            "the notebook widget needs ipywidgets: pip install 'forensics[notebook]'"
        ) from error
    return ipywidgets
