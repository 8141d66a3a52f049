"""What is lost and what is gained as channels are taken out: images against the whole network's, arithmetic, time.

Quality repeats from a seed to the last bit and goes into parts; time never does, and stays out of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from forensics.core.errors import ForensicsError
from forensics.core.files import write_bytes
from forensics.generators.base import Generator
from forensics.generators.checkpoints import build
from forensics.generators.checkpoints.checkpoint import NetworkState
from forensics.generators.pruning.channels import RANKINGS, can_lose_channels, choose, narrowed
from forensics.images import contact_sheet, encode_png
from forensics.studies.probes import weights_asked
from forensics.studies.resumable import Job, Parts, complete, one_thread
from forensics.studies.subject import Subject, load_subject, read_subject
from forensics.studies.weights.pruning_sweep import PrunedImages, SweepPlan

SHARES = (0.125, 0.25, 0.375, 0.5, 0.75)
WHOLE = "whole"
_SHEET_IMAGES, _TIMED_IMAGES, _ROUNDS = 8, 8, 11


class Narrower:
    """Makes the smaller networks of one subject: `state` its generator as data."""

    def __init__(self, subject: Subject) -> None:
        checkpoint, name = read_subject(subject.name)
        self.subject, self.state = subject, checkpoint.networks[name]

    def network(self, share: float, ranking: str) -> NetworkState:
        """The generator as data, less `share` of its channels. ForensicsError: it is of a kind that cannot lose any."""
        return narrowed(self.state, choose(self.state, self.subject.generator, share, ranking))

    def subject_less(self, share: float, ranking: str) -> Subject:
        """The subject with that generator built, ready to make images."""
        generator = build(self.network(share, ranking))
        assert isinstance(generator, Generator)
        generator.eval().requires_grad_(False).to(self.subject.generator.device)
        generator.lay_out()
        return replace(self.subject, generator=generator)


def size_of(generator: Generator) -> dict[str, float]:
    """`parameters` of the synthesis, and `gflop`: 10^9 floating point operations of its products for one image."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        generator.synthesize(generator.w_avg.expand(1, generator.num_ws, -1))
    mapping = sum(p.numel() for name, p in generator.named_parameters() if name.startswith("mapping."))
    everything = sum(p.numel() for p in generator.parameters())
    return {"parameters": everything - mapping, "gflop": counted.get_total_flops() / 1e9}


class ChannelWork:
    """The parts of a channel study for `resumable.complete`; sheets of images go to `out`/grids."""

    def __init__(self, name: str, out: Path, plan: SweepPlan) -> None:
        self.out = out
        self.pruned = PrunedImages(load_subject(name, plan.device), plan)
        self.narrower = Narrower(self.pruned.subject)

    def do(self, part: str) -> dict[str, Any]:
        """The row of "whole", or of "style-0.250": a ranking and a share."""
        if part == WHOLE:
            return self.row(WHOLE, 0.0)
        ranking, _, share = part.partition("-")
        return self.row(ranking, float(share))

    def row(self, ranking: str, share: float) -> dict[str, Any]:
        """Size and measures of the network less `share` of its channels."""
        less = self.pruned.subject if ranking == WHOLE else self.narrower.subject_less(share, ranking)
        x = less.synthesize(self.pruned.ws)
        row = {"ranking": ranking, "share": share, **size_of(less.generator)}
        sheet = contact_sheet(list(less.generator.to_uint8(x[:_SHEET_IMAGES])), _SHEET_IMAGES)
        write_bytes(sheet_path(self.out, row), encode_png(sheet))
        return row | self.pruned.effects.measure(x) | self.pruned.slow_measures(x)


def part_name(ranking: str, share: float) -> str:
    """The part of a ranking and a share."""
    return f"{ranking}-{share:.3f}"


def sheet_path(out: Path, row: Mapping[str, Any]) -> Path:
    """Where the images of a row are."""
    name = WHOLE if row["ranking"] == WHOLE else part_name(row["ranking"], row["share"])
    return out / "grids" / f"channels-{name}.png"


