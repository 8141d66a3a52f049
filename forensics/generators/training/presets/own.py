"""What made the embedded generators `own-64` and `own-128`: the run that ended in them, and what it began with.

The last runs are here phase by phase, as they went. Before them lie some 249 kimg of runs that were steered by hand; of
those the first two are here, and one recipe (`stylegan2-128-glo`) stands for the rest. Weights of losses were set by
the sizes of their gradients (`python -m tools.gradients`): with glo at 8 instead of 1 identity outweighed the
adversarial loss three times, and sharpness suffered.
"""

from __future__ import annotations

from forensics.generators.training.options import Phase
from forensics.generators.training.presets.preset import Ending, Expected, Preset, Run, Start
from forensics.generators.training.presets.small import AT_64, AT_128

_TERMS = {
    "projected_side": 128,
    "vision_aided": True,
    "matching_weight": 1.0,
    "identity_networks": "dlib+mobile",
}
_CODES = {"glo_weight": 1.0, "glo_identity_weight": 6.0, "glo_batch": 16}
_SHARED = {**_TERMS, **_CODES, "style_mixing_prob": 0.0, "lowest_psi": 0.6, "warmup_kimg": 0.5}
_FROM_CODES = {
    **_SHARED, "lr_g": 0.002, "lr_d": 0.002, "adversarial_weight": 0.3, "identity_weight": 16.0, "glo_kimg": 16.0,
}  # fmt: skip
# At four times this learning rate, with identity at 8 or 16 and less of both discriminators, they grew smooth and KID
# rose; at twice it KID fell, and came to rest.
_CONTINUED = {
    **_SHARED, "lr_g": 0.0005, "lr_d": 0.0005, "adversarial_weight": 0.4, "projected_weight": 0.4, "ema_kimg": 3.0,
    "ema_rampup": 0.0,
}  # fmt: skip
# With respect to the image the adversarial gradient is half as large at 128 px.
_GLO_128 = {"glo_weight": 0.8}

_SLOWER = {"lr_g": 0.001, "lr_d": 0.001, "ema_kimg": 3}
_SLOWEST = {"lr_g": 0.0005, "lr_d": 0.0005, "ema_kimg": 3}
_LAST_64 = AT_64.with_(
    **_SHARED, lr_g=0.002, lr_d=0.002, adversarial_weight=0.4, identity_weight=16.0, ema_kimg=5.0, ema_rampup=0.0,
    phases=(
        Phase(6, {"identity_weight": 4}),
        Phase(10, {"identity_weight": 4}, psi_1_was=0.88),
        Phase(12, _SLOWER | {"projected_weight": 0.25, "identity_weight": 4}),
        Phase(16, _SLOWER | {"projected_weight": 0.35, "identity_weight": 0}, psi_1_was=0.92),
        Phase(23, _SLOWEST | {"projected_weight": 0.35, "identity_weight": 0}, psi_1_was=0.94),
    ),
)  # fmt: skip
_NO_IDENTITY = {"adversarial_weight": 0.4, "projected_weight": 0.4, "identity_weight": 0}
_LAST_128 = AT_128.with_(
    **(_SHARED | _GLO_128), lr_g=0.002, lr_d=0.002, adversarial_weight=0.4, identity_weight=16.0, ema_kimg=5.0,
    ema_rampup=0.0,
    phases=(
        Phase(10, _SLOWER | {"adversarial_weight": 0.3, "projected_weight": 0.3, "identity_weight": 8}, psi_1_was=0.9),
        Phase(16, _SLOWER | _NO_IDENTITY),
        Phase(18, _SLOWER | _NO_IDENTITY, psi_1_was=0.92),
        Phase(20, _SLOWER | _NO_IDENTITY, psi_1_was=0.94),
        Phase(30, _SLOWEST | _NO_IDENTITY, psi_1_was=0.92),
    ),
)  # fmt: skip

