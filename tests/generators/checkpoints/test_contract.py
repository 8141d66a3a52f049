"""What every registered reader keeps: it knows its own files and no other's, and what it reads can be built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from forensics.core.registry import Method, methods
from forensics.generators.checkpoints import NetworkState, build, read_checkpoint, write_native
from forensics.generators.checkpoints.reading import readers
from forensics.generators.checkpoints.weights_file import WeightsFile
from tests.generators.checkpoints.formats import openvino_files, tensorflow_files
from tests.generators.checkpoints.made_files import (
    pickled,
    rosinality_training,
    srcnet_training,
    stylegan2_modules,
    torch_saved,
)
from tests.generators.checkpoints.test_building import CONFIGS, made

ENTRIES = [pytest.param(entry, id=entry.name) for entry in methods("reader")]


def native(shared: Path, path: Path) -> Path:
    write_native(path, {"G": NetworkState("progan", CONFIGS["progan"], made("progan").state_dict())})
    return path


def nvidia(shared: Path, path: Path) -> Path:
    path.write_bytes(pickled(stylegan2_modules(shared), 4))
    return path


def rosinality(shared: Path, path: Path) -> Path:
    path.write_bytes(torch_saved(rosinality_training(shared)))
    return path


def srcnet(shared: Path, path: Path) -> Path:
    path.write_bytes(torch_saved(srcnet_training(shared)))
    return path


def openvino(shared: Path, path: Path) -> Path:
    return openvino_files.write(path.parent, openvino_files.small())


def tensorflow(shared: Path, path: Path) -> Path:
    path.write_bytes(
        tensorflow_files.pickled(tensorflow_files.split(tensorflow_files.stylegan2_variables(8, 8)))
    )
    return path


WRITERS: dict[str, Callable[[Path, Path], Path]] = {
    "native": native,
    "nvidia": nvidia,
    "openvino": openvino,
    "rosinality": rosinality,
    "srcnet": srcnet,
    "tensorflow": tensorflow,
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_reader_knows_its_own_files_alone(entry: Method, shared: Path, tmp_path: Path) -> None:
    path = WRITERS[entry.name](shared, tmp_path / "weights")
    claims = [name for name, reader in readers().items() if reader.recognises(WeightsFile.open(path))]
    assert claims == [entry.name]


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_a_reader_reads_can_be_built(entry: Method, shared: Path, tmp_path: Path) -> None:
    path = WRITERS[entry.name](shared, tmp_path / "weights")
    checkpoint = read_checkpoint(path)
    assert checkpoint.format == entry.name
    assert len(checkpoint.sha256) == 64
    assert checkpoint.n_bytes > 0
    generators = [name for name in ("G", "G_ema") if name in checkpoint.networks]
    assert generators
    for name in generators:
        build(checkpoint.networks[name])


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_reader_names_its_format_in_reports_and_errors(entry: Method, tmp_path: Path) -> None:
    assert entry.target.title
    (tmp_path / "x").write_bytes(b"no weights")
    with pytest.raises(Exception, match="not a weights file that is known here") as error:
        read_checkpoint(tmp_path / "x")
    assert entry.target.known_as in str(error.value)


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_reader_claims_an_empty_file(entry: Method, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert not entry.target.recognises(WeightsFile.open(tmp_path / "empty"))
