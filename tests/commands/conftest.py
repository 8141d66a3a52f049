"""The command line in this process, and a small generator in a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from forensics import cli
from tests.small_stylegan2 import write_small_stylegan2

CommandLine = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """Run `forensics WORDS`; exit code, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forensics", *map(str, words)])
        try:
            cli.main()
            code: object = 0
        except SystemExit as leaving:
            code = leaving.code
        out, err = capfd.readouterr()
        return int(code or 0), out, err  # type: ignore[call-overload]

    return call


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file with a StyleGAN2 of 16 px."""
    config = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16}
    return write_small_stylegan2(tmp_path_factory.mktemp("weights"), {**config, "num_mapping_layers": 2})
