"""Pages that the site has and the tree has not: the project's own files, the command line, the reference.

MkDocs calls `on_files` as a hook (mkdocs.yml) and adds what it returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.documentation.command_line import first_sentence, help_page, root_command
from tools.documentation.modules import reference_pages

ROOT: Final = Path(__file__).parents[2]
# Files at the root of the tree that are pages of the site, too.
_PROJECT: Final = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "THIRD_PARTY.md")
_OUT_OF_DOCS: Final = re.compile(r"\]\((?:\.\./)+(CHANGELOG|CONTRIBUTING|SECURITY|THIRD_PARTY)\.md")
_INTO_DOCS: Final = re.compile(r"\]\(docs/")
# Links to files that are not pages of the site: the words stay, the link goes.
_INTO_TREE: Final = re.compile(
    r"\[([^\]]+)\]\((?!https?:|#|docs/|(?:CHANGELOG|CONTRIBUTING|SECURITY|THIRD_PARTY)\.md)[^)]+\)"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those in docs/."""
    for uri, text in (*_project_pages(), *_command_pages(), *reference_pages(ROOT / "forensics")):
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to the project's own files, which lie beside docs/, to their pages in the site."""
    up = "../" * page.file.src_uri.count("/")
    return _OUT_OF_DOCS.sub(lambda found: f"]({up}project/{found[1].lower()}.md", markdown)


def _project_pages() -> Iterator[tuple[str, str]]:
    for name in _PROJECT:
        text = _INTO_TREE.sub(r"\1", (ROOT / name).read_text(encoding="utf-8"))
        yield f"project/{name.lower()}", _INTO_DOCS.sub("](../", _between_projects(text))


def _between_projects(text: str) -> str:
    for name in _PROJECT:
        text = text.replace(f"]({name}", f"]({name.lower()}")
    return text


def _command_pages() -> Iterator[tuple[str, str]]:
    commands = sorted(root_command().commands.items())
    lines = [f"- [`forensics {name}`]({name}.md): {first_sentence(command)}" for name, command in commands]
    yield "commands/index.md", "\n".join(["# Commands", "", *lines, ""])
    for name, _ in commands:
        yield f"commands/{name}.md", help_page(name)
