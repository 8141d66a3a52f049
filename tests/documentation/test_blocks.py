"""Generated blocks: filled from their provider, the rest untouched, and none in the tree has drifted."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.core.errors import ForensicsError
from tools.documentation.blocks import rewritten, table
from tools.generated_blocks import ROOT, drifted, main, markdown_files

PAGE = "# Head\n\n<!-- generated: count a b -->\nold\n<!-- end -->\n\ntail\n"
PROVIDERS = {"count": lambda path, words: f"{path.name}: {len(words)}"}


def test_a_block_is_filled_and_the_rest_stays() -> None:
    fresh = rewritten(PAGE, Path("page.md"), PROVIDERS)
    assert fresh == "# Head\n\n<!-- generated: count a b -->\n\npage.md: 2\n\n<!-- end -->\n\ntail\n"
    assert rewritten(fresh, Path("page.md"), PROVIDERS) == fresh


def test_a_block_of_an_unknown_name_or_without_an_end_is_one_line() -> None:
    with pytest.raises(ForensicsError, match=r"page.md: no block is called 'count': choose one of other"):
        rewritten(PAGE, Path("page.md"), {"other": PROVIDERS["count"]})
    with pytest.raises(ForensicsError, match=r"page.md: a generated block has no `<!-- end -->`"):
        rewritten(PAGE.replace("<!-- end -->", ""), Path("page.md"), PROVIDERS)


def test_cells_of_a_table_cannot_break_it() -> None:
    assert table(["a"], [["x | y\nz"]]).splitlines() == ["| a |", "| --- |", "| x \\| y z |"]


def test_check_names_the_file_that_has_drifted_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: shipped -->\nold\n<!-- end -->\n")
    assert main(["--check", str(page)]) == 1
    assert capsys.readouterr().out == f"{page}: has drifted\n"
    assert "old" in page.read_text()
    assert main([str(page)]) == 0
    assert "`own-128`" in page.read_text()
    assert main(["--check", str(page)]) == 0


@pytest.mark.slow
def test_no_block_of_the_tree_has_drifted() -> None:
    assert [path.relative_to(ROOT).as_posix() for path in drifted(markdown_files())] == []
