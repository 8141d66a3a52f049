"""The discriminator of any GAN as a detector: what it says of an image, calibrated.

Own and foreign weights: this project's safetensors, NVIDIA's .pkl (D), rosinality's .pt (d), SrcNet's .pt (D). A
discriminator was trained against one generator, on photographs of one size; of other generators' images it may say
anything, even the opposite, so its direction is taken from the training images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forensics.backbones.inputs import as_tensor, imagenet_input
from forensics.core.cards import Card
from forensics.core.errors import CheckpointError, DetectorError
from forensics.core.registry import register
from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Floats
from forensics.detectors.checked import Json, record, whole
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.training_views.views import with_equal_history
from forensics.images.views import Pixels, working_view

_SUFFIX: Final = "-discriminator"
_BATCH_PX: Final = 8 * 256 * 256  # pixels in a batch


@register(
    "detector",
    "discriminator",
    Card(
        "The discriminator of a GAN, from any weights file, with its direction taken from the training images.",
        paper="Goodfellow et al. 2014, arXiv 1406.2661",
        licence="Apache-2.0; the weights file has its own",
        domain="face photographs, at the discriminator's own resolution",
        defaults={"weights": None},
    ),
)
@dataclass
class DiscriminatorDetector(Detector):
    """raw = direction · logit, of the middle square of an image at the discriminator's resolution.

    `config`: `network` (kind), `options` (of its class), `direction` (-1 where higher logits mean authentic, as in
    training; else 1), `weights_file_sha256`. The weights themselves are part of the detector.
    """

    network: nn.Module = field(default_factory=nn.Identity)
    device: str = "cpu"

    kind: ClassVar[str] = "discriminator"

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """The discriminator in the weights file of the setting `weights`; of the pool only the direction is learned."""
        weights = options.settings.get("weights")
        pool = with_equal_history(pool, options.jpeg_before)
        if weights is None:
            raise DetectorError(
                "a discriminator is not trained here: name a weights file that holds one (--weights)"
            )
        config, state = _read(weights)
        detector = cls._built({**config, "direction": -1}, state)
        authentic, synthetic = (detector.raw_scores(_of(pool, label)) for label in (0, 1))
        if float(np.median(synthetic)) < float(np.median(authentic)):
            detector.config = {**detector.config, "direction": 1}
        return detector

    @classmethod
    def _built(cls, config: Json, state: Mapping[str, Tensor]) -> Self:
        from forensics.generators.architectures.layers.equalised import MinibatchStdLayer
        from forensics.generators.checkpoints import NetworkState, build

        kind, options, direction = (config.get(name) for name in ("network", "options", "direction"))
        if not isinstance(kind, str) or not kind.endswith(_SUFFIX) or not isinstance(options, dict):
            raise DetectorError(
                "a discriminator detector names its network and the network's options; train it again"
            )
        if direction not in (-1, 1):
            raise DetectorError(f"the direction of a discriminator detector is 1 or -1, not {direction!r}")
        try:
            network = build(NetworkState(kind, options, dict(state), source="the detector's weights"))
        except CheckpointError as error:
            raise DetectorError(str(error)) from error
        if network.img_channels != 3:
            raise DetectorError(f"this {kind} takes {network.img_channels} channels; images have 3")
        for module in network.modules():
            if isinstance(module, MinibatchStdLayer):
                module.group_size = 1  # each image is scored by itself, whatever it comes with
        return cls(config, network=network)

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] logits of any value, signed so that higher = more likely synthetic, of images uint8 [H, W, 3]."""
        resolution = int(self.network.img_resolution)  # type: ignore[arg-type]
        step = max(1, _BATCH_PX // resolution**2)
        logits = [np.zeros(0)]
        for start in range(0, len(images), step):
            views = np.stack([_square(image, resolution) for image in images[start : start + step]])
            logits.append(self._logits(views))
        scores: Floats = (1.0 if self.config["direction"] == 1 else -1.0) * np.concatenate(logits)
        return scores

    def _logits(self, views: NDArray[np.uint8]) -> Floats:
        x = as_tensor(views).to(self.device).float()
        x = imagenet_input(x) if self.config["network"] == "srcnet-discriminator" else x / 127.5 - 1
        c_dim = _c_dim(self.config)
        with torch.inference_mode():
            # With labels, of which an image has none: all of them in equal shares.
            labels = torch.full((len(x), c_dim), 1 / c_dim, device=self.device) if c_dim else None
            logits = self.network(x, labels)
        return np.asarray(logits[:, 0].double().cpu().numpy())

    def to(self, device: str) -> Self:
        """Score on `device` (cpu, cuda, cuda:1, mps) from now on."""
        self.network.to(device)
        self.device = device
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, all finite: the state of the network, float32 [d, …]."""
        state = self.network.state_dict()
        return {key: value.detach().cpu().contiguous().numpy() for key, value in state.items()}

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """A detector with exactly these arrays, all finite: those of `arrays`, float32 [d, …]."""
        return cls._built(config, {key: torch.from_numpy(value.copy()) for key, value in arrays.items()})


def _c_dim(config: Json) -> int:
    """How many labels the network was trained with; 0: none."""
    return whole({"c_dim": 0, **record(config.get("options"), "options")}, "c_dim", high=1 << 16)


def _read(path: str | Path) -> tuple[Json, dict[str, Tensor]]:
    """The configuration and the weights of the one discriminator in a file."""
    from forensics.generators.checkpoints import read_checkpoint

    checkpoint = read_checkpoint(path)
    discriminators = {name: net for name, net in checkpoint.networks.items() if net.kind.endswith(_SUFFIX)}
    if not discriminators:
        inside = ", ".join(f"{name} ({net.kind})" for name, net in checkpoint.networks.items())
        raise DetectorError(f"{path}: holds no discriminator, only {inside}; name a snapshot of the training")
    network = discriminators.get("D") or next(iter(discriminators.values()))
    config = {"network": network.kind, "options": network.config, "weights_file_sha256": checkpoint.sha256}
    return config, network.state


def _of(pool: Pool, label: int) -> list[Pixels]:
    return [image for image, y in zip(pool.images, pool.labels, strict=True) if y == label]


def _square(image: Pixels, resolution: int) -> Pixels:
    """The middle square of an image uint8 [H, W, 3], at `resolution`."""
    from forensics.images import resize

    view = working_view(image)
    height, width = view.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = view[top : top + side, left : left + side]
    return square if side == resolution else resize(square, (resolution, resolution))
