"""The model card of a generator, as Markdown: what its run's options say, what was measured, and notes by hand."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from forensics.generators.training.options import (
    IDENTITY_NETWORKS,
    TrainingOptions,
    read_options,
    without_effect,
)
from forensics.generators.training.steps import DISTANCE_INTERVAL

_WIDTH = 118


# What `quality.json` holds (see `release.release`), as blocks that `python -m tools.generated_blocks` fills.
_MEASURED = """## Measured

<!-- generated: generator-quality -->
<!-- end -->

<!-- generated: generator-faces -->
<!-- end -->

Cosines are of face embeddings: between samples, and from a sample to the nearest training photograph.

Measured by `python -m tools.release RUN OUT --notes NOTES.md --pack P --pack-root R`, which wrote `quality.json`."""


def card(name: str, facts: dict[str, Any], notes: str) -> str:
    """The card of the generator `name`, its generated blocks still empty.

    `facts` is the card inside its weights file, `notes` Markdown on data, licence, compute and faults.
    """
    parts = [
        f"# `{name}`: a StyleGAN2-ADA of {facts['options']['resolution']} x {facts['options']['resolution']} px faces",
        _filled(f"{_age(facts)} Research use only."),
        notes.strip(),
        "\n".join(["## How it was trained", *_training(facts)]),
        _MEASURED,
        "![samples at psi 0.5, 0.7 and 1.0, two rows each](sheet.jpg)",
        "![losses, outputs of D, augmentation and what is beside D, by kimg of the run](curves.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _age(facts: dict[str, Any]) -> str:
    """How long it was trained."""
    before = facts["options"].get("transfer_kimg", 0)
    run = f"{facts['kimg']:.0f} kimg"
    return (
        f"{run} of its last run, after {before:.0f} kimg of earlier ones." if before else f"{run} of its run."
    )


def _training(facts: dict[str, Any]) -> list[str]:
    o = facts["options"]
    return [
        _filled(
            f"On {facts['n_images']} photographs{', mirrored' if o['mirror'] else ''}: channel_base "
            f"{o['channel_base']}, channel_max {o['channel_max']}, w_dim {o['w_dim']}, batch {o['batch']}, learning "
            f"rate {o['lr_g']}, R1 {o['r1_gamma']}, style mixing {o['style_mixing_prob']}, EMA half-life "
            f"{o['ema_kimg']:.0f} kimg, augmentation `{o['augment']}` (p = {facts['augment_p']:.2f}), seed {o['seed']}."
        ),
        *(f"- {line}" for line in _generator_terms(o)),
        "",
        *_as_mean(facts),
        *_as_spread(facts),
        "`weights.safetensors` holds G_ema and D, float16.",
    ]


def _as_mean(facts: dict[str, Any]) -> list[str]:
    """That G_ema is a mean of states (averaging.py), if it is; the options above are those of the first."""
    states = facts.get("mean_of", [])
    if not states:
        return []
    shares = ", ".join(f"{share:g} ({sha256[:8]})" for share, sha256 in states)
    return [f"So for the first of {len(states)} states that G_ema is the mean of, by shares: {shares}."]


def _as_spread(facts: dict[str, Any]) -> list[str]:
    """That psi counts in other units than in training (spread.py), if it does."""
    share = facts.get("psi_1_was", 1.0)
    if share == 1:
        return []
    return [f"Then psi was given other units (spread.py): psi 1 here is what was psi {share:g} in training."]


def _generator_terms(options: Mapping[str, object]) -> list[str]:
    """What the generator learned from beside the adversarial loss (and how much from that), a line each.

    Of options of earlier releases, too; what today's code cannot follow any more is named at the end.
    """
    o = read_options(options)
    lines = [*_of_discriminators(o), *_of_distances(o), *_of_codes(o)]
    return lines + [
        f"`{name}` was {value}, an option that is no more." for name, value in without_effect(options).items()
    ]


def _of_discriminators(o: TrainingOptions) -> Iterator[str]:
    losses = o.losses
    if losses.adversarial_weight != 1:
        yield f"Adversarial loss: weight {losses.adversarial_weight}."
    if losses.projected_side:
        beside = ", of features of ImageNet and of `descriptor`" if losses.vision_aided else ""
        yield f"Projected discriminator: weight {losses.projected_weight}{beside}."
    if o.sampling.lowest_psi != 1:
        yield f"Faces that the discriminators see: psi drawn between {o.sampling.lowest_psi} and 1."


def _of_distances(o: TrainingOptions) -> Iterator[str]:
    losses = o.losses
    if losses.matching_weight:
        yield (
            f"Energy distance of features to those of all photographs: weight {losses.matching_weight}, every "
            f"{DISTANCE_INTERVAL} iterations."
        )
    if losses.identity_weight:
        used = " and ".join(f"`{IDENTITY_NETWORKS[name]}`" for name in losses.identity_networks.split("+"))
        yield f"The same of face descriptors ({used}, not the pack below): weight {losses.identity_weight}."


def _of_codes(o: TrainingOptions) -> Iterator[str]:
    losses = o.losses
    if losses.glo_weight:
        alone = f"for the first {losses.glo_kimg:g} kimg these alone, then " if losses.glo_kimg else ""
        yield (
            f"Photographs as latents of their own: {alone}weight {losses.glo_weight}, {losses.glo_batch} an iteration."
        )
    if losses.glo_identity_weight:
        yield f"What is made of those latents is compared in persons, too: weight {losses.glo_identity_weight}."
