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
from torch import Tensor, nn

from forensics.errors import CheckpointError, ForensicsError
from forensics.generators.stylegan2 import StyleGAN2Generator
from forensics.generators.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.training import state
from forensics.generators.training.augment import PIPELINES, AdaController, AugmentPipe
from forensics.generators.training.data import Sampler, TrainingImages
from forensics.generators.training.losses import StyleGAN2Loss
from forensics.generators.training.options import TrainingOptions, differences

STATE_FILE = "training-state.safetensors"


def lazy_adam(module: nn.Module, lr: float, interval: int | None) -> torch.optim.Adam:
    """Adam (0, 0.99) with the lazy regularisation correction: k + 1 steps where k were meant."""
    ratio = 1.0 if interval is None else interval / (interval + 1)
    betas = (0.0**ratio, 0.99**ratio)
    return torch.optim.Adam(module.parameters(), lr=lr * ratio, betas=betas, eps=1e-8, fused=True)


class Trainer:
    """One run: networks, optimisers, counters. `step` does an iteration; `save` and `resume` carry it over a kill."""

    def __init__(
        self, options: TrainingOptions, images: TrainingImages, folder: Path, device: torch.device
    ) -> None:
        self.options, self.images, self.folder, self.device = options, images, folder, device
        torch.manual_seed(options.seed)
        fmt = torch.channels_last
        self.G = StyleGAN2Generator(**options.generator_config()).to(device).to(memory_format=fmt)
        self.D = StyleGAN2Discriminator(**options.discriminator_config()).to(device).to(memory_format=fmt)
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.pipe = AugmentPipe(PIPELINES[options.augment]).to(device)
        self.ada = AdaController(self.pipe, options.ada_target, options.ada_interval, options.ada_kimg)
        self.loss = StyleGAN2Loss(self.G, self.D, self.pipe, mixing_prob=options.style_mixing_prob)
        self.opt_G = lazy_adam(self.G, options.lr_g, options.g_reg_interval if options.pl_weight else None)
        self.opt_D = lazy_adam(self.D, options.lr_d, options.d_reg_interval)
        self.sampler = Sampler(len(images), options.seed, mirror=options.mirror)
        self.iteration = 0
        self.nimg = 0
        self.seconds, self.networks_seconds = 0.0, 0.0

    # -- one iteration ---------------------------------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """One generator and one discriminator step, with the lazy regularisers at their intervals."""
        o = self.options
        started = time.perf_counter()
        torch.manual_seed(int(np.random.SeedSequence([o.seed, self.iteration]).generate_state(1)[0]))
        real = self.images.batch(*self.sampler.draw(self.nimg, o.batch)).to(self.device)
        prepared = time.perf_counter()
        numbers = self._generator_phase()
        numbers |= self._discriminator_phase(real)
        self._average()
        self.iteration += 1
        self.nimg += o.batch
        self.ada.update(self.iteration, o.batch)
        numbers["augment_p"] = float(self.pipe.p)
        if not math.isfinite(numbers["loss_G"]) or not math.isfinite(numbers["loss_D"]):
            raise ForensicsError(
                f"{self.folder}: the loss is no longer finite at {self.nimg / 1000:.1f} kimg; "
                f"start a new folder with --resume {self.folder}/network-*.safetensors (the last one) "
                "and a lower --lr or a higher --gamma"
            )
        now = time.perf_counter()
        self.seconds += now - started
        self.networks_seconds += now - prepared
        return numbers

    def _generator_phase(self) -> dict[str, float]:
        o = self.options
        self.D.requires_grad_(False)
        numbers = self.loss.generator_step(o.batch, o.w_avg_beta)
        self._apply(self.opt_G)
        if o.pl_weight and self.iteration % o.g_reg_interval == 0:
            n = max(o.batch // o.pl_batch_shrink, 1)
            numbers |= self.loss.path_length_step(n, o.pl_weight, o.pl_decay, o.g_reg_interval)
            self._apply(self.opt_G)
        self.D.requires_grad_(True)
        return numbers

    def _discriminator_phase(self, real: Tensor) -> dict[str, float]:
        o = self.options
        numbers, real_logits = self.loss.discriminator_step(real)
        self.ada.observe(real_logits)
        self._apply(self.opt_D)
        if self.iteration % o.d_reg_interval == 0:
            numbers |= self.loss.r1_step(real, o.r1_gamma, o.d_reg_interval)
            self._apply(self.opt_D)
        return numbers

    @staticmethod
    def _apply(optimiser: torch.optim.Optimizer) -> None:
        """Clean non-finite gradients, step, clear."""
        for group in optimiser.param_groups:
            for parameter in group["params"]:
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
        beta = 0.5 ** (o.batch / max(half_life, 1e-8))
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
        tensors |= state.optimiser_tensors("opt_G", self.opt_G)
        tensors |= state.optimiser_tensors("opt_D", self.opt_D)
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
        state.restore_optimiser("opt_G", self.opt_G, snapshot.tensors)
        state.restore_optimiser("opt_D", self.opt_D, snapshot.tensors)
        self.loss.pl_mean.copy_(snapshot.tensors["pl_mean"])
        facts = snapshot.facts
        self.iteration, self.nimg, self.seconds = facts["iteration"], facts["nimg"], facts["seconds"]
        self.ada.sign_sum, self.ada.sign_count = facts["ada"]

    def _modules(self) -> list[tuple[str, nn.Module]]:
        return [("G", self.G), ("D", self.D), ("G_ema", self.G_ema), ("augment_pipe", self.pipe)]
