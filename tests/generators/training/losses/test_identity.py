"""Descriptors of several networks side by side: their numbers count alike, and a run has to name networks there are."""

from __future__ import annotations

import pytest
import torch

from forensics.backbones.face_descriptor import DEVIATION, load_descriptor
from forensics.core.errors import ForensicsError
from forensics.core.weights import FOLDER
from forensics.generators.training.losses.identity import FaceDescriptors
from forensics.generators.training.options import IDENTITY_NETWORKS
from forensics.generators.training.presets import resolve


@torch.no_grad()
def test_two_networks_are_side_by_side_and_about_of_deviation_1(forty_faces: torch.Tensor) -> None:
    both = FaceDescriptors("dlib+mobile")(forty_faces)
    assert both.shape == (40, 128 + 256)
    torch.testing.assert_close(both[:, :128], load_descriptor()(forty_faces) / DEVIATION)
    for part in (both[:, :128], both[:, 128:]):
        assert 0.8 < float(part.std(dim=0).mean()) < 1.2


def test_a_run_names_networks_there_are() -> None:
    assert resolve("stylegan2-64-glo", identity_networks="mobile").losses.identity_networks == "mobile"
    for wrong in ("", "arcface", "dlib+", "dlib mobile"):
        with pytest.raises(ForensicsError, match="dlib, mobile, or several with"):
            resolve("stylegan2-64-glo", identity_networks=wrong)


@pytest.mark.parametrize("name", IDENTITY_NETWORKS)
def test_each_that_may_be_named_is_there_with_its_card(name: str) -> None:
    assert FaceDescriptors(name).networks
    assert (FOLDER / IDENTITY_NETWORKS[name] / "MODEL_CARD.md").is_file()
