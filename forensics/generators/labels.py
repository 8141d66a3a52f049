"""Classes of a conditional network: which one is asked for, and the labels it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.core.errors import ForensicsError

if TYPE_CHECKING:
    from forensics.generators.base import Generator


def choose_class(generator: Generator, number: int | None) -> None:
    """Let `map` take class `number` wherever it is given no labels; None leaves it to ask for one.

    ForensicsError, one line: the network has no classes, or not so many.
    """
    name, count = generator.source or "this generator", generator.c_dim
    if number is not None and not count:
        raise ForensicsError(f"{name}: has no classes; leave --class out")
    if number is not None and not 0 <= number < count:
        raise ForensicsError(f"{name}: has no class {number}; choose one of 0 to {count - 1} with --class")
    generator.chosen_class = number


def chosen_labels(generator: Generator, n: int) -> Tensor | None:
    """One-hot labels float32 [n, c_dim] of the chosen class; None for a network without classes.

    ForensicsError, one line: the network has classes, and none was chosen.
    """
    if not generator.c_dim:
        return None
    if generator.chosen_class is None:
        name = generator.source or "this generator"
        raise ForensicsError(
            f"{name}: has {generator.c_dim} classes; choose one of 0 to {generator.c_dim - 1} with --class"
        )
    return F.one_hot(
        torch.full((n,), generator.chosen_class, device=generator.device), generator.c_dim
    ).float()


def labels_in_turn(generator: Generator, start: int, n: int) -> Tensor | None:
    """One-hot labels [n, c_dim] of images start ... start + n - 1: the chosen class, or where none is the classes in
    turn; None for a network without classes."""
    if not generator.c_dim or generator.chosen_class is not None:
        return chosen_labels(generator, n)
    classes = torch.arange(start, start + n, device=generator.device) % generator.c_dim
    return F.one_hot(classes, generator.c_dim).float()
