"""The study's sweep of magnitude pruning over the whole network, and the same layer by layer and block by block.

The published run takes thresholds 0 to 1 by 0.001 on the stored weights and 32 latents that stay the same in W (the
vectors its `sample_dlatents` gives), so that pruning the mapping is counted but changes no image; space "z" maps the
same z through the pruned mapping instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.pruning.magnitude import MagnitudePruner, SortedLayer
from forensics.generators.pruning.weights import WeightLayer, weight_layers
from forensics.report.rows import IF_MEASURED, Row
from forensics.studies.effects import EffectRow
from forensics.studies.measured import ImagePlan, ReferenceImages
from forensics.studies.probes import Probe, ProbeRow
from forensics.studies.subject import Subject

SIGMAS = (0.25, 0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True, kw_only=True)
class SweepPlan(ImagePlan):
    """Thresholds 0, stop / steps ... stop; image grids, KID and the probe at every `every`-th of them."""

    stop: float = 1.0
    steps: int = 1000
    every: int = 20
    space: str = "w"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.space not in ("w", "z"):
            raise ForensicsError(f"--space is w or z, not {self.space!r}")

    @property
    def thresholds(self) -> list[float]:
        """Every threshold of the sweep."""
        return [round(self.stop * i / self.steps, 9) for i in range(self.steps + 1)]


@dataclass(frozen=True, kw_only=True)
class SweepRow(ProbeRow, EffectRow):
    """The whole network at one threshold: weights that are not zero, and what becomes of the images."""

    threshold: float
    nonzero: int
    share_left: float
    kid: float | None = field(default=None, metadata=IF_MEASURED)


@dataclass(frozen=True, kw_only=True)
class FragilityRow(EffectRow):
    """Only one layer or block (`name`) pruned, each layer at `sigmas` of its own standard deviations."""

    kind: str
    name: str
    sigmas: float
    count: int
    nonzero: int
    share_left: float

    def cells(self) -> dict[str, object]:
        """The name is in a column called as the kind is."""
        return {self.kind: self.name} | {
            k: v for k, v in super().cells().items() if k not in ("kind", "name")
        }


@dataclass(frozen=True)
class SweepTables(Row):
    """The tables of a finished sweep."""

    sweep: list[SweepRow]
    layers: list[FragilityRow]
    blocks: list[FragilityRow]


class PrunedImages:
    """One subject whose weights are pruned and whose images of the same latents are measured. Weights are changed in
    place, and restored before a method returns."""

    def __init__(self, subject: Subject, plan: SweepPlan, probe: Probe | None = None) -> None:
        self.subject, self.plan = subject, plan
        self.layers = weight_layers(subject.generator)
        self.reference = ReferenceImages(subject, plan, probe)
        self._sorted: dict[str, SortedLayer] = {}

    def images(self, space: str) -> Tensor:
        """The images of the fixed latents with the weights as they are: float32 [n, c, h, w]."""
        ws = self.reference.ws if space == "w" else self.reference.mapped(self.reference.z)
        return self.subject.synthesize(ws)

    def pruner(self, layers: Sequence[WeightLayer]) -> MagnitudePruner:
        """A pruner of `layers`, each of which is sorted once, however often it is pruned."""
        for layer in layers:
            if layer.name not in self._sorted:
                self._sorted[layer.name] = SortedLayer(layer)
        return MagnitudePruner([self._sorted[layer.name] for layer in layers])

    def rows(self, thresholds: Sequence[float], space: str) -> tuple[list[SweepRow], Tensor]:
        """A row for each of ascending `thresholds` of the whole network, and the images of the first, float32
        [n, c, h, w]. Images are made again only where a weight that they depend on changed."""
        rows = []
        with self.pruner(self.layers) as pruner:
            pruner.prune(thresholds[0])
            first = x = self.images(space)
            effect = self.reference.effect_of(first)
            for threshold in thresholds:
                if self._matters(pruner.prune(threshold), space):
                    x = self.images(space)
                    effect = self.reference.effect_of(x)
                share = pruner.nonzero / pruner.count
                rows.append(
                    SweepRow(threshold=threshold, nonzero=pruner.nonzero, share_left=share, **vars(effect))
                )
        return rows, first

    def _matters(self, changed: Sequence[bool], space: str) -> bool:
        pruned = (layer for layer, is_changed in zip(self.layers, changed, strict=True) if is_changed)
        return any(space == "z" or layer.block != "mapping" for layer in pruned)

    def fragility(self, kind: str, name: str, layers: Sequence[WeightLayer]) -> list[FragilityRow]:
        """A row for each of `SIGMAS`: only `layers` pruned, each at so many of its own standard deviations."""
        rows = []
        for sigmas in SIGMAS:
            pruners = [self.pruner([layer]) for layer in layers]
            try:
                for pruner, layer in zip(pruners, layers, strict=True):
                    pruner.prune(sigmas * float(layer.stored.std(correction=0)))
                count = sum(pruner.count for pruner in pruners)
                left = sum(pruner.nonzero for pruner in pruners)
                effect = self.reference.effect_of(self.images("z"))
                counts = {"count": count, "nonzero": left, "share_left": left / count}
                rows.append(FragilityRow(kind=kind, name=name, sigmas=sigmas, **counts, **vars(effect)))  # type: ignore[arg-type]
            finally:
                for pruner in pruners:
                    pruner.restore()
        return rows
