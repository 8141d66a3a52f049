"""Presets, changes, and comparing a saved run with what is asked now."""

from __future__ import annotations

import json

import pytest

from forensics.core.errors import ForensicsError
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.training.options import differences, settings
from forensics.generators.training.presets import resolve

# The options of a run saved by the first release, as its state file holds them.
FIRST_RELEASE = json.loads("""{"ada_interval": 4, "ada_kimg": 100.0, "ada_target": 0.6, "augment": "bgc",
"batch": 16, "channel_base": 2048, "channel_max": 256, "d_reg_interval": 16, "ema_kimg": 10.0, "ema_rampup": 0.05,
"g_reg_interval": 4, "lr_d": 0.0025, "lr_g": 0.0025, "mbstd_group_size": 4, "mirror": true,
"num_mapping_layers": 2, "pl_batch_shrink": 2, "pl_decay": 0.01, "pl_weight": 0.0, "preset": "stylegan2-64",
"r1_gamma": 0.1, "resolution": 64, "seed": 0, "style_mixing_prob": 0.9, "w_avg_beta": 0.995, "w_dim": 256,
"z_dim": 256}""")


def test_a_run_of_the_first_release_can_be_resumed_today() -> None:
    assert differences(FIRST_RELEASE, resolve("stylegan2-64")) == []


def test_differences_name_the_option_and_both_values() -> None:
    now = resolve("stylegan2-64", r1_gamma=0.5)
    assert differences(FIRST_RELEASE, now) == ["r1_gamma: was 0.1, now 0.5"]


def test_a_run_older_than_transfer_kimg_goes_on() -> None:
    now = resolve("stylegan2-64", transfer_kimg=20.0)
    assert differences(FIRST_RELEASE, now) == []


def test_none_changes_nothing_and_typos_are_errors() -> None:
    assert resolve("tiny-16", batch=None) == resolve("tiny-16")
    with pytest.raises(ForensicsError, match="learning_rate"):
        resolve("tiny-16", learning_rate=1.0)
    with pytest.raises(ForensicsError, match=r"no preset 'stylegan9'.*tiny-16"):
        resolve("stylegan9")


def test_widths_of_the_64_px_preset() -> None:
    """256, 256, 128, 64, 32 feature maps at 4 ... 64 px."""
    generator = StyleGAN2Generator(**resolve("stylegan2-64").generator_config())
    widths = [block.conv1.weight.shape[0] for _, block in generator.synthesis.blocks()]
    assert widths == [256, 256, 128, 64, 32]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"augment": "bcg"}, "no augmentation pipeline 'bcg'"),
        ({"augment": "bgcf"}, "32 px"),
        ({"batch": 0}, "batch"),
        ({"batch": 6}, "groups of 4"),
        ({"lr_g": -1.0}, "lr_g"),
        ({"lr_d": 0.0}, "above 0"),
        ({"matching_interval": 0}, "1 or more"),
        ({"style_mixing_prob": -0.1}, "style_mixing_prob -0.1 is not possible: give 0 or more"),
        ({"lowest_psi": 1.5}, "lowest_psi 1.5 is not possible: give 0 to 1"),
        ({"resolution": 48}, "power of two"),
        ({"projected_side": 100}, "projected_side 100"),
        ({"matching_weight": 1.0}, "give projected_side"),
        ({"descriptors": "dlib+eyes"}, "no descriptors 'dlib\\+eyes'"),
        ({"truncation_weight": 1.0}, "give identity_weight"),
        ({"anchor_identity": 1.0}, "anchor_identity needs anchors"),
        ({"anchor_kimg": 1.0}, "anchor_kimg needs anchors"),
        ({"architecture": "progan", "c_dim": 2}, "progan has no classes"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_read(
    changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ForensicsError, match=complaint):
        resolve("tiny-16", **changes)


def test_settings_are_of_the_kind_their_option_has() -> None:
    found = settings(["mirror=False", "anchor_count=4", "r1_gamma=5e-1", "augment=noaug"])
    assert found == {"mirror": False, "anchor_count": 4, "r1_gamma": 0.5, "augment": "noaug"}
    assert resolve("tiny-16", **found).anchor_count == 4
