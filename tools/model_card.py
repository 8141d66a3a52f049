"""The model card of a generator, as Markdown: what its run's options say, what was measured, and notes by hand."""

from __future__ import annotations

import textwrap
from typing import Any

from forensics.generators.training.options import DESCRIPTORS

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
        *(f"- {line}" for line in _beside_the_discriminator(o)),
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


def _beside_the_discriminator(o: dict[str, Any]) -> list[str]:
    """What the generator learned from beside the plain discriminator (and how much from that), a line each."""
    lines = []
    if o.get("plain_weight", 1) != 1:
        lines.append(f"Plain discriminator: what it says to the generator has weight {o['plain_weight']}.")
    if o.get("projected_side"):
        beside = ", of features of ImageNet and of `descriptor`" if o.get("projected_faces") else ""
        lines.append(f"Projected discriminator: weight {o['projected_weight']}{beside}.")
    if o.get("lowest_psi", 1) != 1:
        lines.append(f"Faces that the discriminators see: psi drawn between {o['lowest_psi']} and 1.")
    if o.get("matching_weight"):
        lines.append(
            f"Energy distance of features to those of all photographs: weight {o['matching_weight']}, every "
            f"{o['matching_interval']} iterations."
        )
    if o.get("inner_weight"):
        lines.append(f"The same of the inner face, enlarged: weight {o['inner_weight']}.")
    if o.get("identity_weight"):
        used = " and ".join(f"`{DESCRIPTORS[name]}`" for name in o.get("descriptors", "dlib").split("+"))
        lines.append(
            f"The same of descriptors of persons ({used}, not the pack below): weight {o['identity_weight']}."
        )
    if o.get("truncation_weight"):
        lines.append(f"Persons kept along truncation, by the same: weight {o['truncation_weight']}.")
    if o.get("anchor_weight"):
        alone = f"for the first {o['anchor_kimg']:g} kimg these alone, then " if o["anchor_kimg"] else ""
        lines.append(
            f"Photographs as latents of their own: {alone}weight {o['anchor_weight']}, {o['anchor_count']} an "
            "iteration."
        )
    if o.get("anchor_identity"):
        lines.append(
            f"What is made of those latents is compared in persons, too: weight {o['anchor_identity']}."
        )
    return lines
