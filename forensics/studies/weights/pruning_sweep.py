"""The study's sweep of magnitude pruning over the whole network, and the same layer by layer and block by block.

The published run takes thresholds 0 to 1 by 0.001 on the stored weights and 32 latents that stay the same in W (the
vectors its `sample_dlatents` gives), so that pruning the mapping is counted but changes no image; space "z" maps the
same z through the pruned mapping instead.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.core.files import write_bytes
from forensics.generators.pruning.pruning import MagnitudePruner, SortedLayer
from forensics.generators.pruning.weights import WeightLayer, weight_layers
from forensics.images import contact_sheet, encode_png
from forensics.studies.effects import Effects, kid_to, large_features
from forensics.studies.probes import Opinions, ask, weights_asked
from forensics.studies.resumable import Job, Parts, complete
from forensics.studies.subject import Subject, load_subject

GRID_COLUMNS, GRID_GAP_PX = 8, 4
SIGMAS = (0.25, 0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class SweepPlan:
    """Thresholds 0, stop / steps ... stop; image grids, KID and opinions at every `every`-th of them."""

    stop: float = 1.0
    steps: int = 1000
    every: int = 20
    images: int = 32
    seed: int = 0
    space: str = "w"
    face_pack: str | None = None
    detector: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.space not in ("w", "z"):
            raise ForensicsError(f"--space is w or z, not {self.space!r}")
        if self.images % 4:
            raise ForensicsError(f"{self.images} images: give a multiple of 4, a discriminator's groups")

    @property
    def thresholds(self) -> list[float]:
        """Every threshold of the sweep."""
        return [round(self.stop * i / self.steps, 9) for i in range(self.steps + 1)]

    @property
    def chunks(self) -> list[str]:
        """Names of the parts of the sweep, `every` thresholds each, in order."""
        return [f"sweep-{i:04d}" for i in range(0, self.steps + 1, self.every)]


class PrunedImages:
    """One subject whose weights are pruned and whose images of the same latents are measured. Weights are changed in
    place, and restored before a method returns."""

    def __init__(self, subject: Subject, plan: SweepPlan) -> None:
        self.subject, self.plan = subject, plan
        self.layers = weight_layers(subject.generator)
        self.z = subject.generator.sample_z(plan.images, plan.seed)
        self.ws = self._mapped()
        reference = subject.synthesize(self.ws)
        self.effects = Effects(subject, reference)
        self.reference = subject.generator.to_uint8(reference)
        self._slow: tuple[Opinions, np.ndarray] | None = None
        self._sorted: dict[str, SortedLayer] = {}

    @torch.inference_mode()
    def _mapped(self) -> Tensor:
        return self.subject.generator.map(self.z, self.subject.labels(len(self.z)))

    def images(self, space: str) -> Tensor:
        """The images of the fixed latents with the weights as they are."""
        return self.subject.synthesize(self.ws if space == "w" else self._mapped())

    def slow_measures(self, x: Tensor) -> dict[str, float]:
        """KID to the unpruned images, and what faces and detector say."""
        made = self.subject.generator.to_uint8(x)
        if self._slow is None:
            opinions = ask(self.reference, self.plan.face_pack, self.plan.detector)
            self._slow = opinions, large_features(self.reference)
        opinions, features = self._slow
        return {"kid": kid_to(features, made), **opinions.measure(made)}

    def pruner(self, layers: list[WeightLayer]) -> MagnitudePruner:
        """A pruner of `layers`, each of which is sorted once, whoever asks how often."""
        for layer in layers:
            if layer.name not in self._sorted:
                self._sorted[layer.name] = SortedLayer(layer)
        return MagnitudePruner([self._sorted[layer.name] for layer in layers])

    def rows(self, thresholds: list[float], space: str) -> tuple[list[dict[str, Any]], Tensor]:
        """A row for each of ascending `thresholds` of the whole network, and the images of the first. Images are made
        again only where a weight that they depend on changed."""
        found: list[dict[str, Any]] = []
        with self.pruner(self.layers) as pruner:
            pruner.prune(thresholds[0])
            first = x = self.images(space)
            measured = self.effects.measure(first)
            for threshold in thresholds:
                if self._matters(pruner.prune(threshold), space):
                    x = self.images(space)
                    measured = self.effects.measure(x)
                counts = {"nonzero": pruner.nonzero, "share_left": pruner.nonzero / pruner.count}
                found.append({"threshold": threshold, **counts, **measured})
        return found, first

    def _matters(self, changed: list[bool], space: str) -> bool:
        seen = (layer for layer, is_changed in zip(self.layers, changed, strict=True) if is_changed)
        return any(space == "z" or layer.block != "mapping" for layer in seen)

    def fragility(self, kind: str, name: str, layers: list[WeightLayer]) -> list[dict[str, Any]]:
        """A row for each of `SIGMAS`: only `layers` pruned, each at so many of its own standard deviations."""
        found = []
        for sigmas in SIGMAS:
            pruners = [self.pruner([layer]) for layer in layers]
            try:
                for pruner, layer in zip(pruners, layers, strict=True):
                    pruner.prune(sigmas * float(layer.stored.std(correction=0)))
                count = sum(pruner.count for pruner in pruners)
                left = sum(pruner.nonzero for pruner in pruners)
                row = {
                    kind: name,
                    "sigmas": sigmas,
                    "count": count,
                    "nonzero": left,
                    "share_left": left / count,
                }
                found.append(row | self.effects.measure(self.images("z")))
            finally:
                for pruner in pruners:
                    pruner.restore()
        return found


class SweepWork:
    """The parts of a sweep of the weights file `name` for `resumable.complete`; grids go to `out`/grids."""

    def __init__(self, name: str, out: Path, plan: SweepPlan) -> None:
        self.out, self.plan = out, plan
        self.pruned = PrunedImages(load_subject(name, plan.device), plan)

    def do(self, part: str) -> list[dict[str, Any]]:
        """Rows of a part: "sweep-0040" (the chunk that starts there), "layer-3" or "block-b64"."""
        kind, _, which = part.partition("-")
        layers = self.pruned.layers
        if kind == "layer":
            return self.pruned.fragility("layer", layers[int(which)].name, [layers[int(which)]])
        if kind == "block":
            return self.pruned.fragility("block", which, [layer for layer in layers if layer.block == which])
        return self._chunk(int(which))

    def _chunk(self, start: int) -> list[dict[str, Any]]:
        thresholds = self.plan.thresholds[start : start + self.plan.every]
        rows, x = self.pruned.rows(thresholds, self.plan.space)
        rows[0] |= self.pruned.slow_measures(x)
        sheet = contact_sheet(list(self.pruned.subject.generator.to_uint8(x)), GRID_COLUMNS, GRID_GAP_PX)
        write_bytes(grid_path(self.out, thresholds[0]), encode_png(sheet))
        return rows


def grid_path(out: Path, threshold: float) -> Path:
    """Where the image grid of a threshold is."""
    return out / "grids" / f"threshold-{threshold:.3f}.png"


@dataclass(frozen=True)
class SweepResult:
    """Tables of a finished sweep: `sweep` a row a threshold; `layers` and `blocks` rows of `PrunedImages.fragility`."""

    sweep: list[dict[str, Any]]
    layers: list[dict[str, Any]]
    blocks: list[dict[str, Any]]


def pruning_sweep(subject: Subject, out: Path, plan: SweepPlan, *, workers: int = 1) -> SweepResult:
    """Do or finish the sweep of `subject`'s file in `out`. ForensicsError: `out` holds one made otherwise."""
    layers = weight_layers(subject.generator)
    layer_parts = [f"layer-{i}" for i in range(len(layers))]
    block_parts = [f"block-{name}" for name in dict.fromkeys(layer.block for layer in layers)]
    asked_of = weights_asked(plan.face_pack, plan.detector)
    parts = Parts(out / "parts", {"weights": subject.sha256, "asked of": asked_of, **asdict(plan)})
    wanted = [*plan.chunks, *layer_parts, *block_parts]
    job = Job(SweepWork, (subject.name, out, plan))
    complete(parts, wanted, job, workers=workers, title="pruning")

    def rows_of(names: list[str]) -> list[dict[str, Any]]:
        return [row for name in names for row in parts.read(name)]

    return SweepResult(rows_of(plan.chunks), rows_of(layer_parts), rows_of(block_parts))
