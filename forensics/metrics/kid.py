"""KID: squared maximum mean discrepancy between the features of two sets of images."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import ImageSet, ImageSetMetric

SUBSETS: Final = 50


@register(
    "metric",
    "kid",
    Card("Kernel inception distance: the unbiased squared MMD of image features with a cubic kernel, over subsets.",
         paper="Bińkowski et al. 2018, arXiv 1801.01401, section 4", domain="two sets of images",
         defaults={"subsets": SUBSETS}),
)  # fmt: skip
class KID(ImageSetMetric):
    """About 0 for equal distributions, and then as often below as above."""

    def measure(self, real: ImageSet, fake: ImageSet) -> dict[str, float]:
        """Columns `kid` and `kid_sd`, the mean and the standard deviation over subsets."""
        distance, deviation = kid(real.features, fake.features)
        return {"kid": distance, "kid_sd": deviation}


def kid(
    real: NDArray[np.floating], fake: NDArray[np.floating], subset: int | None = None, seed: int = 0
) -> tuple[float, float]:
    """Kernel inception distance of features [n, d] and [m, d]: mean and standard deviation over 50 random subsets.

    The unbiased estimate of the squared MMD with kernel (x.y / d + 1)^3; `subset` images of each side at a time (half
    of the smaller side by default).
    Features are float32, any value.
    """
    size = subset or max(min(len(real), len(fake)) // 2, 2)
    rng = np.random.default_rng(seed)
    distances = []
    for _ in range(SUBSETS):
        some_real = real[rng.choice(len(real), size, replace=False)]
        distances.append(_mmd2(some_real, fake[rng.choice(len(fake), size, replace=False)]))
    return float(np.mean(distances)), float(np.std(distances))


def _mmd2(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    n, m = len(x), len(y)
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def _kernel(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    cube: NDArray[np.float64] = (a.astype(np.float64) @ b.astype(np.float64).T / a.shape[1] + 1) ** 3
    return cube
