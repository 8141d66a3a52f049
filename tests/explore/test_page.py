"""The page in headless Chromium, served by the real command over the embedded generator."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.explore.explorer import Explorer
from forensics.explore.recipe import read_recipe, remake
from forensics.generators.base import load_generator
from forensics.images import decode_bytes
from tests.explore.browser import Browser, chromium

PROGRAM = [sys.executable, "-c", "from forensics.cli import main; main()"]


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    """What the command says of the page it serves."""
    command = [*PROGRAM, "explore", "own-64", "--json", "--port", "0", "--no-browser"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    opened = Browser(chromium())
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Browser, served: dict[str, Any]) -> Iterator[Browser]:
    """The page with its first picture shown; at the end it must not have complained."""
    browser.events.clear()
    browser.open(served["address"])
    browser.wait_for("document.body.dataset.shown")
    yield browser
    assert browser.complaints() == []


def settle(page: Browser, settings: str) -> None:
    """Wait until the picture shown is one for which JavaScript `settings`, of s, is true."""
    page.wait_for(f"((s) => {settings})(JSON.parse(document.body.dataset.shown))")


def picture(page: Browser, which: str) -> np.ndarray:
    """The pixels of the image "before" or "after", which the browser has decoded."""
    assert page.wait_for(f"document.getElementById('{which}').naturalWidth") == 64
    uri = page.evaluate(f"document.getElementById('{which}').src")
    return decode_bytes(base64.b64decode(uri.split(",")[1]), which).pixels


def text(page: Browser, id: str) -> str:
    found: str = page.evaluate(f"document.getElementById('{id}').textContent")
    return found


def test_a_slider_moved_by_keys_changes_the_picture_and_the_vector(page: Browser) -> None:
    before, after = picture(page, "before"), picture(page, "after")
    assert np.array_equal(before, after)
    page.evaluate("document.getElementById('dimension-3').focus()")
    page.press("ArrowRight", 60)
    settle(page, "s.moves[0][1] === 6")
    assert np.array_equal(picture(page, "before"), before)
    changed = picture(page, "after")
    assert np.abs(changed.astype(int) - before).mean() > 1
    assert "differs by" in text(page, "change")
    page.evaluate("document.querySelector('details').open = true")
    values = page.wait_for("document.getElementById('values').textContent").replace("−", "-").split()
    with Explorer(load_generator("own-64", "cpu")) as explorer:
        assert len(values) == explorer.shape.w_dim
    page.press("Home")
    settle(page, "s.moves[0][1] === -10")
    assert not np.array_equal(picture(page, "after"), changed)
    page.evaluate("document.getElementById('zero').click()")
    settle(page, "s.moves[0][1] === 0")
    assert np.array_equal(picture(page, "after"), before)


def test_the_other_controls_change_it_too(page: Browser) -> None:
    seen = [picture(page, "after")]

    def change(id: str, value: float | str, event: str, settled: str) -> None:
        page.evaluate(
            f"(() => {{ const e = document.getElementById('{id}'); e.value = '{value}';"
            f" e.dispatchEvent(new Event('{event}', {{ bubbles: true }})); }})()"
        )
        settle(page, settled)
        seen.append(picture(page, "after"))
        assert not np.array_equal(seen[-1], seen[-2]), id

    change("psi", -0.5, "input", "s.psi === -0.5")
    change("index", 7, "input", "s.index === 7")
    change("pruning_threshold", 0.9, "input", "s.pruning_threshold === 0.9")
    assert "are left (100.0 %)" not in text(page, "nonzero")
    change("dimension-70", 9.5, "input", "s.moves[1][1] === 9.5")
    change("first", 5, "input", "s.layers[0] === 5")
    change("last", 7, "input", "s.layers[1] === 7")
    page.evaluate("document.getElementById('reset').click()")
    settle(page, "s.psi === 0.7 && s.pruning_threshold === 0")
    assert np.array_equal(picture(page, "after"), seen[0])


def test_dimensions_come_and_go(page: Browser) -> None:
    page.evaluate("document.getElementById('dimension').value = 17")
    page.evaluate("document.getElementById('dimension').focus()")
    page.press("Enter")
    settle(page, "s.moves.some(([dim]) => dim === 17)")
    assert page.evaluate("document.activeElement.id") == "dimension-17"
    page.press("ArrowRight")
    settle(page, "s.moves.at(-1)[1] === 0.1")
    page.evaluate("document.querySelector('[aria-label=\"Remove dimension 17\"]').click()")
    settle(page, "!s.moves.some(([dim]) => dim === 17)")
    page.evaluate(
        "document.getElementById('dimension').value = 100000; document.getElementById('add').click()"
    )
    assert page.evaluate("document.querySelectorAll('#dimensions .slider').length") == 4


def test_a_slider_moved_fast_ends_at_the_newest_picture(page: Browser) -> None:
    page.evaluate(
        "window.sent = 0; window.plain = window.fetch;"
        "window.fetch = (...all) => { window.sent += 1; return window.plain(...all); }"
    )
    page.evaluate(
        "(() => { const e = document.getElementById('dimension-99');"
        " for (let i = 0; i <= 100; i++) { e.value = i / 10; e.dispatchEvent(new Event('input')); } })()"
    )
    settle(page, "s.moves[2][1] === 10")
    assert 1 <= page.evaluate("window.sent") <= 3


def test_a_walk_goes_on_until_it_is_stopped(page: Browser) -> None:
    start = picture(page, "after")
    page.evaluate("document.getElementById('step').value = 0.2; document.getElementById('walk').click()")
    assert text(page, "walk") == "Stop"
    settle(page, "s.walk.legs.length && s.walk.legs[0][1] >= 5")
    page.evaluate("document.getElementById('walk').click()")
    steps = int(text(page, "walked").split()[0])
    time.sleep(0.5)
    assert int(text(page, "walked").split()[0]) <= steps + 1
    assert not np.array_equal(picture(page, "after"), start)
    page.evaluate("document.getElementById('walk-clear').click()")
    settle(page, "s.walk.legs.length === 0")
    assert np.array_equal(picture(page, "after"), start)


def test_scores_are_given_when_asked_for_and_age(page: Browser) -> None:
    assert text(page, "after-scores") == ""
    page.evaluate("document.getElementById('ask').click()")
    page.wait_for("!document.getElementById('scores').hidden")
    assert "log10 LR" in text(page, "after-scores")
    assert "higher = more likely synthetic" in text(page, "scores-note")
    assert "Made by" in text(page, "scores")
    assert "authentic" not in text(page, "scores")
    page.evaluate("document.getElementById('next').click()")
    assert page.evaluate("!document.getElementById('stale').hidden")
    assert text(page, "after-scores") == ""
    page.evaluate("document.getElementById('ask-always').click()")
    page.wait_for("document.getElementById('stale').hidden")
    page.evaluate("document.getElementById('next').click()")
    page.wait_for(
        "document.getElementById('stale').hidden && document.getElementById('after-scores').textContent"
    )
    settle(page, "s.index === 2")


def test_what_is_kept_makes_the_same_picture_again(page: Browser, tmp_path: Path) -> None:
    page.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.evaluate("document.getElementById('dimension-3').focus()")
    page.press("ArrowLeft", 25)
    settle(page, "s.moves[0][1] === -2.5")
    for id in ("save-png", "save-recipe"):
        page.evaluate(f"document.getElementById('{id}').click()")
    end = time.monotonic() + 20
    while len(files := [p for p in tmp_path.iterdir() if p.suffix in (".png", ".json")]) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    files.sort()
    assert files[1].name.endswith("-seed0-0.png")
    with Explorer(load_generator("own-64", "cpu")) as explorer:
        again = remake(explorer, read_recipe(files[0]))
    assert again.png() == files[1].read_bytes()
    # and the page itself goes back to it
    page.evaluate("document.getElementById('reset').click()")
    settle(page, "s.moves[0][1] === 0")
    node = page.send("Runtime.evaluate", expression="document.getElementById('recipe-file')")
    page.send("DOM.setFileInputFiles", files=[str(files[0])], objectId=node["result"]["objectId"])
    settle(page, "s.moves[0][1] === -2.5")
    assert np.array_equal(picture(page, "after"), again.pixels)


def test_every_control_has_a_name_for_a_screen_reader(page: Browser) -> None:
    page.send("Accessibility.enable")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("slider", "spinbutton", "button", "combobox", "image", "alert")
    found = [n for n in nodes if not n.get("ignored") and n.get("role", {}).get("value") in roles]
    named = [n for n in found if n.get("name", {}).get("value", "").strip()]
    assert len(found) > 30
    assert [n["role"]["value"] for n in found if n not in named] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_both_pictures_are_seen_at_once_and_nothing_sticks_out(
    browser: Browser, served: dict[str, Any], width: int
) -> None:
    browser.open(served["address"], width, 844)
    browser.wait_for("document.body.dataset.shown")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    for which in ("before", "after"):
        box = browser.evaluate(f"document.getElementById('{which}').getBoundingClientRect().toJSON()")
        assert box["top"] >= 0
        assert box["bottom"] < 600
        assert box["width"] > 150
    # they stay in sight while the last control is used
    browser.evaluate("document.getElementById('reset').scrollIntoView()")
    assert browser.evaluate("document.getElementById('after').getBoundingClientRect().bottom") > 100


def test_without_its_token_the_page_says_what_to_open(browser: Browser, served: dict[str, Any]) -> None:
    browser.open(served["address"].split("#")[0])
    assert browser.wait_for("!document.getElementById('trouble').hidden")
    assert "open the address that the command printed" in text(browser, "trouble")


def test_text_never_becomes_markup(page: Browser) -> None:
    done = page.evaluate(
        "(() => { try { document.body.innerHTML = '<p>'; } catch (e) { return e.name; } })()"
    )
    assert done == "TypeError"
    page.events.clear()  # that refusal is a complaint, and wanted
