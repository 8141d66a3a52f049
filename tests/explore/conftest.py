"""A small generator in a weights file, and the page of it served."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forensics.explore.api import Api
from forensics.explore.explorer import Explorer
from forensics.explore.guard import TOKEN_HEADER
from forensics.explore.probe import PictureProbe
from forensics.explore.server import ExploreServer
from forensics.explore.settings import Settings
from forensics.generators.base import Generator, load_generator
from tests.small_stylegan2 import write_small_stylegan2

CONFIG = {
    "z_dim": 16, "w_dim": 16, "img_resolution": 16, "channel_base": 256, "channel_max": 16, "num_mapping_layers": 2,
}  # fmt: skip
# What the page asks for when one slider was moved.
PICTURE = {"view": "one", "settings": {"moves": [[3, 5.0]]}}


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A StyleGAN2 of 16 px with noise in every layer and w_avg where it belongs."""
    return write_small_stylegan2(tmp_path_factory.mktemp("weights"), CONFIG)


@pytest.fixture(scope="session")
def generator(weights: Path) -> Generator:
    """The generator in that file."""
    return load_generator(weights, "cpu")


@pytest.fixture(scope="session")
def explorer(generator: Generator) -> Iterator[Explorer]:
    """Pictures of it."""
    with Explorer(generator) as opened:
        yield opened


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """Sends requests to a server, as its page would unless told otherwise."""

    def __init__(self, server: ExploreServer) -> None:
        self.server = server
        self.connection = http.client.HTTPConnection("127.0.0.1", server.guard.port, timeout=20)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str | None] | None = None
    ) -> Reply:
        """The reply; a header that is None is left out."""
        usual = {TOKEN_HEADER: self.server.guard.token, "Content-Type": "application/json"}
        sent = {k: v for k, v in {**usual, **(headers or {})}.items() if v is not None}
        self.connection.request(method, path, body, sent)
        response = self.connection.getresponse()
        return Reply(response.status, response.headers, response.read())

    def ask(self, question: str, asked: Any, headers: dict[str, str | None] | None = None) -> Reply:
        """The reply to a question in JSON."""
        return self.request("POST", f"/api/{question}", json.dumps(asked).encode(), headers)


@pytest.fixture(scope="module")
def server(explorer: Explorer) -> Iterator[ExploreServer]:
    """A server of the small generator; tests that use it are marked enable_socket."""
    api = Api(explorer, PictureProbe(), Settings.of(explorer.shape))
    with ExploreServer(api, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()
    api.close()


@pytest.fixture
def client(server: ExploreServer) -> Iterator[Client]:
    """A client of that server."""
    opened = Client(server)
    yield opened
    opened.connection.close()
