"""How large the terms of the generator's loss are, as gradients: what their weights should be set by.

`python -m tools.gradients RUN --data D` prints, for the state a run is in, the norm of each
weighted term's gradient with respect to the generator's weights. Adam makes up for a common factor, so that only the
ratios count: a term of a thirtieth of another's size does next to nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from forensics.core.devices import pick_device
from forensics.core.errors import ForensicsError
from forensics.core.terminal import print_line
from forensics.corpus.photographs.loading import load_images
from forensics.generators.training import state
from forensics.generators.training.losses.contract import LabelledImages
from forensics.generators.training.losses.energy_distance import EnergyDistance
from forensics.generators.training.options import read_options
from forensics.generators.training.trainer import STATE_FILE, Trainer

_DRAWS = 4


def gradient_sizes(trainer: Trainer, draws: int = _DRAWS) -> dict[str, float]:
    """Norm of the gradient of each term the generator learns from, weighted; mean of `draws` batches.

    `glo identity` is the part of `glo` that descriptors have. Moves the state of the distances: the trainer is not to
    go on training.
    """
    sizes: dict[str, list[float]] = {}
    for draw in range(draws):
        gradients = {name: _gradient(trainer, term, draw) for name, term in _terms(trainer).items()}
        codes = trainer.terms.codes
        if codes is not None and codes.identity is not None:
            identity, codes.identity = codes.identity, replace(codes.identity, weight=0.0)
            without = _gradient(trainer, _terms(trainer)["glo"], draw)
            codes.identity = identity
            gradients["glo identity"] = gradients["glo"] - without
        for name, gradient in gradients.items():
            sizes.setdefault(name, []).append(float(gradient.norm()))
    return {name: sum(values) / draws for name, values in sizes.items()}


def _terms(trainer: Trainer) -> dict[str, Callable[[], Tensor]]:
    """Each weighted term, as a function that makes its images and says its value."""
    steps, batch = trainer.steps, trainer.options.batch
    weights, projected, codes = steps.losses, trainer.terms.projected, trainer.terms.codes
    labels = trainer.batches.fake_labels(batch, trainer.iteration, 0)

    def fakes() -> Tensor:
        return steps.fakes(batch, labels)[0]

    def adversarial() -> Tensor:
        logits = steps.critic(LabelledImages(fakes(), labels))
        return weights.adversarial_weight * steps.adversarial.generator_loss(logits)

    terms = {"adversarial": adversarial}
    if projected is not None:
        terms["projected"] = lambda: weights.projected_weight * projected.generator_loss(fakes())
    for name, weight in steps.distance_weights().items():
        terms[name] = partial(_distance, trainer.terms.distances[name], weight, fakes)
    if codes is not None:
        terms["glo"] = lambda: weights.glo_weight * codes.loss(trainer.G, weights.glo_batch)
    return terms


def _distance(distance: EnergyDistance, weight: float, fakes: Callable[[], Tensor]) -> Tensor:
    return weight * distance.loss(fakes())


def _gradient(trainer: Trainer, term: Callable[[], Tensor], draw: int) -> Tensor:
    trainer.ranks.seed(draw, trainer.iteration)
    parameters = [p for p in trainer.G.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(term(), parameters, allow_unused=True)
    return torch.cat([g.flatten() for g in gradients if g is not None])


def read_trainer(run: Path, data: Sequence[Path | str], leave_out: Path | None = None) -> Trainer:
    """The trainer of a run as it was saved. Raises `ForensicsError` where the folder holds none, or of other data."""
    path = run / STATE_FILE
    if not path.is_file():
        raise ForensicsError(f"{path}: is missing; name the folder of a training run")
    options = read_options(state.load(path).facts.options)
    images = load_images(
        data,
        options.network.resolution,
        None,
        framing=options.images.framing,
        with_classes=options.network.c_dim > 0,
        leave_out=leave_out,
    )
    trainer = Trainer(options, images, run, pick_device("cpu"))
    trainer.resume()
    return trainer


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.gradients", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", nargs="+", required=True, help="what the run learns from")
    parser.add_argument("--leave-out", type=Path, help="as the run was given it")
    options = parser.parse_args(argv)
    trainer = read_trainer(options.run, options.data, options.leave_out)
    for name, size in gradient_sizes(trainer).items():
        print_line(f"{name:15} {size:.4g}")


if __name__ == "__main__":
    main()
