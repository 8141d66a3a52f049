"""Numbers no run can have, said in one line before anything is read."""

from __future__ import annotations

import math
from collections.abc import Iterator

from forensics.core.errors import ForensicsError
from forensics.generators.training.augmentation.pipelines import PIPELINES
from forensics.generators.training.options.phases import check_phases
from forensics.generators.training.options.records import TrainingOptions

# Networks that tell persons apart, and where the weights of each are in forensics/weights.
IDENTITY_NETWORKS = {"dlib": "descriptor", "mobile": "descriptor-mobile"}
ADVERSARIAL = ("non-saturating", "wgan-gp")
_ABOVE_0 = ("lr_g", "lr_d", "ema_kimg", "ada_kimg")
_FROM_1 = ("glo_batch", "d_reg_interval", "g_reg_interval")
_FROM_0 = (
    *("r1_gamma", "pl_weight", "seed", "freeze_d", "adversarial_weight", "style_mixing_prob"),
    *("matching_weight", "identity_weight", "projected_weight"),
    *("glo_weight", "glo_identity_weight", "glo_kimg", "warmup_kimg"),
)
# What no machine holds: said at once, where a run would fill the memory first.
_AT_MOST = {
    "batch": 8192, "glo_batch": 8192, "resolution": 2048, "channel_base": 1 << 17, "channel_max": 4096,
    "z_dim": 4096, "w_dim": 4096, "num_mapping_layers": 64,
}  # fmt: skip


def check(options: TrainingOptions) -> None:
    """Raise `ForensicsError` for numbers no run can have, at its beginning or in a phase."""
    check_phases(options.phases)
    for place in range(-1, len(options.phases)):
        now = options.in_phase(place)
        for complaint in (*_of_images(now), *_of_single_numbers(now), *_of_partners(now)):
            raise ForensicsError(complaint)


def _of_images(o: TrainingOptions) -> Iterator[str]:
    """What is wrong with sizes, batches and how images are changed."""
    augment, resolution, group = o.images.augment, o.network.resolution, o.network.mbstd_group_size
    if augment not in PIPELINES:
        yield f"no augmentation pipeline {augment!r}: choose one of {', '.join(PIPELINES)}"
    elif PIPELINES[augment].imgfilter > 0 and resolution < 32:
        yield f"augmentation {augment!r} filters over 43 pixels: it needs 32 px or more"
    if resolution < 8 or resolution & (resolution - 1):
        yield f"resolution {resolution} is not possible: a power of two from 8 up"
    if o.batch < 1:
        yield f"batch {o.batch} is not possible: give 1 or more"
    elif o.batch % min(group, o.batch):
        yield f"batch {o.batch} does not divide into groups of {group} (minibatch std)"
    side = o.losses.projected_side
    if side and (side < 128 or side % 32 or o.losses.adversarial != "non-saturating"):
        yield (
            f"projected_side {side} is not possible: 0, or with the non-saturating loss 128, 160, 192, ..."
        )


def _of_single_numbers(o: TrainingOptions) -> Iterator[str]:
    """What is out of its range."""
    for names, lowest, wanted in (
        (_ABOVE_0, math.ulp(0), "a number above 0"),  # ulp(0): the least of these
        (_FROM_1, 1, "1 or more"),
        (_FROM_0, 0, "0 or more"),
    ):
        for name in names:
            if float(str(o.value(name))) < lowest:
                yield f"{name} {o.value(name)} is not possible: give {wanted}"
    for name, highest in _AT_MOST.items():
        if int(str(o.value(name))) > highest:
            yield f"{name} {o.value(name)} is not possible: give {highest} or less"
    if not 0 <= o.sampling.lowest_psi <= 1:
        yield f"lowest_psi {o.sampling.lowest_psi} is not possible: give 0 to 1"
    if o.losses.adversarial not in ADVERSARIAL:
        yield f"no adversarial loss {o.losses.adversarial!r}: choose one of {', '.join(ADVERSARIAL)}"


def _of_partners(o: TrainingOptions) -> Iterator[str]:
    """What is asked for without that which it needs."""
    losses, classes = o.losses, o.network.c_dim
    if (losses.matching_weight or losses.glo_weight) and not losses.projected_side:
        yield (
            "matching_weight and glo_weight use the features of the projected discriminator: "
            "give projected_side"
        )
    if not set(losses.identity_networks.split("+")) <= IDENTITY_NETWORKS.keys():
        yield (
            f"no identity networks {losses.identity_networks!r}: {', '.join(IDENTITY_NETWORKS)}, "
            "or several with +"
        )
    if losses.vision_aided and not losses.projected_side:
        yield "vision_aided adds scales to the projected discriminator: give projected_side"
    if losses.glo_identity_weight and not losses.glo_weight:
        yield "glo_identity_weight compares persons in the reconstruction from codes: give glo_weight"
    if losses.glo_kimg and not losses.glo_weight:
        yield "glo_kimg needs codes to learn from: give glo_weight"
    if losses.glo_weight and classes:
        yield "glo_weight is for networks without classes: leave out --cond, or set it to 0"
    if classes and o.network.architecture not in ("stylegan2", "stylegan3"):
        yield f"{o.network.architecture} has no classes here: leave out --cond, or use stylegan2"
