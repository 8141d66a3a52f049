"""One training run: networks, optimisers, counters; an iteration, and how it is carried over a kill.

Every iteration seeds its own random stream from (seed, iteration), and the data order is a function of the seed:
a run that was killed and resumed ends with the same bytes as one that was not.
Source of the schedule: Karras et al. (NeurIPS 2020), appendix C.
"""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.corpus.photographs.data import Sampler, TrainingImages
from forensics.generators.training import state
from forensics.generators.training.augment import AugmentPipe
from forensics.generators.training.controller import AdaController
from forensics.generators.training.growing import as_shown, stage_at
from forensics.generators.training.losses.losses import LOSSES, Beside, Real
from forensics.generators.training.networks import (
    make_anchors,
    make_descriptor,
    make_discriminator,
    make_generator,
    make_kept,
    make_matching,
    make_projected,
)
from forensics.generators.training.optimisers import (
    discriminator_optimiser,
    freeze_layers,
    generator_optimiser,
    projected_optimiser,
)
from forensics.generators.training.options import TrainingOptions, differences
from forensics.generators.training.ranks import ONE_RANK, Ranks
from forensics.generators.training.strengths import PIPELINES

STATE_FILE = "training-state.safetensors"


class Trainer:
    """One run: networks, optimisers, counters. `step` does an iteration; `save` and `resume` carry it over a kill."""

    def __init__(
        self,
        options: TrainingOptions,
        images: TrainingImages,
        folder: Path,
        device: torch.device,
        ranks: Ranks = ONE_RANK,
    ) -> None:
        self.options, self.images, self.folder, self.device = options, images, folder, device
        self.ranks = ranks
        torch.manual_seed(options.seed)
        # Not the generator's own layout, which is for inference: training keeps the one its runs began with.
        fmt = torch.contiguous_format if options.architecture == "stylegan3" else torch.channels_last
        self.G = make_generator(options).to(device).to(memory_format=fmt)
        self.D = make_discriminator(options).to(device).to(memory_format=torch.channels_last)
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.frozen = freeze_layers(self.D, options.freeze_d)
        self.projected = make_projected(options, device)
        descriptor = make_descriptor(options, device)
        self.matching = make_matching(options, self.projected, descriptor, images, device, ranks)
        self.anchors = make_anchors(options, self.projected, descriptor, images, ranks)
        judging = [self.D] if self.projected is None else [self.D, self.projected]
        self._judging = [p for network in judging for p in network.parameters() if p.requires_grad]
        self.pipe = AugmentPipe(PIPELINES[options.augment]).to(device)
        self.ada = AdaController(self.pipe, options.ada_target, options.ada_interval, options.ada_kimg)
        beside = Beside(
            plain_weight=options.plain_weight,
            projected=self.projected, projected_weight=options.projected_weight,
            matching=self.matching, kept=make_kept(options, descriptor, self.matching),
            anchors=self.anchors, anchor_weight=options.anchor_weight, anchor_count=options.anchor_count,
        )  # fmt: skip
        self.loss = LOSSES[options.loss](
            self.G, self.D, self.pipe,
            mixing_prob=options.style_mixing_prob, lowest_psi=options.lowest_psi, beside=beside, ranks=ranks,
        )  # fmt: skip
        self.opt_G, self.opt_D = (
            generator_optimiser(self.G, options),
            discriminator_optimiser(self.D, options),
        )
        self._full_rates = [group["lr"] for group in self.opt_G.param_groups]
        self.opt_P = self.projected and projected_optimiser(self.projected, options)
        self.sampler = Sampler(len(images), options.seed, mirror=options.mirror)
        self.iteration = 0
        self.nimg = 0
        self.stage: tuple[int, float] | None = None
        self.seconds, self.networks_seconds = 0.0, 0.0
        if options.start_resolution:
            self._set_stage()

    # -- one iteration ---------------------------------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """One generator and one discriminator step, with the lazy regularisers at their intervals."""
        o = self.options
        started = time.perf_counter()
        self.ranks.seed(o.seed, self.iteration)
        self._set_stage()
        if o.blur_sigma:
            self.loss.blur_sigma = max(1 - self.nimg / (o.blur_kimg * 1000), 0) * o.blur_sigma
        real = self._real_images()
        prepared = time.perf_counter()
        if self.anchors is not None and not self.anchors.placed:
            self.anchors.place(self.G)
        if self.nimg < o.anchor_kimg * 1000:
            numbers = self._anchor_phase()
        else:
            self._warm_up()
            numbers = self._generator_phase()
            numbers |= self._discriminator_phase(real)
        self._average()
        self.iteration += 1
        self.nimg += o.batch
        self.ada.update(self.iteration, o.batch)
        numbers["augment_p"] = float(self.pipe.p)
        if not all(math.isfinite(numbers.get(name, 0.0)) for name in ("loss_G", "loss_D", "anchors")):
            raise ForensicsError(
                f"{self.folder}: the loss is no longer finite at {self.nimg / 1000:.1f} kimg; "
                f"start a new folder with --resume {self.folder}/network-*.safetensors (the last one) "
                "and a lower --lr or a higher --gamma"
            )
        now = time.perf_counter()
        self.seconds += now - started
        self.networks_seconds += now - prepared
        return numbers

    def _real_images(self) -> Real:
        """This rank's share of the next batch, as the discriminator is to see it."""
        o = self.options
        indices, mirrored = self.sampler.draw(self.nimg, o.batch)
        mine = slice(self.ranks.rank, None, self.ranks.size)
        images = self.images.batch(indices[mine], mirrored[mine]).to(self.device)
        if self.stage is not None and (self.stage[0] < o.resolution or self.stage[1] < 1):
            images = as_shown(images, *self.stage)
        if o.pixels == "imagenet":
            images = imagenet_normalised(images)
        return Real(images, self.one_hot(self.images.labels[indices[mine]]) if o.c_dim else None)

    def _fake_labels(self, n: int, use: int) -> Tensor | None:
        """Labels for this rank's share of n fakes, drawn as often as the images have them; `use` tells draws apart."""
        if not self.options.c_dim:
            return None
        rng = np.random.default_rng([self.options.seed, 11, self.iteration, use])
        drawn = self.images.labels[rng.integers(len(self.images), size=n)]
        return self.one_hot(drawn[self.ranks.rank :: self.ranks.size])

    def one_hot(self, labels: np.ndarray) -> Tensor:
        """Class numbers [n] as float32 [n, c_dim]."""
        chosen = torch.from_numpy(labels.astype(np.int64)).to(self.device)
        return F.one_hot(chosen, self.options.c_dim).float()

    def _anchor_phase(self) -> dict[str, float]:
        """The generator learns from its anchors alone; no discriminator is asked, and none has a number."""
        apart = self.loss.anchor_step(self.options.batch)
        self._apply(self.opt_G)
        return {"anchors": apart}

    def _generator_phase(self) -> dict[str, float]:
        o = self.options
        for parameter in self._judging:
            parameter.requires_grad_(False)
        w_avg_beta = o.w_avg_beta if self.G.tracks_w_avg else None
        due = self.iteration % o.matching_interval == 0
        weights = {
            n: getattr(o, f"{n}_weight") * o.matching_interval for n in self.loss.beside.distances if due
        }
        numbers = self.loss.generator_step(
            o.batch, w_avg_beta, self._fake_labels(o.batch, 0), weights=weights
        )
        self._apply(self.opt_G)
        if o.pl_weight and self.iteration % o.g_reg_interval == 0:
            n = max(o.batch // o.pl_batch_shrink, self.ranks.size)
            labels = self._fake_labels(n, 1)
            numbers |= self.loss.path_length_step(n, o.pl_weight, o.pl_decay, o.g_reg_interval, labels)
            self._apply(self.opt_G)
        for parameter in self._judging:
            parameter.requires_grad_(True)
        return numbers

    def _discriminator_phase(self, real: Real) -> dict[str, float]:
        o = self.options
        if o.magnitude_ema_kimg:
            self._track_magnitudes(True)
        numbers, real_logits = self.loss.discriminator_step(real, o.batch, self._fake_labels(o.batch, 2))
        if o.magnitude_ema_kimg:
            self._track_magnitudes(False)
        self.ada.observe(real_logits)
        if self.ranks.size > 1:
            self.ada.sign_sum = float(self.ranks.mean(torch.tensor(self.ada.sign_sum, device=self.device)))
        self._apply(self.opt_D)
        if self.opt_P:
            self._apply(self.opt_P)
        if o.loss == "logistic" and self.iteration % o.d_reg_interval == 0:
            numbers |= self.loss.r1_step(real, o.r1_gamma, o.d_reg_interval)
            self._apply(self.opt_D)
        return numbers

    def _track_magnitudes(self, on: bool) -> None:
        """StyleGAN3's layers follow the magnitude of their input while the discriminator's fakes are made."""
        beta = 0.5 ** (self.options.batch / (self.options.magnitude_ema_kimg * 1000))
        for module in self.G.modules():
            if hasattr(module, "magnitude_ema"):
                module.update_ema, module.magnitude_ema_beta = on, beta  # type: ignore[assignment]

    def _warm_up(self) -> None:
        """Set the generator's learning rates for this iteration: Adam's first steps, and what fresh discriminators
        say, would spoil a generator that begins with trained weights."""
        if not self.options.warmup_kimg:
            return
        share = min((self.nimg / 1000 - self.options.anchor_kimg) / self.options.warmup_kimg, 1.0)
        for group, full in zip(self.opt_G.param_groups, self._full_rates, strict=True):
            group["lr"] = share * full

    def _set_stage(self) -> None:
        """Grow the networks to where the schedule has them; Adam forgets when a block is added."""
        if not self.options.start_resolution:
            return
        stage = stage_at(self.options, self.nimg)
        if stage == self.stage:
            return
        if self.stage is not None and stage[0] != self.stage[0]:
            self.opt_G.state.clear()
            self.opt_D.state.clear()
        self.stage = stage
        for network in (self.G, self.G_ema, self.D):
            network.set_stage(*stage)  # type: ignore[operator]

    def _apply(self, optimiser: torch.optim.Optimizer) -> None:
        """Average over the ranks, clean non-finite gradients, step, clear."""
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        self.ranks.average_gradients(parameters)
        for parameter in parameters:
            if parameter.grad is not None:
                torch.nan_to_num(parameter.grad, nan=0.0, posinf=1e5, neginf=-1e5, out=parameter.grad)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    @torch.no_grad()
    def _average(self) -> None:
        """Move G_ema towards G; the half-life grows with the run (ramp-up)."""
        o = self.options
        half_life = o.ema_kimg * 1000
        if o.ema_rampup:
            half_life = min(half_life, self.nimg * o.ema_rampup)
        beta = o.ema_decay or 0.5 ** (o.batch / max(half_life, 1e-8))
        for averaged, current in zip(self.G_ema.parameters(), self.G.parameters(), strict=True):
            averaged.lerp_(current, 1 - beta)
        for copied, buffer in zip(self.G_ema.buffers(), self.G.buffers(), strict=True):
            copied.copy_(buffer)

    # -- over a kill -----------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the state that `resume` reads."""
        tensors: dict[str, Tensor] = {"pl_mean": self.loss.pl_mean}
        for name, module in self._modules():
            tensors |= state.module_tensors(name, module)
        for name, optimiser in self._optimisers():
            tensors |= state.optimiser_tensors(name, optimiser)
        facts = {
            "iteration": self.iteration,
            "nimg": self.nimg,
            "options": self.options.as_json(),
            "data_sha256": self.images.sha256,
            "ada": [self.ada.sign_sum, self.ada.sign_count],
            "seconds": self.seconds,
        }
        state.save(self.folder / STATE_FILE, state.Snapshot(tensors, facts))

    def resume(self) -> bool:
        """Take up the state in the folder, if there is one. Changed options or data are a `ForensicsError`."""
        path = self.folder / STATE_FILE
        if not path.is_file():
            return False
        snapshot = state.load(path)
        try:
            self._check_same_run(path, snapshot.facts)
            self._restore(snapshot)
        except (KeyError, ValueError, TypeError, IndexError, CheckpointError) as error:
            raise CheckpointError(
                f"{path}: not a whole training state ({error}); remove it to start over"
            ) from error
        return True

    def _check_same_run(self, path: Path, facts: dict[str, Any]) -> None:
        changed = differences(facts["options"], self.options)
        if changed:
            raise ForensicsError(f"{path}: made with other options ({'; '.join(changed)}); use a new folder")
        if facts["data_sha256"] != self.images.sha256:
            raise ForensicsError(f"{path}: the training images have changed since; use a new folder")

    def _restore(self, snapshot: state.Snapshot) -> None:
        for name, module in self._modules():
            state.restore_module(name, module, snapshot.tensors)
        for name, optimiser in self._optimisers():
            state.restore_optimiser(name, optimiser, snapshot.tensors)
        self.loss.pl_mean.copy_(snapshot.tensors["pl_mean"])
        facts = snapshot.facts
        self.iteration, self.nimg, self.seconds = facts["iteration"], facts["nimg"], facts["seconds"]
        self.ada.sign_sum, self.ada.sign_count = facts["ada"]
        if self.stage is not None:
            # The last iteration ran before nimg moved on: growing compares with the stage it had.
            self.stage = stage_at(self.options, self.nimg - self.options.batch)

    def _modules(self) -> list[tuple[str, nn.Module]]:
        named = [("G", self.G), ("D", self.D), ("G_ema", self.G_ema), ("augment_pipe", self.pipe)]
        if self.projected is not None:
            named.append(("P", self.projected))
        named += self.matching.items()
        if self.anchors is not None:
            named.append(("anchors", self.anchors))
        return named

    def _optimisers(self) -> list[tuple[str, torch.optim.Optimizer]]:
        named: list[tuple[str, torch.optim.Optimizer]] = [("opt_G", self.opt_G), ("opt_D", self.opt_D)]
        return [*named, ("opt_P", self.opt_P)] if self.opt_P else named


def imagenet_normalised(images: Tensor) -> Tensor:
    """Images in [-1, 1] to (pixel / 255 - mean) / deviation, as SrcNet has them."""
    from forensics.generators.architectures.srcnet import PIXEL_MEAN, PIXEL_STD

    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (PIXEL_MEAN, PIXEL_STD))
    return ((images + 1) / 2 - mean) / std
