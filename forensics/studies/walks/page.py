"""`forensics study walk`: walks through one or several networks, a face detector on every image, in one page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.core.errors import ForensicsError
from forensics.core.evidence import Evidence, evidence, recorded
from forensics.core.files import write_text
from forensics.core.terminal import Meter, note, progress
from forensics.generators.base import Generator, load_generator
from forensics.recipes.walked import Walk
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.studies.monsters import page as monsters
from forensics.studies.monsters.options import MonsterOptions
from forensics.studies.resumable import Parts
from forensics.studies.walks import figures as walk_figures
from forensics.studies.walks.comparison import MEASURES, Comparison, compare
from forensics.studies.walks.faces import Eyes, Row, Times, WalkWithFaces
from forensics.studies.walks.network_page import network_section
from forensics.studies.walks.percent_yield import Outcome, outcome_of

if TYPE_CHECKING:
    from forensics.faces.analyser import FaceAnalyser


@dataclass(frozen=True)
class WalkStudy:
    """`walks` walks of `length` images each through every network, in `space` with steps of `step`; the face pack and,
    or None, the detector that look at the images; with `monsters` also how far the faces reach."""

    walks: int = 10
    length: int = 500
    step: float = 0.01
    space: str = "w"
    direction: str = "gaussian"
    noise: str = "const"
    seed: int = 0
    pack: str | None = None
    pack_root: Path | None = None
    detector: str | None = None
    device: str = "auto"
    monsters: MonsterOptions | None = None

    def walk(self, generator: Generator) -> Walk:
        """The walks through one network."""
        how = {
            k: getattr(self, k) for k in ("length", "walks", "step", "space", "direction", "seed", "noise")
        }
        return Walk(generator, **how)


@dataclass
class Network:
    """One network of the study: its name in the report, its folder, its walks and what came of them."""

    label: str
    folder: Path
    walk: Walk
    rows: list[Row] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What the rows say."""
        return outcome_of(self.rows, self.walk.walks)


@recorded
def study_walk(names: Sequence[str], out: Path, study: WalkStudy) -> dict[str, Any]:
    """Do (or finish) the study of the weights files `names` below `out`; returns a summary with `times`.

    Raises `CheckpointError` for a file without a generator, `FacePackError` for a pack that is not there, and
    `ForensicsError` where `out` holds a study made with other numbers or two names are one network.
    """
    networks = _networks(names, out, study)
    eyes = _eyes(study)
    pack = eyes.faces.weights_sha256()
    parts = [Parts(n.folder / "parts", _how(n, eyes, pack)) for n in networks]
    times = Times()
    with progress("study walk", len(networks) * study.walks * study.length) as meter:
        for network, finished in zip(networks, parts, strict=True):
            times = times.plus(_walked(network, eyes, finished, meter))
    note(times_line(times.to_json()))  # what follows takes minutes: said now, and again at the end
    record = _record(networks, eyes, pack, study)
    outcomes = {network.label: network.outcome for network in networks}
    comparisons = compare(outcomes, study.seed)
    sections = [
        network_section(n.label, n.walk, n.rows, outcomes[n.label], n.folder, study.seed) for n in networks
    ]
    found = _monsters(networks, eyes, study)
    context = _shared(Exhibits(out), outcomes, comparisons, study, eyes.faces)
    context |= {"networks": sections, "evidence": record.lines()}
    context["monster_studies"] = [
        {"label": label, "section": monsters.section(Path(summary["out"]))}
        for label, summary in found.items()
    ]
    page = out / "index.html"
    write_text(page, render("study_walk.html", context))
    record.write(out)
    return {
        "out": str(out),
        "report": str(page),
        "networks": [section["summary"] for section in sections],
        "comparisons": [asdict(c) for c in comparisons],
        "monsters": found,
        "times": times.to_json(),
    }


def _networks(names: Sequence[str], out: Path, study: WalkStudy) -> list[Network]:
    """The networks, each loaded, with labels and folders that tell them apart."""
    networks: list[Network] = []
    for name in names:
        generator = load_generator(name, study.device)
        stem = Path(name).stem if Path(name).suffix else Path(name).name
        short = generator.weights_sha256[:8]
        if any(n.walk.generator.weights_sha256 == generator.weights_sha256 for n in networks):
            raise ForensicsError(f"{name}: the same network is named twice; name it once")
        label = stem if all(n.label != stem for n in networks) else f"{stem} {short}"
        folder = out / f"{re.sub(r'[^A-Za-z0-9._-]', '_', stem)}-{short}"
        networks.append(Network(label, folder, study.walk(generator)))
    return networks


