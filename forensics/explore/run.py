"""`forensics explore` as functions: the page served until Ctrl-C, or a saved picture made again."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from dataclasses import asdict, dataclass
from pathlib import Path

from forensics.core.files import sha256_bytes, write_bytes
from forensics.core.terminal import note, print_line
from forensics.explore.api import Api
from forensics.explore.explorer import Explorer
from forensics.explore.guard import is_loopback
from forensics.explore.probe import PictureProbe
from forensics.explore.recipe import read_recipe, remake
from forensics.explore.server import ExploreServer
from forensics.explore.settings import Settings
from forensics.generators.base import load_generator


@dataclass(frozen=True)
class Serving:
    """Where and how the page is served; `pack` and `detector` are what a picture is probed with."""

    host: str = "127.0.0.1"
    port: int = 8765
    seed: int = 0
    device: str = "auto"
    pack: str | None = None
    pack_root: str | None = None
    detector: str = "default"
    browser: bool = True


def run_explore(name: str, serving: Serving, *, as_json: bool) -> None:
    """Serve the page of a generator until KeyboardInterrupt, which goes on to the caller once all is closed.

    One line on stdout when the page can be opened: its address, or a JSON object with it.
    """
    probe = PictureProbe(serving.detector, serving.pack, serving.pack_root, serving.device)
    with Explorer(load_generator(name, serving.device)) as explorer:
        start = Settings.parse({"seed": serving.seed}, explorer.shape)
        explorer.before(start)  # the page finds the first picture done
        api = Api(explorer, probe, start)
        try:
            with ExploreServer(api, serving.host, serving.port) as server:
                _announce(server, explorer, as_json=as_json)
                if serving.browser and not as_json and _has_display():
                    webbrowser.open(server.address)
                server.serve_forever(poll_interval=0.2)
        finally:
            api.close()


@dataclass(frozen=True)
class RemadePicture:
    """The file that was written, its sha256, and whether it is the very file that the recipe was saved with."""

    file: str
    sha256: str
    same_file: bool

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {**asdict(self), "pixels": "the recipe's"}


def remake_file(name: str, recipe: Path, out: Path, device: str) -> RemadePicture:
    """Make the picture of a recipe file again and write it to `out` as PNG.

    ForensicsError, and nothing written, where the pixels are not the recipe's.
    """
    wanted = read_recipe(recipe)
    with Explorer(load_generator(name, device)) as explorer:
        picture = remake(explorer, wanted)
    data = picture.png()
    write_bytes(out, data)
    same = sha256_bytes(data) == wanted.image.get("sha256")
    return RemadePicture(str(out), sha256_bytes(data), same)


def _announce(server: ExploreServer, explorer: Explorer, *, as_json: bool) -> None:
    if not is_loopback(server.guard.host):
        note(
            f"warning: listening on {server.guard.host}: whoever can reach this machine can try, and what passes is "
            "not encrypted; give the address, which holds the token, to nobody you would not let in"
        )
    if as_json:
        where = {"address": server.address, "host": server.guard.host, "port": server.guard.port}
        facts = explorer.facts().to_json()
        print_line(json.dumps({**where, "token": server.guard.token, **facts}, sort_keys=True))
        return
    note(f"exploring {explorer.generator.source}; Ctrl-C ends it. Open:")
    print_line(server.address)


def _has_display() -> bool:
    """Whether a browser could show something: else `webbrowser` may start one that takes over the terminal."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY")
    )
