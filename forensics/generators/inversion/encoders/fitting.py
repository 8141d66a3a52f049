"""Fitting a linear encoder to a generator's own images, in closed form: ridge regression, then a lower rank.

Reduced-rank regression (Izenman 1975): a ridge solution is projected onto the directions of w that its own fit explains
most of. The errors of fits to one half on the other half give the units in which candidates are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.backbones.layer_statistics import LayerStatistics
from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.files import write_bytes, write_json
from forensics.core.outputs import hold_folder
from forensics.core.terminal import printable, progress
from forensics.core.untrusted import MAX_TABLE_BYTES, read_json, read_untrusted
from forensics.core.weights import GENERATORS
from forensics.generators.base import Generator, load_generator
from forensics.generators.inversion.encoders.file import FILE, VARIANTS, Encoder, EncoderRecord
from forensics.generators.inversion.encoders.views import delivered, encoder_view
from forensics.generators.labels import labels_in_turn

ROWS: Final = "rows"
PLAN: Final = "plan.json"
_CHUNK: Final = 200  # images whose rows are one file: what a kill loses at most
_BATCH: Final = 4
_PSI: Final = (0.5, 1.2)  # of the images, drawn evenly
_LEFT_OUT: Final = 0.1  # share of the images that its cosine is measured on
_JITTER: Final = 1e-3  # of the mean variance, added to the errors' covariance

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class EncoderPlan:
    """`images` of seed `seed` with the networks' own noise drawn anew; `ridge`: of the mean diagonal; `rank` kept."""

    images: int = 3000
    seed: int = 1_000_003
    ridge: float = 0.3
    rank: int = 96

    def check(self) -> None:
        """ForensicsError, one line: numbers that cannot be."""
        if not 100 <= self.images <= 1_000_000 or not 1 <= self.rank <= 512 or not 0 < self.ridge < 1e6:
            raise ForensicsError("give 100 to 1,000,000 images, a rank of 1 to 512 and a ridge above 0")


@recorded
def fit_encoder(network: str, out: Path, plan: EncoderPlan | None = None, device: str = "auto") -> Encoder:
    """Make the images' rows, or those that a killed run lacks, and fit the encoder of `network` into the folder `out`.

    ForensicsError: options that cannot be, or a folder that another run holds or filled.
    """
    plan = plan or EncoderPlan()
    plan.check()
    generator = load_generator(network, device)
    with hold_folder(out):
        _take_folder(out, generator, plan)
        _make_rows(out, generator, plan)
        rows, offsets = _read_rows(out, plan)
        encoder = fitted(rows, offsets, generator, plan)
        encoder.save(out)
    used = {**asdict(plan), "device": str(generator.device)}
    write_evidence(out, {generator.source: generator.weights_sha256}, {"seed": plan.seed}, used)
    return encoder


def fitted(rows: Floats, offsets: Floats, generator: Generator, plan: EncoderPlan) -> Encoder:
    """The encoder of rows float32 [n, d] of statistics and w - w_avg, float32 [n, w_dim]; any value."""
    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    x = np.clip((rows - mean) / scale, -5, 5)
    last = max(1, int(len(x) * _LEFT_OUT))
    rank = min(plan.rank, offsets.shape[1])
    down, up = _reduced(x[:-last], offsets[:-last], plan.ridge, rank)
    shrink, whiten = _errors(x[:-last], offsets[:-last], plan.ridge, up)
    found = x[-last:] @ down @ up
    cosine = float(np.median(_cosines(found, offsets[-last:])))
    record = EncoderRecord(
        generator.weights_sha256,
        generator.source,
        len(x),
        plan.seed,
        plan.ridge,
        rank,
        same_w(generator),
        round(cosine, 4),
    )
    statistics = LayerStatistics.from_imagenet(VARIANTS)
    return Encoder(record, mean, scale, down, up, shrink, whiten, statistics)


def same_w(generator: Generator) -> tuple[str, ...]:
    """sha256 of the other generators that ship with the very same mapping network and mean: their w mean the same."""
    if generator.source not in GENERATORS:
        return ()
    others = (load_generator(name, "cpu") for name in GENERATORS if name != generator.source)
    return tuple(other.weights_sha256 for other in others if _maps_alike(generator, other))


def _maps_alike(a: Generator, b: Generator) -> bool:
    if (a.z_dim, a.w_dim, a.c_dim) != (b.z_dim, b.w_dim, b.c_dim):
        return False
    mapped = [g.map(g.sample_z(4), labels_in_turn(g, 0, 4))[:, 0].cpu() for g in (a, b)]
    return bool(torch.equal(*mapped) and torch.equal(a.w_avg.cpu(), b.w_avg.cpu()))


def _reduced(x: Floats, y: Floats, ridge: float, rank: int) -> tuple[Floats, Floats]:
    """(down [d, rank], up [rank, w_dim]): the ridge solution, projected."""
    weights = _ridge(x, y, ridge)
    _, _, directions = np.linalg.svd(x @ weights, full_matrices=False)
    up = np.ascontiguousarray(directions[:rank])
    return weights @ up.T, up


