"""No file of the package loads anything that can run code: no pickle, no joblib, no eval, whatever the alias."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "forensics"
# Modules that nothing in the package imports. `pickletools` only decodes; checkpoints/unpickler.py uses it.
FORBIDDEN_MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "code",
}
FORBIDDEN_BUILTINS = {"eval", "exec", "compile", "__import__", "breakpoint"}
FORBIDDEN_CALLS = {
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "torch.jit.load",
    "torch.package.PackageImporter",
    "torch.hub.load",
    "torch.storage._load_from_bytes",
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "numpy.loads",
    "pandas.read_pickle",
    "sklearn.externals.joblib",
}


# Where files are opened: the doors, files that come with the package, and this process's own /proc.
DOORS = {
    "core/untrusted.py", "core/archives.py", "core/files.py",  # the doors for bytes and archives, and what writes
    "core/apart/child.py", "core/apart/forked.py", "core/interruption.py",  # /dev/null, /proc
    "core/weights.py", "explore/api.py", "examiner/spectrum.py", "backbones/efficientnet_lite.py",  # come with packages
    "studies/monsters/page.py",  # figures that it has just drawn
    "core/outputs.py",  # a lock on a folder
}  # fmt: skip
OPENERS = {"read_bytes", "read_text", "ZipFile", "TarFile", "memmap", "fromfile", "loadtxt", "genfromtxt"}
OPENING_CALLS = {
    "os.open",
    "json.load",
    "numpy.load",
    "torch.load",
    "tarfile.open",
    "builtins.open",
    "open",
    "io.open",
}


def opened(source: str) -> list[str]:
    """Calls in `source` that read a file, as "line: what"; of numpy.load only those of a path that was not opened."""
    tree = ast.parse(source)
    aliases = aliases_of(tree)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func, aliases)
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name.rpartition(".")[2]
        of_a_stream = (
            name == "numpy.load" and isinstance(node.args[0], ast.Name) and node.args[0].id == "stream"
        )
        if (last in OPENERS or name in OPENING_CALLS) and not of_a_stream:
            found.append(f"{node.lineno}: {name or last}")
    return found


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    """`np.load` as numpy.load; "" for what is no plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([aliases.get(node.id, node.id), *reversed(parts)])


def aliases_of(tree: ast.AST) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.asname: name.name for name in node.names if name.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def keyword(call: ast.Call, name: str) -> object:
    """The constant given for `name`, or None."""
    return next(
        (k.value.value for k in call.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None
    )


def fault_of(call: ast.Call, name: str) -> str:
    """Why a call of `name` can run code, or ""."""
    plain = name.removeprefix("builtins.")
    if plain in FORBIDDEN_BUILTINS or name in FORBIDDEN_CALLS:
        return name
    if name == "torch.load" and keyword(call, "weights_only") is not True:
        return "torch.load without weights_only=True"
    if name == "numpy.load" and any(k.arg == "allow_pickle" for k in call.keywords):
        return "" if keyword(call, "allow_pickle") is False else "numpy.load with allow_pickle"
    if any(k.arg == "shell" for k in call.keywords) and keyword(call, "shell") is not False:
        return f"{name} with a shell"
    return ""


def faults(source: str) -> list[str]:
    """What in `source` can run code out of a file, as "line: what"."""
    tree = ast.parse(source)
    aliases = aliases_of(tree)
    found = [f"import {name}" for name in imports(tree) if name.split(".")[0] in FORBIDDEN_MODULES]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (fault := fault_of(node, dotted(node.func, aliases))):
            found.append(f"{node.lineno}: {fault}")
    return found


def test_the_package_is_found() -> None:
    names = {str(path.relative_to(PACKAGE)) for path in source_files()}
    assert "generators/checkpoints/pickles/unpickler.py" in names
    assert len(names) > 30


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_in_the_package_can_run_a_file(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


def test_only_the_doors_open_files() -> None:
    by_file = {
        path.relative_to(PACKAGE).as_posix(): opened(path.read_text(encoding="utf-8"))
        for path in source_files()
    }
    assert {name: calls for name, calls in by_file.items() if calls and name not in DOORS} == {}
    assert {name for name in DOORS if name in by_file} == DOORS


@pytest.mark.parametrize(
    "source",
    [
        "Path(p).read_bytes()",
        "import zipfile as z\nz.ZipFile(p)",
        "open(p)",
        "import numpy as np\nnp.load(p)",
    ],
)
def test_a_file_opened_elsewhere_would_be_seen(source: str) -> None:
    assert opened(source) != []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(f)",
        "import pickle as p\np.loads(b)",
        "from pickle import loads as harmless",
        "def f():\n    import pickle",
        "import joblib",
        "import torch\ntorch.load(p)",
        "import torch as t\nt.load(p, weights_only=False)",
        "from torch import load\nload(p)",
        "import torch\ntorch.load(p, weights_only=flag)",
        "import numpy as np\nnp.load(p, allow_pickle=True)",
        "import yaml\nyaml.load(f, Loader=x)",
        "eval(text)",
        "exec(text)",
        "import builtins\nbuiltins.exec(text)",
        "__import__(name)",
        "import os\nos.system(x)",
        "import subprocess\nsubprocess.run(x, shell=True)",
        "import torch\ntorch.jit.load(p)",
    ],
)
def test_each_of_these_would_be_found(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(p, weights_only=True)",
        "import numpy as np\nnp.load(p)",
        "import pickletools\npickletools.genops(b)",
        "module.eval()",
        "import re\nre.compile(x)",
        "import json\njson.load(f)",
    ],
)
def test_these_are_fine(source: str) -> None:
    assert faults(source) == []
