"""A network that sees small patches only, scored on the 8 × 8 grid (after Chai et al. 2020, arXiv 2008.10588).

EfficientNet-Lite0 cut off behind one of its first blocks: each logit depends on 35 × 35 px (67 × 67 px with one block
more) around its cell of 8 × 8 px, and on nothing else. The image's score is the mean over the cells; the map of local
log10 LRs is what the network computes, not an interpretation of it. Global mistakes of a generator (unequal eyes, a
strange ear) are out of its reach.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar, Final

from torch import Tensor, nn

from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet
from forensics.backbones.inputs import lite_input
from forensics.core.cards import Card
from forensics.core.errors import DetectorError
from forensics.core.registry import register
from forensics.detectors.checked import Json
from forensics.detectors.networks.detector import NetworkDetector
from forensics.detectors.networks.local_logits import LocalLogits
from forensics.detectors.networks.schedule import Schedule
from forensics.detectors.training_views.augmentation import Augmentation

CELL_PX: Final = 8
RECEPTIVE_FIELD_PX: Final = {4: 35, 5: 67}  # blocks kept → width of what one logit depends on
DEFAULT_BLOCKS: Final = 4
_FEATURES: Final = 256
_SCHEDULE: Final = Schedule(
    epochs=30, learning_rate=1e-3, crops_px=(128, 128, 112), augmentation=Augmentation(history_p=0.7)
)


class PatchTrunk(nn.Module):
    """float32 [n, 3, h, w] → features [n, 256, ceil(h / 8), ceil(w / 8)]: the first blocks, then a 1 × 1 layer."""

    def __init__(self, whole: FoldedLite0, n_blocks: int) -> None:
        super().__init__()
        self.stem = whole.stem
        self.blocks = whole.blocks[:n_blocks]
        self.head = nn.Sequential(nn.Conv2d(40, _FEATURES, 1), nn.ReLU6())

    def forward(self, x: Tensor) -> Tensor:
        """Features float32 [n, 256, ceil(h / 8), ceil(w / 8)] in [0, 6] of images float32 [n, 3, h, w] in [-1, 1]."""
        features: Tensor = self.head(self.blocks(self.stem(x)))
        return features


@register(
    "detector",
    "patch",
    Card(
        "A network that sees 35 px at a time; the score is the mean over the places, the map what it computes.",
        paper="Chai et al. 2020, arXiv 2008.10588",
        licence="Apache-2.0; ImageNet weights Apache-2.0",
        defaults={"schedule": asdict(_SCHEDULE), "epochs": 30},
        small_version_of="patch-forensics (truncated Xception)",
    ),
)
@dataclass
class PatchDetector(NetworkDetector):
    """Logits of patches. `config["blocks"]`: how many blocks of EfficientNet-Lite0 are kept, 4 or 5."""

    kind: ClassVar[str] = "patch"
    schedule: ClassVar[Schedule] = _SCHEDULE

    @classmethod
    def build(cls, config: Json) -> LocalLogits:
        """The cut trunk and a linear classifier, untrained."""
        return _network(FoldedLite0(), config)

    @classmethod
    def starting_network(cls, config: Json) -> LocalLogits:
        """The network that training starts from: ImageNet weights in the blocks, an untrained head."""
        whole = FoldedLite0()
        whole.absorb(load_imagenet())
        return _network(whole, config)

    @staticmethod
    def prepare(x: Tensor) -> Tensor:
        """uint8 [n, 3, h, w] in [0, 255] → float32 of the same shape in [-1, 1], as the ImageNet weights were
        trained.
        """
        return lite_input(x)


def _network(whole: FoldedLite0, config: Json) -> LocalLogits:
    n_blocks = config.get("blocks", DEFAULT_BLOCKS)
    if not isinstance(n_blocks, int) or n_blocks not in RECEPTIVE_FIELD_PX:
        raise DetectorError(
            f"a patch network keeps {' or '.join(map(str, RECEPTIVE_FIELD_PX))} blocks, not {n_blocks!r}"
        )
    return LocalLogits(PatchTrunk(whole, n_blocks), _FEATURES)
