"""Presets, changes, and comparing a saved run with what is asked now."""

from __future__ import annotations

import json

import pytest

from forensics.core.errors import ForensicsError
from forensics.core.weights import weights_file
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.checkpoints import read_checkpoint
from forensics.generators.training.options import Phase, differences, read_options, settings, without_effect
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
    generator = StyleGAN2Generator(**resolve("stylegan2-64").network.generator_config())
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
        ({"glo_batch": 0}, "1 or more"),
        ({"style_mixing_prob": -0.1}, "style_mixing_prob -0.1 is not possible: give 0 or more"),
        ({"lowest_psi": 1.5}, "lowest_psi 1.5 is not possible: give 0 to 1"),
        ({"batch": 1_000_000}, "batch 1000000 is not possible: give 8192 or less"),
        ({"channel_base": 10**8}, "channel_base 100000000 is not possible: give 131072 or less"),
        ({"resolution": 48}, "power of two"),
        ({"projected_side": 100}, "projected_side 100"),
        ({"matching_weight": 1.0}, "give projected_side"),
        ({"identity_networks": "dlib+eyes"}, "no identity networks 'dlib\\+eyes'"),
        ({"vision_aided": True}, "give projected_side"),
        ({"adversarial": "hinge"}, "no adversarial loss 'hinge': choose one of non-saturating, wgan-gp"),
        ({"glo_identity_weight": 1.0}, "give glo_weight"),
        ({"glo_kimg": 1.0}, "glo_kimg needs codes"),
        ({"phases": (Phase(2, {"lr_g": 0.0}),)}, "lr_g 0.0 is not possible"),
        ({"phases": (Phase(2, {"z_dim": 8}),)}, "no phase can change z_dim"),
        ({"phases": (Phase(2), Phase(1))}, "one after the other"),
        ({"phases": (Phase(1, psi_1_was=1.5),)}, "psi 1 cannot become"),
        ({"architecture": "progan", "c_dim": 2}, "progan has no classes"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_read(
    changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ForensicsError, match=complaint):
        resolve("tiny-16", **changes)


def test_settings_are_of_the_kind_their_option_has() -> None:
    found = settings(["mirror=False", "glo_batch=4", "r1_gamma=5e-1", "augment=noaug"])
    assert found == {"mirror": False, "glo_batch": 4, "r1_gamma": 0.5, "augment": "noaug"}
    assert resolve("tiny-16", **found).losses.glo_batch == 4


def test_no_two_groups_share_a_name_and_the_flat_list_comes_back() -> None:
    options = resolve("own-64", seed=3)
    flat = options.to_json()
    assert len(flat) == len(set(flat)) > 40
    assert read_options(json.loads(json.dumps(flat))) == options
    assert differences(json.loads(json.dumps(flat)), options) == []


def test_options_of_earlier_releases_have_todays_names() -> None:
    saved = {"loss": "logistic", "plain_weight": 0.3, "anchor_count": 16, "descriptors": "dlib+mobile"}
    losses = read_options(saved).losses
    assert (losses.adversarial, losses.adversarial_weight, losses.glo_batch) == ("non-saturating", 0.3, 16)
    assert losses.identity_networks == "dlib+mobile"
    assert without_effect(saved) == {}


def test_what_todays_code_cannot_follow_is_named() -> None:
    """In a run's own state it stops the run; a withdrawn option that was not in use does neither."""
    assert without_effect({"truncation_weight": 0.0, "matching_interval": 2}) == {}
    gone = {"truncation_weight": 2.0, "unheard_of": "yes"}
    assert without_effect(FIRST_RELEASE | gone) == gone
    assert differences(FIRST_RELEASE | gone, resolve("stylegan2-64")) == [
        "truncation_weight: was 2.0, now no option",
        "unheard_of: was 'yes', now no option",
    ]


@pytest.mark.parametrize("name", ["own-64", "own-128"])
def test_cards_of_what_ships_are_read_whole(name: str) -> None:
    saved = read_checkpoint(weights_file(name)).card["options"]
    assert without_effect(saved) == {}
    options = read_options(saved)
    assert options.losses.glo_batch == 16
    assert options.network.w_dim == 256