def channel_study(
    subject: Subject, out: Path, plan: SweepPlan, *, workers: int = 1
) -> list[dict[str, Any]] | None:
    """Do or finish the study of `subject`'s file in `out`: a row for the whole network and for every ranking and share;
    None for a network of a kind that cannot lose channels. ForensicsError: `out` holds one made otherwise."""
    checkpoint, name = read_subject(subject.name)
    if not can_lose_channels(checkpoint.networks[name]):
        return None
    asked = {
        key: value for key, value in asdict(plan).items() if key not in ("stop", "steps", "every", "space")
    }
    asked_of = weights_asked(plan.face_pack, plan.detector)
    parts = Parts(out / "parts", {"weights": subject.sha256, "asked of": asked_of, **asked})
    names = [WHOLE, *(part_name(ranking, share) for ranking in RANKINGS for share in SHARES)]
    complete(parts, names, Job(ChannelWork, (subject.name, out, plan)), workers=workers, title="channels")
    return [parts.read(part) for part in names]


@dataclass(frozen=True)
class Timing:
    """Milliseconds an image of a network less `share` of its channels (median over rounds), and how many times as fast
    it is as the whole network in the same rounds: the median ratio and its quartiles.

    On a CPU these are milliseconds of the processor, of one thread: what others do on the machine hardly counts."""

    share: float
    batch: int
    ms_an_image: float
    times_as_fast: float
    quartile_low: float
    quartile_high: float


def time_channels(subject: Subject, shares: tuple[float, ...] = SHARES) -> list[Timing]:
    """Time the whole and the smaller networks in turns, one thread, batches of 1 and 8; the whole comes first.

    The machine's state moves all of a round together, so the ratio within a round says more than the milliseconds.
    """
    narrower = Narrower(subject)
    candidates = {0.0: subject} | {share: narrower.subject_less(share, "norm") for share in shares}
    found = []
    with one_thread(), torch.inference_mode():
        z = subject.generator.sample_z(min(_TIMED_IMAGES, subject.batch), seed=0)
        ws = subject.generator.map(z, subject.labels(len(z)))
        for batch in (1, len(ws)):
            rounds = np.array(
                [
                    [_seconds(each.generator, ws[:batch]) for each in candidates.values()]
                    for _ in range(_ROUNDS + 1)
                ][1:]  # the first one warms up
            )
            ratios = rounds[:, :1] / rounds
            for i, share in enumerate(candidates):
                ms = float(np.median(rounds[:, i])) / batch * 1000
                low, median, high = map(float, np.percentile(ratios[:, i], (25, 50, 75)))
                found.append(Timing(share, batch, ms, median, low, high))
    return found


def _seconds(generator: Generator, ws: torch.Tensor) -> float:
    if not ws.is_cuda:
        start = time.process_time()
        generator.synthesize(ws)
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    generator.synthesize(ws)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def one_share(name: str, share: float, ranking: str, plan: SweepPlan) -> dict[str, Any]:
    """The row of one share, as in a study that holds it, with the time of this moment beside it."""
    with one_thread():
        pruned = PrunedImages(load_subject(name, plan.device), plan)
        less = Narrower(pruned.subject).subject_less(share, ranking)
        x = less.synthesize(pruned.ws)
        row = (
            {"share": share, **size_of(less.generator)} | pruned.effects.measure(x) | pruned.slow_measures(x)
        )
    timing = time_channels(pruned.subject, (share,))[-1]
    return row | {"ms_an_image": timing.ms_an_image, "times_as_fast": timing.times_as_fast}


def save_narrowed(name: str, share: float, ranking: str, target: Path) -> dict[str, Any]:
    """Write the weights file `name` with its generators less `share` of their channels to `target`; returns facts.

    Every generator in the file (averaged and not) loses the same channels; other networks stay as they are. The
    card says what was taken; equal input gives equal bytes. Raises ForensicsError, with nothing written.
    """
    from forensics.generators.checkpoints.formats.native import write_native

    if target.suffix != ".safetensors":
        raise ForensicsError(f"{target}: smaller networks are saved as .safetensors; name the file so")
    checkpoint, image_network = read_subject(name)
    if target.exists() and Path(checkpoint.path).samefile(target):
        raise ForensicsError(f"{target}: is the input; name another file")
    state = checkpoint.networks[image_network]
    generator = build(state)
    assert isinstance(generator, Generator)
    kept = choose(state, generator.eval(), share, ranking)
    networks = {
        key: narrowed(network, kept) if network.kind == state.kind else network
        for key, network in checkpoint.networks.items()
    }
    taken = {"share": share, "ranking": ranking, "of_sha256": checkpoint.sha256}
    sha256 = write_native(target, networks, {**checkpoint.card, "channels_pruned": taken})
    return {
        "saved": str(target),
        "sha256": sha256,
        "of_sha256": checkpoint.sha256,
        "channels": {group: len(index) for group, index in kept.channels.items()},
    }
