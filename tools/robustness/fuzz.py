"""Feeds mutated files to every reader: each must give a value or a ForensicsError of one line, and nothing else.

    python -m tools.robustness.fuzz [--seconds 60] [--only TARGET] [--keep FOLDER] [--jobs 2] [--record]

A file that a reader fails on is kept, under the hash of its bytes, and becomes a named test.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import hypothesis
from hypothesis import HealthCheck

from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes
from forensics.core.terminal import print_line
from tools.documentation.records import write_record
from tools.robustness import seeds
from tools.robustness.mutations import mutated

_EXAMPLES: Final = 200  # between two looks at the clock
_ALLOWED_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Target:
    """A reader under test: `read` gets the path of a file with mutated bytes, called `file`.

    `prepare` puts into the folder what lies beside that file.
    """

    name: str
    read: Callable[[Path], object]
    seeds: Callable[[], tuple[bytes, ...]]
    file: str = "input"
    prepare: Callable[[Path], None] = lambda folder: None


def _weights(path: Path) -> object:
    from forensics.generators.checkpoints.reading import parse
    from forensics.generators.checkpoints.weights_file import WeightsFile

    return parse(WeightsFile.open(path))  # not in a fork, which would turn a traceback into a line


def _graph(path: Path) -> object:
    from forensics.backbones.graph_networks import load_graph_network

    return load_graph_network(path)


def _json(path: Path) -> object:
    from forensics.core.untrusted import read_json

    return read_json(path)


def _archive(path: Path) -> object:
    from forensics.core.archives import open_archive
    from forensics.core.untrusted import read_untrusted

    with open_archive(read_untrusted(path, 1 << 30).data, path) as archive:
        return [archive.read(name) for name in archive.names]


def _image(path: Path) -> object:
    from forensics.images import decode

    return decode(path)


def _detector(path: Path) -> object:
    from forensics.detectors.loading import load_detector

    return load_detector(path.parent)


def _corpus(path: Path) -> object:
    from forensics.corpus import Corpus

    corpus = Corpus.open(path.parent)
    return corpus.labels, corpus.sources


def _pools(path: Path) -> object:
    from forensics.corpus.pools.five_pools import read_pools

    return read_pools(path)


def _picture_recipe(path: Path) -> object:
    from forensics.explore.recipe import read_recipe

    return read_recipe(path)


def _training_state(path: Path) -> object:
    from forensics.generators.training.state import load

    return load(path)


def _photographs(path: Path) -> object:
    from forensics.corpus.photographs.sources import open_sources

    return [list(source.pictures()) for source in open_sources([path])]


TARGETS: Final = (
    Target("weights", _weights, seeds.weights_files),
    Target("graph-network", _graph, seeds.graph_networks),
    Target("json", _json, seeds.json_files),
    Target("archive", _archive, seeds.archives),
    Target("image", _image, seeds.images),
    Target("detector", _detector, seeds.detectors, "detector.json", seeds.beside_a_detector),
    Target("manifest", _corpus, seeds.manifests, "manifest.jsonl", seeds.beside_a_manifest),
    Target("corpus", _corpus, seeds.summaries, "corpus.json"),
    Target("pools", _pools, seeds.pools),
    Target("picture-recipe", _picture_recipe, seeds.picture_recipes),
    Target("training-state", _training_state, seeds.training_states),
    Target("photographs", _photographs, seeds.archives_of_photographs, "photographs.zip"),
)


def fuzz(target: Target, seconds: float, folder: Path) -> int:
    """Try mutated files for so many seconds; how many were tried. Whatever is no ForensicsError is raised."""
    target.prepare(folder)
    path = folder / target.file
    files = target.seeds()
    tried = 0

    def once(data: bytes) -> None:
        nonlocal tried
        tried += 1
        path.write_bytes(data)
        began = time.monotonic()
        try:
            target.read(path)
        except ForensicsError as error:
            if "\n" in str(error):
                raise AssertionError(f"more than one line: {error}") from error
        if time.monotonic() - began > _ALLOWED_SECONDS:
            raise AssertionError(f"took {time.monotonic() - began:.1f} s")

    end = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > end:
            return tried
        run = hypothesis.given(mutated(files))(once)
        run = hypothesis.settings(
            max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )(run)
        hypothesis.seed(number)(run)()
    return tried


@dataclass(frozen=True)
class Tried:
    """How a reader fared: the files it was given, in how many seconds, and how it failed ("" where it did not)."""

    name: str
    files: int
    seconds: float
    failure: str

    @property
    def line(self) -> str:
        """The same for a terminal."""
        return f"{self.name:<16} {self.failure or f'{self.files} files, each a value or one line'}"


def try_target(name: str, seconds: float, keep: Path) -> Tried:
    """Fuzz one target. A file that its reader fails on is kept."""
    target = next(target for target in TARGETS if target.name == name)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return Tried(name, fuzz(target, seconds, Path(scratch)), seconds, "")
        except Exception as error:  # whatever a reader lets out is what is looked for
            data = (Path(scratch) / target.file).read_bytes()
            keep.mkdir(parents=True, exist_ok=True)
            kept = keep / f"{name}-{sha256_bytes(data)[:8]}"
            kept.write_bytes(data)
            return Tried(name, 0, seconds, f"FAILED on {kept}: {type(error).__name__}: {str(error)[:300]}")


def main() -> int:
    """Fuzz the targets, as many at a time as there are cores, and print a line each; 1 where a reader failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.robustness.fuzz")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", choices=[target.name for target in TARGETS])
    parser.add_argument("--keep", type=Path, default=Path("out/fuzz"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--record", action="store_true", help="write docs/measured/fuzz.json, too")
    options = parser.parse_args()
    names = [target.name for target in TARGETS if options.only in (None, target.name)]
    results = []
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        for tried in [pool.submit(try_target, name, options.seconds, options.keep) for name in names]:
            results.append(tried.result())
            print_line(results[-1].line)
    if options.record:
        command = f"python -m tools.robustness.fuzz --seconds {options.seconds:g} --record"
        write_record("fuzz", [command], [asdict(result) for result in results])
    return int(any(result.failure for result in results))


if __name__ == "__main__":
    raise SystemExit(main())
