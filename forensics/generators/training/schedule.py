"""What changes while a run goes on: phases, growing, blur and warm-up, each a function of the images shown so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from forensics.generators.base import Generator
from forensics.generators.training.growing import stage_at
from forensics.generators.training.optimisers import Rates
from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.psi import move_psi
from forensics.generators.training.steps import GradientSteps


@dataclass(frozen=True)
class Networks:
    """The networks of a run that the schedule changes."""

    generator: Generator
    averaged: Generator
    discriminator: nn.Module


class Schedule:
    """Where a run is: `phase` and its options `now`, and the `stage` of growing (None: it does not grow)."""

    def __init__(
        self,
        options: TrainingOptions,
        networks: Networks,
        steps: GradientSteps,
        optimisers: Sequence[torch.optim.Optimizer],
    ) -> None:
        self.options, self.networks, self.steps, self.optimisers = options, networks, steps, optimisers
        self.rates_g, self.rates_d = (Rates(optimiser) for optimiser in optimisers)
        self.phase, self.now = -1, options
        self.stage: tuple[int, float] | None = None
        if options.growing.start_resolution:
            self._set_stage(0)

    def begin(self, nimg: int) -> None:
        """Set everything for the iteration that begins after `nimg` images."""
        self._set_phase(nimg)
        if self.options.growing.start_resolution:
            self._set_stage(nimg)
        sigma, kimg = self.options.images.blur_sigma, self.options.images.blur_kimg
        if sigma:
            self.steps.blur_sigma = max(1 - nimg / (kimg * 1000), 0) * sigma

    def resume(self, nimg: int) -> None:
        """Be where the last iteration was, before a run of `nimg` images moved on: what begins now is yet to begin."""
        last = nimg - self.options.batch
        if self.stage is not None:
            self.stage = stage_at(self.options, last)
        self._follow(self.options.phase_at(last))

    def warm_up(self, nimg: int) -> None:
        """Set the generator's learning rates for this iteration: Adam's first steps, and what fresh discriminators
        say, would spoil a generator that begins with trained weights."""
        o = self.options
        if o.optimiser.warmup_kimg:
            share = min((nimg / 1000 - o.losses.glo_kimg) / o.optimiser.warmup_kimg, 1.0)
            self.rates_g.set(share * (self.now.optimiser.lr_g / o.optimiser.lr_g))

    def _set_phase(self, nimg: int) -> None:
        """Enter the phase of this moment, and move psi as every phase that begins here has it."""
        place = self.options.phase_at(nimg)
        for phase in self.options.phases[self.phase + 1 : place + 1]:
            if phase.psi_1_was != 1:
                move_psi(self.networks.generator, phase.psi_1_was)
                move_psi(self.networks.averaged, phase.psi_1_was)
        if place != self.phase:
            self._follow(place)

    def _follow(self, place: int) -> None:
        """Rates and weights of the phase at `place`."""
        self.phase, self.now = place, self.options.in_phase(place)
        self.steps.losses, self.steps.sampling = self.now.losses, self.now.sampling
        self.rates_g.set(self.now.optimiser.lr_g / self.options.optimiser.lr_g)
        self.rates_d.set(self.now.optimiser.lr_d / self.options.optimiser.lr_d)

    def _set_stage(self, nimg: int) -> None:
        """Grow the networks to where the schedule has them; Adam forgets when a block is added."""
        stage = stage_at(self.options, nimg)
        if stage == self.stage:
            return
        if self.stage is not None and stage[0] != self.stage[0]:
            for optimiser in self.optimisers:
                optimiser.state.clear()
        self.stage = stage
        networks = self.networks
        for network in (networks.generator, networks.averaged, networks.discriminator):
            network.set_stage(*stage)  # type: ignore[operator]
