"""The two Adam optimisers of a run, and which of the discriminator's layers they leave alone."""

from __future__ import annotations

import torch
from torch import nn

from forensics.core.errors import ForensicsError
from forensics.generators.training.options import TrainingOptions

_BETA2 = 0.99
_PROJECTED_RATE = 0.002
Group = dict[str, object]  # of parameters, as torch's optimisers take them


def lazy_adam(
    parameters: nn.Module | list[Group], lr: float, interval: int | None, beta1: float = 0.0
) -> torch.optim.Adam:
    """Adam (beta1, 0.99) with the lazy regularisation correction: k + 1 steps where k were meant."""
    ratio = 1.0 if interval is None else interval / (interval + 1)
    groups = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
    return torch.optim.Adam(groups, lr=lr * ratio, betas=(beta1**ratio, _BETA2**ratio), eps=1e-8, fused=True)


def generator_optimiser(generator: nn.Module, options: TrainingOptions) -> torch.optim.Adam:
    """Adam for the generator, its mapping and constant at their own rate where the options give one."""
    o, lazy = options.optimiser, options.regularisation
    interval = lazy.g_reg_interval if options.ever("pl_weight") and o.lazy_correction else None
    if not o.lr_mapping:
        return lazy_adam(generator, o.lr_g, interval, o.beta1_g)
    slow: list[nn.Parameter] = []
    fast: list[nn.Parameter] = []
    for name, parameter in generator.named_parameters():
        (slow if name.startswith("mapping.") or name.endswith("const") else fast).append(parameter)
    groups: list[Group] = [{"params": fast}, {"params": slow, "lr": o.lr_mapping}]
    return lazy_adam(groups, o.lr_g, interval, o.beta1_g)


def discriminator_optimiser(discriminator: nn.Module, options: TrainingOptions) -> torch.optim.Adam:
    """Adam for the discriminator."""
    interval = options.regularisation.d_reg_interval
    lazy = options.optimiser.lazy_correction and interval > 1
    return lazy_adam(discriminator, options.optimiser.lr_d, interval if lazy else None)


def projected_optimiser(projected: nn.Module) -> torch.optim.Adam:
    """Adam for what is trained of the projected discriminator."""
    trained = [p for p in projected.parameters() if p.requires_grad]
    return lazy_adam([{"params": trained}], _PROJECTED_RATE, None)


class Rates:
    """The learning rates that an optimiser began with, and may have a share of."""

    def __init__(self, optimiser: torch.optim.Optimizer) -> None:
        self.optimiser = optimiser
        self.full = [float(group["lr"]) for group in optimiser.param_groups]

    def set(self, share: float) -> None:
        """Learning rates at `share` of what they were."""
        for group, full in zip(self.optimiser.param_groups, self.full, strict=True):
            group["lr"] = share * full


def freeze_layers(discriminator: nn.Module, count: int) -> list[str]:
    """Fix the `count` layers of a StyleGAN2 discriminator nearest the image; returns their names.

    Layers are counted as "Freeze the Discriminator" (Mo et al., 2020) does in NVIDIA's code: fromrgb, conv0, conv1,
    skip of each block, from the largest resolution inwards. Raises `ForensicsError` where there are not so many.
    """
    if not count:
        return []
    names = [
        f"{block}.{layer}"
        for block, module in discriminator.named_children()
        for layer in ("fromrgb", "conv0", "conv1", "skip")
        if hasattr(module, layer)
    ]
    if count > len(names):
        raise ForensicsError(f"cannot freeze {count} layers of a discriminator that has {len(names)}")
    for name in names[:count]:
        discriminator.get_submodule(name).requires_grad_(False)
    return names[:count]
