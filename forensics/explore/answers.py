"""What the server answers: a table of questions, each from a checked JSON object to bytes, and the static page."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from forensics.core.errors import ForensicsError
from forensics.explore.explorer import Explorer, Picture
from forensics.explore.newest import OneAtATime
from forensics.explore.opinion import Opinion
from forensics.explore.recipe import recipe_of, to_text
from forensics.explore.settings import Settings, limits

_PAGE = Path(__file__).parent / "page"
_STYLES = Path(__file__).parents[1] / "report" / "templates" / "page.css"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_MAX_VIEW_CHARS: Final = 64


@dataclass(frozen=True)
class Answer:
    """Bytes and their media type."""

    body: bytes
    media_type: str


def static_files() -> dict[str, Answer]:
    """Path to answer of everything that is served to whoever asks: the page holds nothing of the session. No path of a
    request ever becomes a path of a file."""
    files = {f"/{path.name}": path for path in sorted(_PAGE.iterdir())} | {"/page.css": _STYLES}
    found = {
        name: Answer(path.read_bytes(), f"{_TYPES[path.suffix]}; charset=utf-8")
        for name, path in files.items()
    }
    return found | {"/": found["/index.html"]}


class Answers:
    """The questions of the page, by path. Each raises ForensicsError for what it cannot do."""

    def __init__(self, explorer: Explorer, opinion: Opinion, start: Settings) -> None:
        self._explorer, self._opinion, self._start = explorer, opinion, start
        self._network, self._slow = OneAtATime("network"), OneAtATime("opinion")
        self.questions: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "/api/facts": self._facts,
            "/api/picture": self._picture,
            "/api/png": self._png,
            "/api/recipe": self._recipe,
            "/api/opinion": self._say,
        }

    def close(self) -> None:
        """Let what runs come to its end, and take no more."""
        self._network.close()
        self._slow.close()

    def _facts(self, _: dict[str, Any]) -> Answer:
        return _json({**self._explorer.facts(), "limits": limits(), "start": self._start.to_json()})

    def _picture(self, asked: dict[str, Any]) -> Answer:
        """The picture, and the one before the change unless the page `has` it; numbers to show beside them."""
        view, settings = _view(asked), self._settings(asked)
        has = asked.get("has") is True

        def both() -> tuple[Picture, Picture]:
            return self._explorer.before(settings), self._explorer.picture(settings)

        before, after = self._network.run_newest(view, both)
        return _json(
            {
                "before": None if has else _uri(before),
                "after": _uri(after),
                "w": _rounded(after.w),
                "w_before": None if has else _rounded(before.w),
                "radius": round(after.radius, 4),
                "radius_before": round(before.radius, 4),
                "nonzero": after.nonzero,
                "change": round(rms(before.pixels, after.pixels), 2),
                "steps": settings.walk.steps,
            }
        )

    def _png(self, asked: dict[str, Any]) -> Answer:
        settings = self._settings(asked)
        return Answer(self._network.run(lambda: self._explorer.picture(settings)).png(), "image/png")

    def _recipe(self, asked: dict[str, Any]) -> Answer:
        settings = self._settings(asked)
        picture = self._network.run(lambda: self._explorer.picture(settings))
        return Answer(to_text(recipe_of(self._explorer, settings, picture)).encode(), "application/json")

    def _say(self, asked: dict[str, Any]) -> Answer:
        settings = self._settings(asked)
        png = self._network.run(lambda: self._explorer.picture(settings)).png()
        return _json(self._slow.run_newest(_view(asked), lambda: self._opinion.of(png, "picture.png")))

    def _settings(self, asked: dict[str, Any]) -> Settings:
        return Settings.parse(asked.get("settings"), self._explorer.space)


def rms(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference of two images, grey levels of 255."""
    return math.sqrt(float(np.square(a.astype(np.float64) - b).mean()))


def _view(asked: dict[str, Any]) -> str:
    view = asked.get("view")
    if not isinstance(view, str) or not 1 <= len(view) <= _MAX_VIEW_CHARS:
        raise ForensicsError(f"view: give a text of 1 to {_MAX_VIEW_CHARS} characters")
    return view


def _uri(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.png()).decode("ascii")


def _rounded(w: np.ndarray) -> list[float]:
    values: list[float] = np.round(w.astype(np.float64), 4).tolist()
    return values


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value, allow_nan=False).encode(), "application/json")
