"""FID over Inception features, by torch-fidelity where it and its weights are installed. Nothing is downloaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import ImageSet, ImageSetMetric


@register(
    "metric",
    "fid",
    Card("Fréchet inception distance by torch-fidelity; left out where it or its Inception weights are not installed.",
         paper="Heusel et al. 2017, arXiv 1706.08500", licence="Apache-2.0; torch-fidelity's Inception: Apache-2.0",
         domain="two sets of images"),
)  # fmt: skip
class FID(ImageSetMetric):
    """From 0; lower is nearer."""

    def measure(self, real: ImageSet, fake: ImageSet) -> dict[str, float]:
        """Column `fid`, or none."""
        distance = inception_fid(real.pixels, fake.pixels, real.device)
        return {} if distance is None else {"fid": distance}


def inception_weights() -> Path | None:
    """torch-fidelity's Inception weights where it has put them, if it is installed."""
    if find_spec("torch_fidelity") is None:
        return None
    path = Path(torch.hub.get_dir()) / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    return path if path.is_file() else None


def inception_fid(real: NDArray[np.uint8], fake: NDArray[np.uint8], device: torch.device) -> float | None:
    """FID of images uint8 [n, h, w, 3] and [m, h, w, 3], or None where torch-fidelity or its weights are missing."""
    weights = inception_weights()
    if weights is None:
        return None
    import torch_fidelity

    measured = torch_fidelity.calculate_metrics(
        input1=_Uint8Images(fake),
        input2=_Uint8Images(real),
        fid=True,
        cuda=device.type == "cuda",
        verbose=False,
        feature_extractor_weights_path=str(weights),
    )
    return float(measured["frechet_inception_distance"])


class _Uint8Images(torch.utils.data.Dataset[torch.Tensor]):
    """uint8 [n, h, w, 3] as torch-fidelity wants images: one [3, h, w] at a time."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.pixels[index].transpose(2, 0, 1)))
