"""The site builds without a warning, and nothing in it is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.generated_blocks import ROOT

_LOADED = re.compile(
    r"""(?:<script[^>]+src|<img[^>]+src|<link[^>]+rel="?(?:stylesheet|preconnect|icon)"?[^>]+href)="?https?://[^">\s]+"""
)


@pytest.mark.slow
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert {"index.html", "commands/detect.html", "reference/core.html", "project/security.html"} <= {
        page.relative_to(tmp_path / "site").as_posix() for page in pages
    }
    assert [page.name for page in pages if _LOADED.search(page.read_text(encoding="utf-8"))] == []
