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

import torch
from torch import Tensor, nn

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.corpus.photographs.data import Sampler, TrainingImages
from forensics.generators.training import state
from forensics.generators.training.augmentation.controller import AdaController
from forensics.generators.training.augmentation.pipe import AugmentPipe
from forensics.generators.training.augmentation.pipelines import PIPELINES
from forensics.generators.training.averaging import move_average, track_magnitudes
from forensics.generators.training.batches import Batches
from forensics.generators.training.losses.contract import LabelledImages
from forensics.generators.training.networks import make_discriminator, make_generator
from forensics.generators.training.optimisers import (
    discriminator_optimiser,
    freeze_layers,
    generator_optimiser,
    projected_optimiser,
)
from forensics.generators.training.options import TrainingOptions, differences
from forensics.generators.training.ranks import ONE_RANK, Ranks
from forensics.generators.training.schedule import Networks, Schedule
from forensics.generators.training.steps import DISTANCE_INTERVAL, GradientSteps, Lazy
from forensics.generators.training.terms import make_terms

STATE_FILE = "training-state.safetensors"
_PATH_LENGTH_SHARE = 2  # path lengths are taken on half the batch


class Trainer:
    """One run: networks, optimisers, counters. `step` does an iteration; `save` and `resume` carry it over a kill.

    `options` are those of the run; `schedule.now` are those of its phase.
    """

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
        stylegan3 = options.network.architecture == "stylegan3"
        layout = torch.contiguous_format if stylegan3 else torch.channels_last
        self.G = make_generator(options).to(device).to(memory_format=layout)
        self.D = make_discriminator(options).to(device).to(memory_format=torch.channels_last)
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.frozen = freeze_layers(self.D, options.optimiser.freeze_d)
        self.terms = make_terms(options, images, device, ranks)
        critics = [self.D] if self.terms.projected is None else [self.D, self.terms.projected]
        self._critics = [p for network in critics for p in network.parameters() if p.requires_grad]
        self.pipe = AugmentPipe(PIPELINES[options.images.augment]).to(device)
        self.ada = AdaController(self.pipe, options.images.ada_target, ada_kimg=options.images.ada_kimg)
        self.steps = GradientSteps(
            self.G, self.D, self.pipe,
            losses=options.losses, sampling=options.sampling, terms=self.terms, ranks=ranks,
        )  # fmt: skip
        self.opt_G = generator_optimiser(self.G, options)
        self.opt_D = discriminator_optimiser(self.D, options)
        self.opt_P = self.terms.projected and projected_optimiser(self.terms.projected)
        self.sampler = Sampler(len(images), options.seed, mirror=options.images.mirror)
        self.batches = Batches(options, images, device, ranks)
        self.iteration, self.nimg = 0, 0
        networks = Networks(self.G, self.G_ema, self.D)
        self.schedule = Schedule(options, networks, self.steps, (self.opt_G, self.opt_D))
        self.seconds, self.networks_seconds = 0.0, 0.0

    # -- one iteration ---------------------------------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """One generator and one discriminator step, with the lazy regularisers at their intervals."""
        started = time.perf_counter()
        self.ranks.seed(self.options.seed, self.iteration)
        self.schedule.begin(self.nimg)
        real = self._real_images()
        prepared = time.perf_counter()
        if self.terms.codes is not None and not self.terms.codes.placed:
            self.terms.codes.place(self.G)
        if self.nimg < self.options.losses.glo_kimg * 1000:
            numbers = self._reconstruction_phase()
        else:
            self.schedule.warm_up(self.nimg)
            numbers = self._generator_phase()
            numbers |= self._discriminator_phase(real)
        move_average(self.G_ema, self.G, self.schedule.now, self.nimg)
        self.iteration += 1
        self.nimg += self.options.batch
        self.ada.update(self.iteration, self.options.batch)
        numbers["augment_p"] = float(self.pipe.p)
        self._check_finite(numbers)
        ended = time.perf_counter()
        self.seconds += ended - started
        self.networks_seconds += ended - prepared
        return numbers

    def _check_finite(self, numbers: dict[str, float]) -> None:
        if not all(math.isfinite(numbers.get(name, 0.0)) for name in ("loss_G", "loss_D", "glo")):
            raise ForensicsError(
                f"{self.folder}: the loss is no longer finite at {self.nimg / 1000:.1f} kimg; "
                f"start a new folder with --resume {self.folder}/network-*.safetensors (the last one) "
                "and a lower --lr or a higher --gamma"
            )

    def _real_images(self) -> LabelledImages:
        """This rank's share of the next batch, as the discriminator is to see it."""
        indices, mirrored = self.sampler.draw(self.nimg, self.options.batch)
        return self.batches.real(indices, mirrored, self.schedule.stage)

    def _fake_labels(self, n: int, use: int) -> Tensor | None:
        return self.batches.fake_labels(n, self.iteration, use)

    def _reconstruction_phase(self) -> dict[str, float]:
        """The generator learns from codes of photographs alone; no discriminator is asked, and none has a number."""
        apart = self.steps.reconstruction_step(self.options.batch)
        self._apply(self.opt_G)
        return {"glo": apart}

    def _generator_phase(self) -> dict[str, float]:
        o, lazy = self.options, self.schedule.now.regularisation
        for parameter in self._critics:
            parameter.requires_grad_(False)
        numbers = self.steps.generator_step(
            o.batch, self._fake_labels(o.batch, 0),
            track_w_avg=o.sampling.w_avg_beta if self.G.tracks_w_avg else None,
            distances=self.iteration % DISTANCE_INTERVAL == 0,
        )  # fmt: skip
        self._apply(self.opt_G)
        if lazy.pl_weight and self.iteration % lazy.g_reg_interval == 0:
            n = max(o.batch // _PATH_LENGTH_SHARE, self.ranks.size)
            weight = Lazy(lazy.pl_weight, lazy.g_reg_interval)
            numbers |= self.steps.path_length_step(n, weight, self._fake_labels(n, 1))
            self._apply(self.opt_G)
        for parameter in self._critics:
            parameter.requires_grad_(True)
        return numbers

    def _discriminator_phase(self, real: LabelledImages) -> dict[str, float]:
        o, lazy = self.options, self.schedule.now.regularisation
        track_magnitudes(self.G, o, True)
        step, numbers = self.steps.discriminator_step(real, o.batch, self._fake_labels(o.batch, 2))
        track_magnitudes(self.G, o, False)
        self.ada.observe(step.real)
        if self.ranks.size > 1:
            self.ada.sign_sum = float(self.ranks.mean(torch.tensor(self.ada.sign_sum, device=self.device)))
        self._apply(self.opt_D)
        if self.opt_P:
            self._apply(self.opt_P)
        if self.steps.adversarial.takes_r1 and self.iteration % lazy.d_reg_interval == 0:
            numbers |= self.steps.r1_step(real, Lazy(lazy.r1_gamma, lazy.d_reg_interval))
            self._apply(self.opt_D)
        return numbers

    def _apply(self, optimiser: torch.optim.Optimizer) -> None:
        """Average over the ranks, clean non-finite gradients, step, clear."""
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        self.ranks.average_gradients(parameters)
        for parameter in parameters:
            if parameter.grad is not None:
                torch.nan_to_num(parameter.grad, nan=0.0, posinf=1e5, neginf=-1e5, out=parameter.grad)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    # -- over a kill -----------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the state that `resume` reads."""
        facts = state.Facts(
            self.iteration, self.nimg, self.options.to_json(), self.images.sha256,
            (self.ada.sign_sum, self.ada.sign_count), self.seconds,
        )  # fmt: skip
        tensors = {"pl_mean": self.steps.path_length.mean} | self._parts().tensors()
        state.save(self.folder / STATE_FILE, state.Snapshot(tensors, facts))

    def resume(self) -> bool:
        """Take up the state in the folder, if there is one. Changed options or data are a `ForensicsError`."""
        path = self.folder / STATE_FILE
        if not path.is_file():
            return False
        snapshot = state.load(path)
        changed = differences(snapshot.facts.options, self.options)
        if changed:
            raise ForensicsError(f"{path}: made with other options ({'; '.join(changed)}); use a new folder")
        if snapshot.facts.data_sha256 != self.images.sha256:
            raise ForensicsError(f"{path}: the training images have changed since; use a new folder")
        try:
            self._restore(snapshot)
        except (KeyError, ValueError, TypeError, IndexError, CheckpointError) as error:
            raise CheckpointError(
                f"{path}: not a whole training state ({error}); remove it to start over"
            ) from error
        return True

    def _restore(self, snapshot: state.Snapshot) -> None:
        self._parts().restore(snapshot.tensors)
        self.steps.path_length.mean.copy_(snapshot.tensors["pl_mean"])
        facts = snapshot.facts
        self.iteration, self.nimg, self.seconds = facts.iteration, facts.nimg, facts.seconds
        self.ada.sign_sum, self.ada.sign_count = facts.ada
        self.schedule.resume(self.nimg)

    def _parts(self) -> state.Parts:
        modules: list[tuple[str, nn.Module]] = [
            ("G", self.G), ("D", self.D), ("G_ema", self.G_ema), ("augment_pipe", self.pipe), *self.terms.modules(),
        ]  # fmt: skip
        optimisers: list[tuple[str, torch.optim.Optimizer]] = [("opt_G", self.opt_G), ("opt_D", self.opt_D)]
        return state.Parts(modules, [*optimisers, ("opt_P", self.opt_P)] if self.opt_P else optimisers)
