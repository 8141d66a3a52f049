"""The registry: what may be entered, what is found, whose errors say what to choose, and plug-ins by entry point."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core import registry
from forensics.core.cards import Card
from forensics.core.errors import ForensicsError
from forensics.core.registry import KINDS, Method, method, methods, register

CARD = Card("Adds a constant.", paper="Nobody 2026", licence="MIT", defaults={"constant": 3})
PAGES = Path(__file__).parents[2] / "docs" / "methods"
PLUGIN = """
from forensics.core.cards import Card
from forensics.core.registry import register

@register("editor", "brighter", Card("Adds light.", paper="A Stranger 2026", licence="MIT"))
def brighter(ws, strength):
    return ws + strength
"""


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test enters is gone after it."""
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))


def example(x: int) -> int:
    return x + 3


def another(x: int) -> int:
    return x + 4


@pytest.mark.usefixtures("entries")
def test_what_was_entered_is_found_by_kind_and_name() -> None:
    assert register("editor", "add-3", CARD)(example) is example
    assert method("editor", "add-3") == Method("editor", "add-3", CARD, example)
    assert method("editor", "add-3") in methods("editor")
    assert method("editor", "add-3").to_json() == {
        "kind": "editor",
        "name": "add-3",
        "defined_in": f"{__name__}.example",
        "summary": "Adds a constant.",
        "paper": "Nobody 2026",
        "licence": "MIT",
        "domain": "face photographs",
        "weights_sha256": "",
        "defaults": {"constant": 3},
        "small_version_of": "",
    }


@pytest.mark.usefixtures("entries")
def test_a_name_is_held_once_and_a_module_may_be_loaded_twice() -> None:
    register("editor", "add-3", CARD)(example)
    register("editor", "add-3", CARD)(example)
    with pytest.raises(ValueError, match=r"'add-3' is .*\.example already, not .*\.another"):
        register("editor", "add-3", CARD)(another)
    register("swapper", "add-3", CARD)(another)


@pytest.mark.parametrize("name", ["", "Upper", "two words", "-first", "a/b", "a--b", "ä"])
def test_a_name_is_lower_case_words(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a method"):
        register("editor", name, CARD)


@pytest.mark.parametrize("summary", ["", "No full stop", "Two.\nLines."])
def test_a_card_opens_with_one_sentence(summary: str) -> None:
    with pytest.raises(ValueError, match="one sentence"):
        Card(summary)


def test_an_unknown_kind_or_name_is_one_line_that_lists_what_there_is() -> None:
    with pytest.raises(ValueError, match="no kind of method is called 'oven': the kinds are architecture, "):
        register("oven", "hot", CARD)
    with pytest.raises(
        ForensicsError, match=f"no kind of method is called 'oven': choose one of {', '.join(KINDS)}"
    ):
        methods("oven")
    with pytest.raises(ForensicsError, match="no editor is called 'nonsense': choose one of "):
        method("editor", "nonsense")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution of a stranger's, as pip would have installed it."""
    (tmp_path / "forensics_brighter.py").write_text(PLUGIN)
    information = tmp_path / "forensics_brighter-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: forensics-brighter\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[forensics.methods]\nbrighter = forensics_brighter\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path


@pytest.mark.usefixtures("entries")
def test_another_distribution_adds_a_method_by_entry_point(plugin: Path) -> None:
    answer = CliRunner().invoke(app, ["methods", "--kind", "editor", "--json"], catch_exceptions=False)
    listed = {entry["name"]: entry for entry in json.loads(answer.stdout)}
    assert listed["brighter"]["defined_in"] == "forensics_brighter.brighter"
    assert method("editor", "brighter").target(1, 2) == 3


@pytest.mark.usefixtures("entries")
def test_a_plugin_that_cannot_be_loaded_is_named(plugin: Path) -> None:
    (plugin / "forensics_brighter-1.0.dist-info" / "entry_points.txt").write_text(
        "[forensics.methods]\nx = no_such_place\n"
    )
    with pytest.raises(
        ForensicsError, match=r"the plug-in x \(no_such_place\) cannot be loaded: No module named"
    ):
        methods("editor")


def test_the_command_lists_all_kinds_as_objects_and_as_a_table() -> None:
    listed = json.loads(CliRunner().invoke(app, ["methods", "--json"], catch_exceptions=False).stdout)
    assert [(entry["kind"], entry["name"]) for entry in listed] == [(m.kind, m.name) for m in methods()]
    table = CliRunner().invoke(app, ["methods"], catch_exceptions=False).stdout.splitlines()
    assert table[0].split() == ["kind", "name", "what", "it", "is", "paper", "licence"]
    assert len(table) == 1 + len(listed)


ENTRIES = [pytest.param(entry, id=f"{entry.kind}-{entry.name}") for entry in methods()]


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_method_has_a_whole_card(entry: Method) -> None:
    assert entry.card.licence
    assert entry.card.domain
    json.dumps(entry.to_json(), allow_nan=False)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_method_stands_on_the_page_of_its_kind(entry: Method) -> None:
    page = (PAGES / f"{entry.kind}.md").read_text("utf-8")
    assert f"`{entry.name}`" in page