_DATA = {
    "photographs": "faces256/train/real, faces256/val/real, wild128",
    "leave_out": "own-leave-out.txt, beside the presets",
    "n": "375 of 631",
}
_BEFORE = (
    Run(116, 64, "from scratch; a projected discriminator from 72 kimg on"),
    Run(36, 128, "begun with the 64-px weights"),
    Run(
        97,
        128,
        "eight runs at 64 and 128 px: 16 kimg of codes alone, then weights, data and means set by hand",
    ),
)
_BY_HAND = (
    "The phases are those that ran; kimg at which weights moved by hand are rounded to what was written down. The "
    "start is not met bit for bit: the runs before were steered by hand, with terms that are no longer here."
)
PRESETS = {
    "own-scratch-64": Preset(
        "The first run of the lineage: adversarial alone, then a projected discriminator beside it.",
        lambda *_: AT_64.with_(
            projected_side=128, projected_weight=0.0, phases=(Phase(72, {"projected_weight": 0.2}),)
        ),
        kimg=116, data={"photographs": _DATA["photographs"]},
        reproduces="The run as it was; then it was two, of which the second began with the state of the first.",
    ),
    "own-grown-128": Preset(
        "The second run: the 64-px weights at 128 px.", lambda *_: AT_128.with_(projected_side=128), kimg=36,
        start=Start("own-scratch-64"), data={"photographs": _DATA["photographs"]}, reproduces="The run as it was.",
    ),
    "stylegan2-64-glo": Preset(
        "Photographs first, as latent codes of their own; then the discriminators. For a few hundred photographs.",
        lambda *_: AT_64.with_(**_FROM_CODES), "Bojanowski et al., ICML 2018, arXiv:1707.05776", data=_DATA,
    ),
    "stylegan2-128-glo": Preset(
        "The same at 128 px; it stands for the runs between the second and the last of the lineage.",
        lambda *_: AT_128.with_(**_FROM_CODES | _GLO_128), "Bojanowski et al., ICML 2018, arXiv:1707.05776", kimg=97,
        start=Start("own-grown-128"), data=_DATA,
        reproduces="Eight runs with other weights, and means of their states; not run in one go.",
    ),
    "stylegan2-64-continued": Preset(
        "How `own-64` ended, to go on from it.", lambda *_: AT_64.with_(**_CONTINUED), data=_DATA, snap_kimg=1,
    ),
    "stylegan2-128-continued": Preset(
        "How `own-128` ended, to go on from it.", lambda *_: AT_128.with_(**_CONTINUED | _GLO_128), data=_DATA,
        snap_kimg=1,
    ),
    "own-64": Preset(
        "The run that ended in the embedded generator of 64 px.", lambda *_: _LAST_64, kimg=27, snap_kimg=1,
        start=Start(
            "stylegan2-128-glo", "bae265a6e13acb3c04eda0f71ae4c1abf359c519406d8d786e7123fd0753d021",
            "the layers up to 64 px of forensics/weights/default/weights.safetensors in git c3b524b",
        ),
        ending=Ending(27, (24, 25, 26, 27), psi_1_was=0.92),
        expected=Expected(
            0.006863, 0.8327, 0.202, 375, "the 375 training photographs, 4 draws",
            "b718f009a6dc57f3b9b76f38e9caff31dfb1f3792260c32a7735fbde648e9979",
        ),
        lineage=_BEFORE, reproduces=_BY_HAND, data=_DATA,
    ),
    "own-128": Preset(
        "The run that ended in the embedded generator of 128 px.", lambda *_: _LAST_128, kimg=34, snap_kimg=1,
        start=Start(
            "stylegan2-128-glo", "f0657cc15e7f68e493da6b5d550e073e97248e5c9da9d0602685c1ce4c3c9e9f",
            "psi 1 at psi 0.85 of forensics/weights/default/weights.safetensors in git c3b524b, share 1, and the same "
            "file in git e757c44, share 0.15: their mean",
        ),
        ending=Ending(34, psi_1_was=0.93),
        expected=Expected(
            0.011229, 0.7707, 0.1553, 375, "the 375 training photographs, 4 draws",
            "f4559070237c9673cb794b994b92cf8d746d92c7a56e6cf81547ce8726d8fff5",
        ),
        lineage=_BEFORE, reproduces=_BY_HAND, data=_DATA,
    ),
}  # fmt: skip
