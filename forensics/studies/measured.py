"""The images of fixed latents of one subject, against which all changes are measured: what `prune`, channels and
`latent` have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.core.evidence import Evidence, evidence
from forensics.studies.contract import Study, SummaryT
from forensics.studies.effects import EffectRow, Effects, kid_to, large_features
from forensics.studies.probes import Probe, ProbePlan, ProbeRow, ReferenceProbe
from forensics.studies.subject import Subject, load_subject


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """`images` latents of `seed`, on `device`; the face pack and the detector that are asked too (None: not)."""

    images: int = 32
    seed: int = 0
    face_pack: str | None = None
    detector: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.images < 1 or self.images % 4:
            raise ForensicsError(f"{self.images} images: give a multiple of 4, a discriminator's groups")

    def probe(self) -> Probe:
        """The probe that is asked. `FacePackError`, `DetectorError`: not there."""
        return ProbePlan(self.face_pack, self.detector).load()

    def conditions(self, subject: Subject, probe: Probe) -> Mapping[str, object]:
        """What decides the rows of a study of `subject` with this plan."""
        return {"weights": subject.sha256, "probe": probe.weights_sha256(), **asdict(self)}

    def evidence(self, subject: Subject, probe: Probe, **more: object) -> Evidence:
        """The record of a study of `subject` with this plan."""
        inputs = {"weights": subject.sha256} | probe.weights_sha256()
        options = {key: value for key, value in asdict(self).items() if key != "seed"}
        return evidence(inputs, {"latents": self.seed}, options | more)


@dataclass(frozen=True)
class SubjectStudy(Study[SummaryT]):
    """A study of one weights file `weights` by images of fixed latents; subclasses say which `plan`."""

    weights: str
    out: Path
    plan: ImagePlan

    @cached_property
    def subject(self) -> Subject:
        """The generator, and its discriminator where the file has it."""
        return load_subject(self.weights, self.plan.device)

    @cached_property
    def probe(self) -> Probe:
        """Face finder and detector that are asked."""
        return self.plan.probe()

    def conditions(self) -> Mapping[str, object]:
        """The plan and the hashes of what it reads."""
        return self.plan.conditions(self.subject, self.probe)


class ReferenceImages:
    """The unchanged images of the plan's latents: `z` [n, z_dim], `ws` [n, num_ws, w_dim], `pixels` uint8
    [n, h, w, c], and what measures others against them."""

    def __init__(self, subject: Subject, plan: ImagePlan, probe: Probe | None = None) -> None:
        self.subject, self.plan = subject, plan
        self._probe = probe
        self.z = subject.generator.sample_z(plan.images, plan.seed)
        self.ws = self.mapped(self.z)
        reference = subject.synthesize(self.ws)
        self.effects = Effects(subject, reference)
        self.pixels = subject.generator.to_uint8(reference)

    @torch.inference_mode()
    def mapped(self, z: Tensor) -> Tensor:
        """ws [n, num_ws, w_dim] of z [n, z_dim], untruncated."""
        return self.subject.generator.map(z, self.subject.labels(len(z)))

    def pixels_of(self, ws: Tensor) -> np.ndarray:
        """Images of ws [n, num_ws, w_dim] as uint8 [n, h, w, c]."""
        return self.subject.generator.to_uint8(self.subject.synthesize(ws))

    @cached_property
    def probe(self) -> ReferenceProbe:
        """Face finder and detector of the plan; loaded when first asked."""
        return ReferenceProbe(self.plan.probe() if self._probe is None else self._probe, self.pixels)

    @cached_property
    def _features(self) -> np.ndarray:
        return large_features(self.pixels)

    def effect_of(self, x: Tensor) -> EffectRow:
        """How images as synthesized, float32 [n, c, h, w], differ from the unchanged ones."""
        return self.effects.measure(x)

    def slow_measures(self, x: Tensor) -> tuple[float, ProbeRow]:
        """KID of images as synthesized, float32 [n, c, h, w], to the unchanged ones, and what the probe says."""
        changed = self.subject.generator.to_uint8(x)
        return kid_to(self._features, changed), self.probe.measure(changed)
