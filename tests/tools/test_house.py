"""The measure of the house: what it counts in a small tree, and that it can read this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.house import syntax
from tools.house.measures import measures, without_docstring
from tools.house.order import against_the_order, cycles
from tools.house.syntax import functions, read_modules

FILES = {
    "forensics/__init__.py": "",
    "forensics/core/__init__.py": "",
    "forensics/core/a.py": '"""A."""\nfrom forensics.core import b\n',
    "forensics/core/b.py": '"""B."""\ndef late():\n    """Late."""\n    from forensics.core.a import x\n',
    "forensics/core/c.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import forensics.core.d\n",
    "forensics/core/d.py": '"""D."""\nimport forensics.core.c\nimport forensics.studies.e\n',
    "forensics/studies/e.py": "class E:\n  def f(self, a, *, b=1):\n    def inner(): ...\n  def _g(self): ...\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(syntax, "ROOT", tmp_path)


@pytest.mark.usefixtures("tree")
def test_cycles_and_the_order_of_the_rooms() -> None:
    modules = read_modules("forensics")
    assert [sorted(group) for group in cycles(modules)] == [["forensics.core.a", "forensics.core.b"]]
    assert against_the_order(modules) == ["forensics.core.d imports forensics.studies.e"]


@pytest.mark.usefixtures("tree")
def test_functions_are_counted_as_they_are_written() -> None:
    module = read_modules("forensics")["forensics.studies.e"]
    inside = list(functions(module))
    assert [(f.name, f.lines, f.parameters, f.public) for f in inside] == [
        ("E.f", 2, 2, True),
        ("E.f.inner", 1, 0, False),
        ("E._g", 1, 0, False),
    ]
    names = ["forensics.studies.e.E.f", "forensics.studies.e.E", "forensics.studies.e"]
    assert without_docstring(module, inside) == names


def test_it_reads_this_repository_and_keeps_its_exit_codes() -> None:
    numbers = measures()
    assert len(numbers) == 12
    run = subprocess.run([sys.executable, "-m", "tools.house"], capture_output=True, text=True, check=False)
    assert len(run.stdout.splitlines()) == 12
    assert run.returncode == (0 if all(number.holds for number in numbers) else 1)
    assert (
        subprocess.run([sys.executable, "-m", "tools.house", "--report"], capture_output=True).returncode == 0
    )
