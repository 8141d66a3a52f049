"""`forensics explore` from the outside: what it prints, how it ends, and a saved picture made again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import ForensicsError
from forensics.explore.explorer import Explorer
from forensics.explore.recipe import recipe_of
from forensics.explore.settings import Settings
from forensics.generators.base import load_generator

PROGRAM = [sys.executable, "-c", "from forensics.cli import main; main()", "explore"]


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The program as a terminal starts it, where Ctrl-C counts; a job in the background inherits it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with server:
        try:
            yield server
        finally:
            server.kill()


@pytest.mark.enable_socket
def test_it_serves_says_where_and_ends_with_ctrl_c() -> None:
    command = [*PROGRAM, "--port", "0", "--host", "0.0.0.0", "--seed", "9"]
    with started(command) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        page, token = address.split("#token=")
        assert len(token) >= 32
        with urllib.request.urlopen(page, timeout=20) as reply:
            assert b"explore.js" in reply.read()
        server.send_signal(signal.SIGINT)
        rest, said = server.communicate(timeout=30)
    assert server.returncode == 130
    assert rest == ""
    assert said.startswith("warning: listening on 0.0.0.0")
    assert "Traceback" not in said


def test_a_saved_picture_is_made_again(tmp_path: Path) -> None:
    with Explorer(load_generator("own-64", "cpu")) as explorer:
        settings = Settings.of(explorer.shape, seed=4, moves=((70, 3.3),))
        picture = explorer.picture(settings)
        recipe = recipe_of(explorer, settings, picture)
    (tmp_path / "recipe.json").write_text(recipe.to_text())
    words = [
        "explore",
        "own-64",
        "--remake",
        str(tmp_path / "recipe.json"),
        "--out",
        str(tmp_path / "a" / "face.png"),
    ]
    result = CliRunner().invoke(app, [*words, "--json", "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0
    made = json.loads(result.stdout)
    assert made["same_file"] is True
    assert Path(made["file"]).read_bytes() == picture.png()
    (tmp_path / "recipe.json").write_text(replace(recipe, generator_sha256="0" * 64).to_text())
    with pytest.raises(ForensicsError, match="weights 000000000000"):
        CliRunner().invoke(app, [*words[:4], "--out", str(tmp_path / "b.png")], catch_exceptions=False)
    assert not (tmp_path / "b.png").exists()


def test_what_cannot_be_served_is_one_line(tmp_path: Path) -> None:
    for words, said in (
        (["no-such.pkl"], "no-such.pkl"),
        (["--pack", "nothing", "--pack-root", str(tmp_path)], "no InsightFace pack"),
        (["--seed", str(2**32)], "seed"),
        (["--detector", str(tmp_path)], "holds no detector"),
    ):
        with pytest.raises(ForensicsError, match=said):
            CliRunner().invoke(app, ["explore", "--port", "0", *words], catch_exceptions=False)