def _ridge(x: Floats, y: Floats, ridge: float) -> Floats:
    """The weights [d, k] of ridge regression without offset, in the dual or the primal, whichever is smaller."""
    from scipy.linalg import solve

    n, d = x.shape
    if n <= d:
        gram = x @ x.T
        gram[np.diag_indices(n)] += ridge * float(np.trace(gram)) / n
        weights: Floats = x.T @ solve(gram, y, assume_a="pos", overwrite_a=True)
        return weights
    gram = x.T @ x
    gram[np.diag_indices(d)] += ridge * float(np.trace(gram)) / d
    primal: Floats = solve(gram, x.T @ y, assume_a="pos", overwrite_a=True)
    return primal


def _errors(x: Floats, y: Floats, ridge: float, up: Floats) -> tuple[Floats, Floats]:
    """(shrink, whiten), [r, r] each: what fits to one half say of the other half, and how they err there."""
    half = len(x) // 2
    said, true = [], []
    for fitted_to, tried_on in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        said.append(x[tried_on] @ (_ridge(x[fitted_to], y[fitted_to], ridge) @ up.T))
        true.append(y[tried_on] @ up.T)
    what, of = np.concatenate(said), np.concatenate(true)
    shrink = np.linalg.lstsq(of, what, rcond=None)[0]
    covariance = np.cov(what - of @ shrink, rowvar=False).reshape(len(up), len(up))
    covariance[np.diag_indices(len(up))] += _JITTER * float(np.trace(covariance)) / len(up)
    values, vectors = np.linalg.eigh(covariance)
    whiten: Floats = (vectors / np.sqrt(values)).astype(np.float32)
    return shrink.astype(np.float32), whiten / np.float32(np.abs(whiten).max())


def _cosines(a: Floats, b: Floats) -> Floats:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines: Floats = (a * b).sum(axis=1) / np.maximum(lengths, 1e-12)
    return cosines


def _take_folder(out: Path, generator: Generator, plan: EncoderPlan) -> None:
    record = {"weights_sha256": generator.weights_sha256, "images": plan.images, "seed": plan.seed}
    path = out / ROWS / PLAN
    if path.exists():
        if read_json(path) != record:
            raise ForensicsError(
                f"{printable(out)}: holds the images of another encoder; name another folder"
            )
    elif (out / FILE).exists():
        raise ForensicsError(f"{printable(out)}: holds an encoder, but not its images; name another folder")
    else:
        write_json(path, record)


def _make_rows(out: Path, generator: Generator, plan: EncoderPlan) -> None:
    from safetensors.numpy import save

    statistics = LayerStatistics.from_imagenet(VARIANTS)
    missing = [start for start in range(0, plan.images, _CHUNK) if not _file(out, start).exists()]
    with progress("images", plan.images, done=max(0, plan.images - len(missing) * _CHUNK)) as meter:
        for start in missing:
            count = min(_CHUNK, plan.images - start)
            parts = []
            for batch in _batches(generator, plan, start, count):
                parts.append((statistics(batch[0]), batch[1]))
                meter.advance(len(batch[0]))
            rows, offsets = (np.concatenate(column) for column in zip(*parts, strict=True))
            write_bytes(_file(out, start), save({"rows": rows, "offsets": offsets}))


@torch.inference_mode()
def _batches(
    generator: Generator, plan: EncoderPlan, start: int, count: int
) -> Iterator[tuple[list[NDArray[np.uint8]], Floats]]:
    """Views and w - w_avg of some images at a time; image i depends on (seed, i) alone."""
    for first in range(start, start + count, _BATCH):
        n = min(_BATCH, start + count - first)
        rngs = [np.random.default_rng([plan.seed, i, 2]) for i in range(first, first + n)]
        w = generator.map(generator.sample_z(n, plan.seed, start=first), labels_in_turn(generator, first, n))[
            :, 0
        ]
        psi = torch.tensor([rng.uniform(*_PSI) for rng in rngs], dtype=w.dtype, device=w.device)
        offsets = (w - generator.w_avg) * psi[:, None]
        ws = (generator.w_avg + offsets)[:, None].expand(-1, generator.num_ws, -1)
        noise = generator.sample_noise(plan.seed, range(first, first + n)) or "const"
        pixels = generator.to_uint8(generator.synthesize(ws, noise))
        views = [encoder_view(delivered(image, rng)) for image, rng in zip(pixels, rngs, strict=True)]
        yield views, offsets.cpu().numpy()


def _file(out: Path, start: int) -> Path:
    return out / ROWS / f"{start:07d}.safetensors"


def _read_rows(out: Path, plan: EncoderPlan) -> tuple[Floats, Floats]:
    from safetensors.numpy import load

    parts = [
        load(read_untrusted(_file(out, start), MAX_TABLE_BYTES).data)
        for start in range(0, plan.images, _CHUNK)
    ]
    return np.concatenate([part["rows"] for part in parts]), np.concatenate([p["offsets"] for p in parts])
