"""Fine-tuning of the network detectors: balanced batches, running average of the weights, resumable at any step.

Step s of a run depends on (seed, s) and the state before it only, so a run that was killed and taken up again from its
last checkpoint gives the same weights as one that was not.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to
from torch import Tensor
from torch.nn import functional

from forensics.backbones.inputs import as_tensor
from forensics.core.devices import uses_bfloat16
from forensics.core.differences import differences, in_a_line
from forensics.core.errors import DetectorError
from forensics.core.files import sha256_bytes, write_bytes
from forensics.core.untrusted import MAX_STATE_BYTES, parse_json, read_untrusted
from forensics.corpus.pools.pool import Pool
from forensics.detectors.networks.local_logits import LocalLogits
from forensics.detectors.networks.schedule import Schedule

_CHECKPOINT_EVERY_S: Final = 60.0


@dataclass(frozen=True)
class TrainingRun:
    """What a run is: its schedule and seed, the folder its checkpoint lies in, and the device it computes on."""

    schedule: Schedule
    seed: int
    work: Path
    device: str = "cpu"


class Trainer:
    """One run on a pool. `prepare` makes the network's input of uint8 [n, 3, h, w].

    DetectorError where another run's checkpoint lies in the folder of this one.
    """

    def __init__(
        self,
        network: LocalLogits,
        prepare: Callable[[Tensor], Tensor],
        pool: Pool,
        run: TrainingRun,
    ) -> None:
        self.schedule, self.seed, self.device = run.schedule, run.seed, run.device
        schedule = run.schedule
        self.network = network.to(memory_format=torch.channels_last).to(run.device)
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.prepare, self.pool = prepare, pool
        self.steps = schedule.steps(len(pool))
        self.optimizer = torch.optim.AdamW(network.parameters(), weight_decay=schedule.weight_decay)
        self.step, self.loss = 0, math.log(2.0)
        self.checkpoint = run.work / "checkpoint.safetensors"
        self.how = {
            "schedule": json.loads(json.dumps(asdict(schedule))),
            "seed": run.seed,
            "pool": pool.fingerprint(),
            "network": sha256_bytes(
                repr([(k, tuple(v.shape)) for k, v in network.state_dict().items()]).encode()
            ),
        }
        self._chances = {size: _chances(pool, size) for size in set(schedule.crops_px)}

    def run(self, advance: Callable[[int, str], None] = lambda n, status: None) -> LocalLogits:
        """Train to the end, from the checkpoint where there is one; the averaged network."""
        self._resume()
        advance(self.step, "")
        saved = time.monotonic()
        while self.step < self.steps:
            self._one_step()
            advance(1, f"loss {self.loss:.3f}")
            if time.monotonic() - saved > _CHECKPOINT_EVERY_S:
                self.save()
                saved = time.monotonic()
        self.save()
        return self.average.eval()

    def _one_step(self) -> None:
        rng = np.random.default_rng([self.seed, self.step])
        torch.manual_seed(int(rng.integers(2**31)))
        pixels, labels = self._batch(rng)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.step, self.steps)
        x = self.prepare(as_tensor(pixels).to(self.device))
        y = torch.from_numpy(labels).to(self.device, torch.float32)
        smooth = self.schedule.label_smoothing
        self.network.train()
        with torch.autocast(
            torch.device(self.device).type, torch.bfloat16, enabled=uses_bfloat16(self.device)
        ):
            logits = self.network(x)
        loss = functional.binary_cross_entropy_with_logits(logits, y * (1 - 2 * smooth) + smooth)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        self.loss += 0.05 * (loss.item() - self.loss)
        self._update_average()

    def _update_average(self) -> None:
        decay = min(self.schedule.average_decay, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
            for old, new in zip(self.average.buffers(), self.network.buffers(), strict=True):
                if old.is_floating_point():
                    old.lerp_(new, 1 - decay)
                else:
                    old.copy_(new)

    def _batch(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Half authentic, half synthetic; views uint8 [n, crop, crop, 3] and labels [n]."""
        sizes = self.schedule.crops_px
        crop = int(sizes[int(rng.integers(len(sizes)))])
        shrink_p = self.schedule.shrink_p if crop == min(sizes) else 0.0
        half = self.schedule.batch // 2
        picks = [rng.choice(len(self.pool), half, p=chances) for chances in self._chances[crop]]
        rows = np.concatenate(picks)
        view = self.schedule.augmentation.view
        return np.stack([view(self.pool.images[i], rng, crop, shrink_p) for i in rows]), self.pool.labels[
            rows
        ]

    def save(self) -> None:
        """Write the checkpoint: both networks, the optimiser's moments, the step."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
        header = {
            "how": json.dumps(self.how, sort_keys=True),
            "step": str(self.step),
            "loss": repr(self.loss),
        }
        packed = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        write_bytes(self.checkpoint, tensors_to(packed, metadata=header))

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        data = read_untrusted(self.checkpoint, MAX_STATE_BYTES, DetectorError).data
        try:
            tensors = tensors_from(data)
            header = parse_json(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
            how, step, loss = parse_json(header["how"]), int(header["step"]), float(header["loss"])
        except (SafetensorError, ValueError, KeyError) as error:
            raise DetectorError(
                f"{self.checkpoint}: is damaged; remove it to train from the start"
            ) from error
        if differing := differences(how, self.how):
            raise DetectorError(
                f"{self.checkpoint}: belongs to a run made with other options ({in_a_line(differing)}); "
                "remove it, or choose another --work"
            )
        self._adopt(tensors)
        self.step, self.loss = step, loss

    def _adopt(self, tensors: dict[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
        for key, value in tensors.items():
            part, _, name = key.partition(".")
            parts[part][name] = value
        self.network.load_state_dict(parts["network"])
        self.average.load_state_dict(parts["average"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in parts["optimizer"].items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})


def _chances(pool: Pool, crop_px: int) -> list[NDArray[np.float64]]:
    """For authentic, then synthetic: the chance [n] of each image. Sources count by the square root of their size,
    times the weight of their images; images smaller than the crop are left out."""
    fits = np.array([min(image.shape[:2]) >= crop_px for image in pool.images])
    by_label = []
    for label in (0, 1):
        chances = np.zeros(len(pool))
        for source in set(pool.sources):
            rows = fits & (pool.labels == label) & (np.array(pool.sources) == source)
            if rows.any():
                chances[rows] = rows.sum() ** -0.5 * pool.weights()[rows]
        if not chances.any():
            kind = ("authentic", "synthetic")[label]
            raise DetectorError(
                f"no {kind} image is at least {crop_px} px on its shorter side: nothing to train on"
            )
        by_label.append(chances / chances.sum())
    return by_label
