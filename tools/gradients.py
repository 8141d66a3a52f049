"""How large the terms of the generator's loss are, as gradients: what their weights should be set by.

`python -m tools.gradients RUN --data D` prints, for the state a run is in, the norm of each
weighted term's gradient with respect to the generator's weights. Adam makes up for a common factor, so that only the
ratios count: a term of a thirtieth of another's size does next to nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from forensics.core.devices import pick_device
from forensics.core.errors import ForensicsError
from forensics.core.terminal import print_line
from forensics.corpus.photographs.loading import load_images
from forensics.generators.base import Generator
from forensics.generators.training import state
from forensics.generators.training.losses.losses import Beside
from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.trainer import STATE_FILE, Trainer

_DRAWS = 4


def gradient_sizes(trainer: Trainer, draws: int = _DRAWS) -> dict[str, float]:
    """Norm of the gradient of each term the generator learns from, weighted; mean of `draws` batches.

    `anchor persons` is the part of `anchors` that descriptors have. Moves the state of the distances: the trainer is
    not to go on training.
    """
    sizes: dict[str, list[float]] = {}
    for draw in range(draws):
        found = {name: _gradient(trainer, term, draw) for name, term in _terms(trainer).items()}
        anchors = trainer.anchors
        if anchors is not None and trainer.options.anchor_identity:
            anchors.descriptor_weight = 0.0
            found["anchor persons"] = found["anchors"] - _gradient(trainer, _terms(trainer)["anchors"], draw)
            anchors.descriptor_weight = trainer.options.anchor_identity
        for name, gradient in found.items():
            sizes.setdefault(name, []).append(float(gradient.norm()))
    return {name: sum(values) / draws for name, values in sizes.items()}


def _terms(trainer: Trainer) -> dict[str, Callable[[], Tensor]]:
    """Each weighted term, as a function that makes its images and says its value."""
    o, loss, projected, anchors = trainer.options, trainer.loss, trainer.projected, trainer.anchors

    def made() -> tuple[Tensor, Tensor]:
        return loss.fakes(o.batch, trainer._fake_labels(o.batch, 0))

    def fakes() -> Tensor:
        return made()[0]

    labels = trainer._fake_labels(o.batch, 0)
    terms = {"plain": lambda: o.plain_weight * loss.generator_loss(loss.logits(fakes(), labels))}
    if projected is not None:
        terms["projected"] = lambda: o.projected_weight * projected.generator_loss(fakes())
    for name in loss.beside.distances:
        weight = getattr(o, f"{name}_weight")
        terms[name] = partial(_distance, loss.beside, name, weight, trainer.G, made)
    if anchors is not None:
        terms["anchors"] = lambda: o.anchor_weight * anchors.loss(trainer.G, o.anchor_count)
    return terms


def _distance(
    beside: Beside, name: str, weight: float, generator: Generator, made: Callable[[], tuple[Tensor, Tensor]]
) -> Tensor:
    return weight * beside.distance(name, generator, *made())


def _gradient(trainer: Trainer, term: Callable[[], Tensor], draw: int) -> Tensor:
    trainer.ranks.seed(draw, trainer.iteration)
    parameters = [p for p in trainer.G.parameters() if p.requires_grad]
    found = torch.autograd.grad(term(), parameters, allow_unused=True)
    return torch.cat([g.flatten() for g in found if g is not None])


def read_trainer(run: Path, data: Sequence[Path | str], leave_out: Path | None = None) -> Trainer:
    """The trainer of a run as it was saved. Raises `ForensicsError` where the folder holds none, or of other data."""
    path = run / STATE_FILE
    if not path.is_file():
        raise ForensicsError(f"{path}: is missing; name the folder of a training run")
    options = TrainingOptions(**state.load(path).facts["options"])
    images = load_images(
        data,
        options.resolution,
        None,
        framing=options.framing,
        with_classes=options.c_dim > 0,
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