def _eyes(study: WalkStudy) -> Eyes:
    from forensics.detectors.loading import load_detector
    from forensics.faces.analyser import load_faces

    faces = load_faces(study.pack, study.pack_root)
    return Eyes(faces, load_detector(study.detector) if study.detector is not None else None)


def _how(network: Network, eyes: Eyes, pack: dict[str, str]) -> dict[str, Any]:
    """What decides the parts of a network."""
    walk = {k: v for k, v in network.walk.how().items() if k != "generator"}
    detector = eyes.detector.weights_sha256 if eyes.detector else None
    return {**walk, "pack": eyes.faces.pack, "pack_sha256": pack, "detector": detector}


def _walked(network: Network, eyes: Eyes, parts: Parts, meter: Meter) -> Times:
    """Make and examine the walks of one network; its corpus and its table of faces are then whole."""
    run = WalkWithFaces(network.walk, network.folder / "corpus", eyes, parts)
    times = run.run(meter)
    network.rows = run.rows()
    Exhibits(network.folder).table("faces", network.rows)
    return times


def _monsters(networks: Sequence[Network], eyes: Eyes, study: WalkStudy) -> dict[str, dict[str, Any]]:
    """The summary of each network's monster study, by label; nothing where none is wanted."""
    if study.monsters is None:
        return {}
    return {
        n.label: monsters.study_monsters(
            n.walk.generator, eyes.faces, eyes.detector, n.folder / "monsters", study.monsters
        )
        for n in networks
    }


def _record(networks: Sequence[Network], eyes: Eyes, pack: dict[str, str], study: WalkStudy) -> Evidence:
    inputs = {f"weights {n.label}": n.walk.generator.weights_sha256 for n in networks}
    inputs |= {f"face pack {name}": sha256 for name, sha256 in pack.items()}
    if eyes.detector is not None:
        inputs["detector"] = eyes.detector.weights_sha256
    options = {k: v for k, v in asdict(study).items() if k not in ("seed", "pack_root", "monsters")}
    options |= {"pack": eyes.faces.pack, "device": str(networks[0].walk.generator.device)}
    options["monsters"] = study.monsters.how() if study.monsters else None
    return evidence(inputs, {"walks": study.seed}, options)


def _shared(
    exhibits: Exhibits,
    outcomes: dict[str, Outcome],
    comparisons: Sequence[Comparison],
    study: WalkStudy,
    faces: FaceAnalyser,
) -> dict[str, Any]:
    """What the page shows of all networks together."""
    several = len(outcomes) > 1
    if several:
        exhibits.table("comparison", [asdict(c) for c in comparisons])
    return {
        "title": f"Walk study of {', '.join(outcomes)}",
        "study": study,
        "pack": faces.pack,
        "histograms": walk_figures.histograms(exhibits, "confidence", outcomes),
        "yields": walk_figures.yields(exhibits, "yields", outcomes, study.seed),
        "along": walk_figures.along_walks(exhibits, "along", outcomes),
        "comparisons": [{**asdict(c), "words": MEASURES[c.measure]} for c in comparisons],
        "several": several,
    }


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The summary for a terminal."""
    lines = []
    for row in summary["networks"]:
        low, high = (100 * row[key] for key in ("yield_low", "yield_high"))
        lines.append(
            f"{row['network']}: {100 * row['yield']:.1f} % [{low:.1f}, {high:.1f}] of {row['images']} images hold a"
            f" face, mean confidence {row['confidence']:.3f}; {row['clusters']} clusters of faces"
        )
    for c in summary["comparisons"]:
        lines.append(
            f"{c['a']} against {c['b']}, {c['measure']}: difference {c['difference']:+.4f}, p = {c['p']:.3g}"
            f" (all comparisons: {c['p_holm']:.3g}; the least possible: {c['p_least']:.2g})"
        )
    for label, found in summary["monsters"].items():
        lines += [
            f"{label}: {line}" for line in monsters.summary_lines(found) if not line.startswith("report:")
        ]
    return [*lines, times_line(summary["times"]), f"report: {summary['report']}"]


def times_line(t: dict[str, float]) -> str:
    """How long making and examining took in this run, each and together."""
    if not t["examined"]:
        return "walks: all made and examined before"
    return (
        f"walks: {t['generated']} images made in {t['generation_s']:.1f} s, {t['examined']} examined in"
        f" {t['detection_s']:.1f} s, both in {t['total_s']:.1f} s ({t['ratio']:.2f} of the slower)"
    )
