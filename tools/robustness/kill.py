"""Kills every resumable command at random moments until it has ended, and compares what it leaves with one go.

    python -m tools.robustness.kill [--kills 30] [--only NAME] [--seed 0] [--json OUT]

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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from forensics.core.files import write_json
from forensics.core.terminal import print_line

SHARED: Final = Path(os.environ.get("FORENSICS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
_PROGRAM: Final = "import sys; from forensics.cli import main; sys.argv[0] = 'forensics'; main()"
_GIVE_UP_S: Final = 900.0
# Files whose content is a measurement of time: they may differ between two runs of one command.
_TIMED: Final = ("training.csv", "curves.png", "index.html")


@dataclass(frozen=True)
class Case:
    """One command: its words before and after the output folder, which files may differ, and what it starts from."""

    name: str
    words: Callable[[Path, Path], list[str]]  # (output, materials) → words
    may_differ: tuple[str, ...] = ()


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
    """A small tree of photographs and fakes, and a corpus, made once."""
    for source, target, n in (("val/real", "tree/real", 24), ("val/stylegan2", "tree/fake_stylegan2", 24)):
        (folder / target).mkdir(parents=True)
        for path in sorted((SHARED / "faces256" / source).iterdir())[:n]:
            shutil.copy(path, folder / target / path.name)
    return folder


CASES: Final = (
    Case("generate-corpus", lambda out, have: [
        "generate-corpus", str(out), "-n", "300", "--generator", "own-64", "--real", str(have / "tree" / "real"),
    ]),
    Case("walk", lambda out, have: [
        "walk", str(out), "--generator", "own-64", "--step", "0.05", "-n", "60", "--walks", "4",
    ]),
    Case("train", lambda out, have: [
        "train", str(out), "--preset", "tiny-16", "--data", str(have / "tree" / "real"), "--kimg", "0.6",
    ], may_differ=_TIMED),
    Case("train-detector", lambda out, have: [
        "train-detector", str(out), str(have / "tree"), "--kind", "layers",
    ]),
    Case("benchmark", lambda out, have: ["benchmark", str(have / "tree"), "--out", str(out)]),
    Case("prune", lambda out, have: ["prune", "own-64", "--out", str(out), "--steps", "4", "--every", "2"]),
    Case("faces", lambda out, have: [
        "faces", str(have / "tree" / "real"), "--out", str(out / "faces.csv"),
        "--pack", "scrfd_mbf", "--pack-root", str(SHARED / "insightface"),
    ]),
)  # fmt: skip


def digest(folder: Path) -> dict[str, str]:
    """File below the folder → SHA-256 of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def start(case: Case, out: Path, have: Path) -> subprocess.Popen[bytes]:
    """The command as a process group of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *case.words(out, have)], env=environment, start_new_session=True,
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


def main() -> int:
    """Try the cases and print a line each; 1 where one lost something."""
    parser = argparse.ArgumentParser(prog="python -m tools.robustness.kill")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only", choices=[case.name for case in CASES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        have = materials(Path(scratch) / "materials")
        for case in CASES:
            if options.only in (None, case.name):
                rng = random.Random(f"{options.seed} {case.name}")
                result = try_case(case, options.kills, rng, Path(scratch), have)
                results.append(result)
                said = (
                    "nothing lost" if result.passed else f"DIFFERENT: {result.different} {result.left_over}"
                )
                print_line(f"{case.name:<16} {result.kills} kills, {result.seconds:.0f} s in one go: {said}")
    if options.json:
        write_json(
            options.json,
            {"command": "python -m tools.robustness.kill", "results": [asdict(r) for r in results]},
        )
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
