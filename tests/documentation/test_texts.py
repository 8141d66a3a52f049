"""What the texts name exists: commands and their options, modules, files that are linked to."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from forensics.core.weights import listed
from tools.documentation.command_line import command_named, is_group, option_names
from tools.generated_blocks import ROOT, markdown_files

_CODE = re.compile(r"^```\w*\n(.*?)^```$|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
_PLACE = re.compile(r"`((?:tests|tools|forensics|docs|examples|snapshots)/[\w./-]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_PROGRAM = re.compile(r"(?:^|&& )(?:torchrun .* )?forensics((?: [^\s#]+)+)")
_MODULE = re.compile(r"python -m ((?:forensics|tools)[\w.]+)")
# The changelog names what is gone, too. Pages that only the site has are checked when it is built.
_PAGES = [path for path in markdown_files() if path.name != "CHANGELOG.md"]
_OF_THE_SITE = re.compile(r"(\.\./)?(commands|reference)/")


def _code(path: Path) -> str:
    found = _CODE.findall(path.read_text(encoding="utf-8").replace("\\\n", " "))
    return "\n".join(block or inline for block, inline in found)


def _command_lines() -> list[tuple[str, str]]:
    return sorted(
        {
            (path.relative_to(ROOT).as_posix(), line.strip())
            for path in _PAGES
            for line in _code(path).splitlines()
            if line.strip().startswith(("forensics ", "torchrun "))
        }
    )


@pytest.mark.parametrize(("page", "line"), _command_lines())
def test_every_command_and_option_in_the_texts_exists(page: str, line: str) -> None:
    found = _PROGRAM.search(line)
    assert found, line
    words = found[1].split()
    name: tuple[str, ...] = ()
    for word in words:
        if not is_group(command_named(name)) or word.startswith("-") or word == "COMMAND":
            break
        name = (*name, word)
        assert command_named(name) is not None, (
            f"{page} names `forensics {' '.join(name)}`, which does not exist"
        )
    if "COMMAND" not in words:
        options = {word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
        assert options <= option_names(command_named(name)), f"{page}: {line}"


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_and_file_in_the_texts_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for module in _MODULE.findall(text):
        assert "NAME" in module or importlib.util.find_spec(module), f"{path} names {module}"
    for place in _PLACE.findall(text):
        assert "NAME" in place or (ROOT / place).exists(), f"{path} names {place}"
    for target in _LINK.findall(text):
        if not target.startswith(("https://", "http://")) and not _OF_THE_SITE.match(target):
            assert (path.parent / target).exists(), f"{path} links to {target}"


def test_every_package_that_is_needed_has_its_licence_named() -> None:
    named = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = [re.split(r"[<>=\[]", needed)[0] for needed in project["dependencies"]]
    assert [name for name in packages if f"`{name}`" not in named] == []


def test_every_network_that_ships_has_its_licence_named() -> None:
    named = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    shipped = [one.name for one in listed() if one.state == "ships"]
    assert [name for name in shipped if f"`{name}`" not in named] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160
