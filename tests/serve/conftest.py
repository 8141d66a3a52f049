"""The real command, serving, and photographs to give it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.explore.guard import TOKEN_HEADER
from forensics.images import encode_png

PROGRAM = [sys.executable, "-c", "from forensics.cli import main; main()"]


@pytest.fixture(scope="session")
def served() -> Iterator[dict[str, Any]]:
    """What the command says of the page it serves."""
    command = [*PROGRAM, "serve", "--json", "--port", "0", "--pack", "none", "--detector", "without-clip"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.kill()


@pytest.fixture(scope="session")
def close(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph whose face is large enough for a verdict or a ratio between the thresholds."""
    from skimage.data import astronaut

    file = tmp_path_factory.mktemp("close") / "close.png"
    file.write_bytes(encode_png(np.ascontiguousarray(astronaut()[30:200, 140:310])))
    return file


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a face, a cat, and a file that is no image."""
    from skimage.data import astronaut, chelsea

    place = tmp_path_factory.mktemp("serve") / "photographs"
    place.mkdir()
    (place / "a.png").write_bytes(encode_png(np.ascontiguousarray(astronaut()[0:256, 96:352])))
    (place / "cat.png").write_bytes(encode_png(chelsea()))
    (place / "note.txt").write_bytes(b"<b>no image</b>")
    return place


def ask(
    served: dict[str, Any], method: str, path: str, body: bytes | None = None, **headers: str | None
) -> tuple[int, Any, Any]:
    """Status, headers and body (JSON read) of a request with the token; a header that is None is left out."""
    connection = http.client.HTTPConnection("127.0.0.1", served["port"], timeout=40)
    usual = {TOKEN_HEADER: served["token"]}
    sent = {k: v for k, v in {**usual, **headers}.items() if v is not None}
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    as_json = response.headers.get_content_type() == "application/json"
    return response.status, response.headers, json.loads(content) if as_json else content.decode()
