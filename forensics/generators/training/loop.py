"""The training loop: alternate generator and discriminator steps, watch, snapshot, resume.

Every iteration seeds its own random stream from (seed, iteration), and the data order is a function of the seed:
a run that was killed and resumed ends with the same bytes as one that was not.
Source of the schedule: Karras et al. (NeurIPS 2020), appendix C.
"""

from __future__ import annotations

import copy
import csv
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from forensics.errors import ForensicsError
from forensics.files import replacing, write_bytes, write_json
from forensics.generators.base import latent_z
from forensics.generators.checkpoints import NetworkState, write_native
from forensics.generators.stylegan2 import StyleGAN2Generator
from forensics.generators.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.training import state
from forensics.generators.training.augment import PIPELINES, AdaController, AugmentPipe
from forensics.generators.training.data import Sampler, TrainingImages
from forensics.generators.training.losses import StyleGAN2Loss
from forensics.generators.training.options import TrainingOptions, differences
from forensics.images import contact_sheet, encode_png
from forensics.terminal import Meter

STATE_FILE = "training-state.safetensors"
COLUMNS = ["kimg", "loss_G", "loss_D", "D_real", "D_fake", "r1", "augment_p", "img_per_s", "outside_share"]
_GRID = (10, 6)  # columns, rows of the sample sheet


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
        self.seconds, self.outside_seconds = 0.0, 0.0

    # -- one iteration ---------------------------------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """One generator and one discriminator step, with the lazy regularisers at their intervals."""
        o = self.options
        started = time.perf_counter()
        torch.manual_seed(int(np.random.SeedSequence([o.seed, self.iteration]).generate_state(1)[0]))
        real = self.images.batch(*self.sampler.draw(self.nimg, o.batch)).to(self.device)
        outside = time.perf_counter() - started
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
                "resume from the last snapshot with a lower --lr or a higher --gamma"
            )
        self.seconds += time.perf_counter() - started
        self.outside_seconds += outside
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
        changed = differences(snapshot.facts["options"], self.options)
        if changed:
            raise ForensicsError(f"{path}: made with other options ({'; '.join(changed)}); use a new folder")
        if snapshot.facts["data_sha256"] != self.images.sha256:
            raise ForensicsError(f"{path}: the training images have changed since; use a new folder")
        for name, module in self._modules():
            state.restore_module(name, module, snapshot.tensors)
        state.restore_optimiser("opt_G", self.opt_G, snapshot.tensors)
        state.restore_optimiser("opt_D", self.opt_D, snapshot.tensors)
        self.loss.pl_mean.copy_(snapshot.tensors["pl_mean"])
        self.iteration, self.nimg = snapshot.facts["iteration"], snapshot.facts["nimg"]
        self.ada.sign_sum, self.ada.sign_count = snapshot.facts["ada"]
        self.seconds = snapshot.facts["seconds"]
        return True

    def _modules(self) -> list[tuple[str, nn.Module]]:
        return [("G", self.G), ("D", self.D), ("G_ema", self.G_ema), ("augment_pipe", self.pipe)]

    # -- what a person looks at ------------------------------------------------------------------------------

    def write_network(self) -> Path:
        """G_ema and D as this project's weights file (float16), named by kimg."""
        path = self.folder / f"network-{self.nimg // 1000:06d}.safetensors"
        networks = {
            "G_ema": NetworkState("stylegan2", self.options.generator_config(), self.G_ema.state_dict()),
            "D": NetworkState(
                "stylegan2-discriminator", self.options.discriminator_config(), self.D.state_dict()
            ),
        }
        card = {
            "kimg": self.nimg / 1000,
            "augment_p": float(self.pipe.p),
            "options": self.options.as_json(),
            "data_sha256": self.images.sha256,
            "n_images": len(self.images),
        }
        write_native(path, networks, card, storage=torch.float16)
        return path

    @torch.no_grad()
    def write_samples(self) -> None:
        """A sheet of G_ema's images for fixed latents at psi 1."""
        columns, rows = _GRID
        z = latent_z(self.options.z_dim, 0, range(columns * rows)).to(self.device)
        images = self.G_ema.to_uint8(self.G_ema.synthesize(self.G_ema.map(z)))
        sheet = contact_sheet(list(images), columns)
        write_bytes(self.folder / f"samples-{self.nimg // 1000:06d}.png", encode_png(sheet))


class _Log:
    """training.csv: one row a tick, rows past the resumed point cut off."""

    def __init__(self, path: Path, kimg: float) -> None:
        self.path, self.sums, self.count = path, dict.fromkeys(COLUMNS, 0.0), 0
        self.rows: list[dict[str, Any]] = []
        self.r1 = 0.0
        if path.is_file():
            with path.open(newline="") as stream:
                self.rows = [row for row in csv.DictReader(stream) if float(row["kimg"]) <= kimg + 1e-9]

    def add(self, numbers: dict[str, float]) -> None:
        """Take in one iteration."""
        self.r1 = numbers.get("r1", self.r1)
        for name in ("loss_G", "loss_D", "D_real", "D_fake"):
            self.sums[name] += numbers[name]
        self.count += 1

    def write(self, trainer: Trainer, rate: float, outside: float) -> dict[str, Any]:
        """Close the tick and rewrite the file."""
        row: dict[str, Any] = {k: round(self.sums[k] / max(self.count, 1), 5) for k in COLUMNS[1:5]}
        row |= {
            "kimg": trainer.nimg / 1000,
            "r1": round(self.r1, 5),
            "augment_p": round(float(trainer.pipe.p), 4),
        }
        row |= {"img_per_s": round(rate, 2), "outside_share": round(outside, 4)}
        self.rows.append(row)
        with replacing(self.path) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        self.sums, self.count = dict.fromkeys(COLUMNS, 0.0), 0
        return row


def train(trainer: Trainer, *, kimg: float, snap_kimg: float, meter: Meter) -> dict[str, Any]:
    """Train until `kimg`, with a state, a log row and samples every `snap_kimg`. Returns the last log row."""
    o = trainer.options
    log = _Log(trainer.folder / "training.csv", trainer.nimg / 1000)
    write_json(
        trainer.folder / "training-options.json", {**o.as_json(), "data_sha256": trainer.images.sha256}
    )
    row: dict[str, Any] = log.rows[-1] if log.rows else {}
    tick = _Tick(trainer)
    next_snap = trainer.nimg + snap_kimg * 1000
    while trainer.nimg < kimg * 1000:
        numbers = trainer.step()
        log.add(numbers)
        meter.advance(
            o.batch, f"G {numbers['loss_G']:.2f} D {numbers['loss_D']:.2f} p {numbers['augment_p']:.2f}"
        )
        if trainer.nimg >= min(next_snap, kimg * 1000):
            next_snap += snap_kimg * 1000
            trainer.save()
            row = log.write(trainer, *tick.close())
            trainer.write_samples()
            trainer.write_network()
    return row


class _Tick:
    """Images a second and the share of time outside the networks since the last tick."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self._start()

    def _start(self) -> None:
        self.nimg, self.clock = self.trainer.nimg, time.perf_counter()
        self.seconds, self.outside = self.trainer.seconds, self.trainer.outside_seconds

    def close(self) -> tuple[float, float]:
        """(img/s, share) of the tick, and begin the next."""
        elapsed = max(time.perf_counter() - self.clock, 1e-9)
        networks = (self.trainer.seconds - self.seconds) - (self.trainer.outside_seconds - self.outside)
        result = (self.trainer.nimg - self.nimg) / elapsed, max(1 - networks / elapsed, 0.0)
        self._start()
        return result
