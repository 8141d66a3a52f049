"""What the server gives out: a table of requests, each from a checked JSON object to bytes, and the static page."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from forensics.core.errors import ForensicsError
from forensics.explore.explorer import Explorer, Picture
from forensics.explore.job_thread import JobThread
from forensics.explore.probe import PictureProbe
from forensics.explore.recipe import recipe_of
from forensics.explore.settings import Settings, limits

_PAGE = Path(__file__).parent / "page"
_STYLES = Path(__file__).parents[1] / "report" / "templates" / "page.css"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_MAX_VIEW_CHARS: Final = 64


@dataclass(frozen=True)
class Content:
    """Bytes and their media type."""

    body: bytes
    media_type: str


def static_files() -> dict[str, Content]:
    """Path to content of everything that is served to whoever asks: the page holds nothing of the session. No path of a
    request ever becomes a path of a file."""
    files = {f"/{path.name}": path for path in sorted(_PAGE.iterdir())} | {"/page.css": _STYLES}
    contents = {
        name: Content(path.read_bytes(), f"{_TYPES[path.suffix]}; charset=utf-8")
        for name, path in files.items()
    }
    return contents | {"/": contents["/index.html"]}


@dataclass(frozen=True)
class PictureReply:
    """A picture and the one before the change as data: URIs, their w, and numbers to show beside them.

    `before` and `w_before` are None where the page has them. `change` is in grey levels (RMS).
    """

    before: str | None
    after: str
    w: list[float]
    w_before: list[float] | None
    radius: float
    radius_before: float
    nonzero: int
    change: float
    steps: int


class Api:
    """The requests of the page, by path. Each raises ForensicsError for what it cannot do."""

    def __init__(self, explorer: Explorer, probe: PictureProbe, start: Settings) -> None:
        self._explorer, self._probe, self._start = explorer, probe, start
        self._network, self._slow = JobThread("network"), JobThread("probe")
        self.requests: dict[str, Callable[[Mapping[str, Any]], Content]] = {
            "/api/facts": self._facts,
            "/api/picture": self._picture,
            "/api/png": self._png,
            "/api/recipe": self._recipe,
            "/api/probe": self._scores,
        }

    def close(self) -> None:
        """Let what runs come to its end, and take no more."""
        self._network.close()
        self._slow.close()

    def _facts(self, _: Mapping[str, Any]) -> Content:
        return _json({**self._explorer.facts().to_json(), "limits": limits(), "start": self._start.to_json()})

    def _picture(self, body: Mapping[str, Any]) -> Content:
        """The picture, and the one before the change unless the page `has` it; numbers to show beside them."""
        view, settings = _view(body), self._settings(body)
        has = body.get("has") is True

        def both() -> tuple[Picture, Picture]:
            return self._explorer.before(settings), self._explorer.picture(settings)

        before, after = self._network.run_newest(view, both)
        reply = PictureReply(
            before=None if has else _uri(before),
            after=_uri(after),
            w=_rounded(after.w),
            w_before=None if has else _rounded(before.w),
            radius=round(after.radius, 4),
            radius_before=round(before.radius, 4),
            nonzero=after.nonzero,
            change=round(rms(before.pixels, after.pixels), 2),
            steps=settings.walk.steps,
        )
        return _json(asdict(reply))

    def _png(self, body: Mapping[str, Any]) -> Content:
        settings = self._settings(body)
        return Content(self._network.run(lambda: self._explorer.picture(settings)).png(), "image/png")

    def _recipe(self, body: Mapping[str, Any]) -> Content:
        settings = self._settings(body)
        picture = self._network.run(lambda: self._explorer.picture(settings))
        return Content(recipe_of(self._explorer, settings, picture).to_text().encode(), "application/json")

    def _scores(self, body: Mapping[str, Any]) -> Content:
        settings = self._settings(body)
        png = self._network.run(lambda: self._explorer.picture(settings)).png()
        return _json(self._slow.run_newest(_view(body), lambda: self._probe.scores(png)).to_json())

    def _settings(self, body: Mapping[str, Any]) -> Settings:
        return Settings.parse(body.get("settings"), self._explorer.shape)


def rms(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference of two images uint8 [h, w, 3] or [h, w], grey levels in [0, 255]."""
    return math.sqrt(float(np.square(a.astype(np.float64) - b).mean()))


def _view(body: Mapping[str, Any]) -> str:
    view = body.get("view")
    if not isinstance(view, str) or not 1 <= len(view) <= _MAX_VIEW_CHARS:
        raise ForensicsError(f"view: give a text of 1 to {_MAX_VIEW_CHARS} characters")
    return view


def _uri(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.png()).decode("ascii")


def _rounded(w: np.ndarray) -> list[float]:
    values: list[float] = np.round(w.astype(np.float64), 4).tolist()
    return values


def _json(value: Mapping[str, object]) -> Content:
    return Content(json.dumps(value, allow_nan=False).encode(), "application/json")
