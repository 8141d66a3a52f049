"""Several processes, one gradient: what each rank takes of a batch, and how their results become one.

Rank r of k takes every k-th sample from r: with the groups of minibatch std, which lie a stride apart, that keeps
whole groups together as long as k divides their number. Latents come from one stream that all ranks draw alike; noise
and augmentation from a stream of each rank's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from forensics.core.errors import ForensicsError


@dataclass(frozen=True)
class Ranks:
    """This process among `size`; `latents` is the common stream, None for torch's own (one rank)."""

    rank: int = 0
    size: int = 1
    latents: torch.Generator | None = None

    @property
    def leads(self) -> bool:
        """Whether this rank writes the files."""
        return self.rank == 0

    def share(self, batch: Tensor, dim: int = 0) -> Tensor:
        """This rank's samples of `batch`, float32 [n, ...] of any range, along `dim`."""
        if self.size == 1:
            return batch
        mine = torch.arange(self.rank, batch.shape[dim], self.size, device=batch.device)
        return batch.index_select(dim, mine)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the ranks of `value`, float32 [n, ...] or a scalar, any range."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.size
        return value

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the ranks, in one exchange."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        if not gradients:
            return
        flat = self.mean(torch.cat([g.flatten() for g in gradients]))
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def seed(self, seed: int, iteration: int) -> None:
        """Set the streams of an iteration."""
        import numpy as np

        def state(*words: int) -> int:
            return int(np.random.SeedSequence(words).generate_state(1)[0])

        own = (seed, iteration) if self.rank == 0 else (seed, iteration, self.rank)
        torch.manual_seed(state(*own))
        if self.latents is not None:
            self.latents.manual_seed(state(seed, iteration, 0, 0))


ONE_RANK = Ranks()


def join_ranks(device: torch.device, batch: int, group: int) -> Ranks:
    """The ranks that `torchrun` started, or one. Raises `ForensicsError` where the batch does not divide among them."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ONE_RANK
    groups = batch // min(group, batch)
    if groups % size:
        raise ForensicsError(
            f"batch {batch} has {groups} groups of minibatch std, which {size} ranks cannot share evenly: "
            f"make the batch a multiple of {size * min(group, batch)}"
        )
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Ranks(dist.get_rank(), size, torch.Generator(device))


def leave_ranks(ranks: Ranks) -> None:
    """Part from the other ranks when all have come to the end: one that left early would abort the rest.

    A barrier alone does not do: the first rank through it closes its connections while another is still inside. So
    each says in the store, which torchrun's agent keeps, that it is through, and waits until all are.
    """
    if ranks.size > 1:
        dist.barrier()
        store = dist.distributed_c10d._get_default_store()
        store.set(f"through/{ranks.rank}", "1")
        store.wait([f"through/{rank}" for rank in range(ranks.size)])
        dist.destroy_process_group()


def rank_device(device: str) -> str:
    """`device`, or this rank's own GPU where several ranks run on a machine with GPUs."""
    local = os.environ.get("LOCAL_RANK")
    if local is not None and device in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{local}"
    return device
