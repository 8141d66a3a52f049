"""The page in headless Chromium: real drops and choices of files, at the width of a desk and of a telephone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.explore.browser import Browser, chromium

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    opened = Browser(chromium())
    yield opened
    opened.close()


def drop(page: Browser, *paths: Path) -> None:
    """Drop files or folders on the page as a mouse does."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.send("Input.dispatchDragEvent", type=kind, x=200, y=180, data=data)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_dropped_folder_is_examined(
    browser: Browser, served: dict[str, Any], photographs: Path, tmp_path: Path, width: int
) -> None:
    browser.events.clear()
    browser.open(served["address"], width=width)
    drop(browser, photographs)
    browser.wait_for("document.body.dataset.ended === '3'")
    said = browser.evaluate("Object.fromEntries([...document.querySelectorAll('article')].map((a) => "
                            "[a.querySelector('h2').textContent, a.querySelector('.said').textContent]))")  # fmt: skip
    assert said["cat.png"] == "inconclusive"
    assert said["note.txt"] == "not examined"
    assert browser.evaluate("document.querySelector('h1').textContent").startswith("3 files: ")
    assert browser.evaluate("document.querySelectorAll('rect').length") == 1
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    kept = Path(os.environ.get("FORENSICS_SCREENSHOTS", tmp_path))
    browser.screenshot(kept / f"serve-{width}.png")
    assert browser.complaints() == []


def test_a_chosen_file_is_examined_and_the_evidence_can_be_laid_over(
    browser: Browser, served: dict[str, Any], close: Path, tmp_path: Path
) -> None:
    browser.events.clear()
    browser.open(served["address"])
    root = browser.send("DOM.getDocument")["root"]["nodeId"]
    chooser = browser.send("DOM.querySelector", nodeId=root, selector="#files")["nodeId"]
    browser.send("DOM.setFileInputFiles", nodeId=chooser, files=[str(close)])
    browser.wait_for("document.body.dataset.ended === '1'")
    browser.evaluate("document.querySelector('article input[type=range]').focus()")
    browser.press("End")
    assert browser.evaluate("document.querySelector('.overlay').style.opacity") == "1"
    browser.screenshot(Path(os.environ.get("FORENSICS_SCREENSHOTS", tmp_path)) / "serve-evidence.png")
    assert browser.complaints() == []


def test_an_address_without_its_token_says_so(browser: Browser, served: dict[str, Any]) -> None:
    browser.open(served["address"].partition("#")[0])
    assert "token" in browser.evaluate("document.querySelector('#trouble').textContent")
    assert browser.evaluate("document.querySelector('#trouble').hidden") is False
