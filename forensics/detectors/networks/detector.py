"""Detectors that are a convolutional network with a logit at every place: score = mean logit, map = the logits.

The classifier is linear behind global average pooling, so pooling first or last is the same: the class activation map
(Zhou et al. 2016) is exact, and the mean of the evidence map is the image's log10 LR before its bounds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forensics.backbones.inputs import as_tensor
from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Floats
from forensics.detectors.checked import Json
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.description import expect_shapes
from forensics.detectors.networks.local_logits import LocalLogits
from forensics.detectors.networks.schedule import Schedule
from forensics.images.views import Pixels, working_view

_BATCH_PX: Final = 8 * 256 * 256  # pixels in a batch when scoring


@dataclass
class NetworkDetector(Detector):
    """A detector around `LocalLogits`; subclasses say which trunk and what the trunk wants as input."""

    network: LocalLogits = field(default_factory=lambda: LocalLogits(nn.Identity(), 3))
    device: str = "cpu"

    schedule: ClassVar[Schedule]
    fits_in_seconds: ClassVar[bool] = False

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """Trained from `starting_network`; resumes in `options.work`. Settings: `schedule`, and `epochs` of it."""
        from forensics.detectors.networks.trainer import Trainer, TrainingRun

        if options.work is None:
            raise DetectorError(
                f"a {cls.kind} detector is trained with a folder for its checkpoints; name one"
            )
        torch.manual_seed(options.seed)
        schedule = options.settings.get("schedule", cls.schedule)
        if (epochs := options.settings.get("epochs")) is not None:
            schedule = replace(schedule, epochs=epochs)
        run = TrainingRun(schedule, options.seed, options.work, options.device)
        trainer = Trainer(cls.starting_network({}), cls.prepare, pool, run)
        with options.progress(f"train {options.work.name}", trainer.steps) as meter:
            trained = cls({}, network=trainer.run(meter.advance))
        return cls.from_arrays({}, trained.arrays())  # with the weights as they will be read from disk

    @classmethod
    @abstractmethod
    def build(cls, config: Json) -> LocalLogits:
        """The network of a configuration, with untrained weights."""

    @classmethod
    def starting_network(cls, config: Json) -> LocalLogits:
        """The network that training starts from."""
        return cls.build(config)

    @staticmethod
    @abstractmethod
    def prepare(x: Tensor) -> Tensor:
        """uint8 [n, 3, h, w] in [0, 255] → the float32 input of the trunk, same n, h, w."""

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The network with exactly these arrays, finite: float16 [d, …] on disk, float32 in use."""
        network = cls.build(config)
        state = network.state_dict()
        expect_shapes(
            arrays, {key: tuple(value.shape) for key, value in state.items()}, f"{cls.kind} network"
        )
        network.load_state_dict(
            {key: torch.from_numpy(value.copy()).to(state[key].dtype) for key, value in arrays.items()}
        )
        return cls(config, network=network.eval().to(memory_format=torch.channels_last))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, all finite: the state of the network, float16 [d, …]."""
        state = {key: value.detach().cpu() for key, value in self.network.state_dict().items()}
        return {k: (v.half() if v.is_floating_point() else v).contiguous().numpy() for k, v in state.items()}

    def to(self, device: str) -> Self:
        """Score on `device` (cpu, cuda, cuda:1, mps) from now on."""
        self.network.to(device)
        self.device = device
        return self

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] mean logits, of any value, of images uint8 [H, W, 3]."""
        return np.array([places.mean(dtype=np.float64) for places in self.local_logits(images)], np.float64)

    def local_logits(self, images: Sequence[Pixels]) -> list[NDArray[np.float32]]:
        """float32 [h', w'] logits of any value, of each image uint8 [h, w, 3]; those of one size go through
        together.
        """
        views = [working_view(image) for image in images]
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, view in enumerate(views):
            groups.setdefault(view.shape, []).append(index)
        by_index: dict[int, NDArray[np.float32]] = {}
        for shape, members in groups.items():
            step = max(1, _BATCH_PX // (shape[0] * shape[1]))
            for start in range(0, len(members), step):
                chunk = members[start : start + step]
                logits = self._forward(np.stack([views[i] for i in chunk]))
                by_index.update(zip(chunk, logits, strict=True))
        return [by_index[i] for i in range(len(images))]

    def _forward(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            x = as_tensor(batch).to(self.device)
            logits = self.network.eval().local(self.prepare(x))
        return np.asarray(logits.cpu().numpy(), np.float32)

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h', w'] local log10 LR; its mean is the image's log10 LR before the bounds."""
        return self.calibrated.uncapped(self.local_logits([image])[0]).astype(np.float32)
