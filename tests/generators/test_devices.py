"""Every generator on every device there is: the images of the float32 CPU, as closely as the precision allows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.core.devices import pick_device
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.base import Generator, load_generator
from forensics.generators.checkpoints import NetworkState, write_native
from tests.generators.architectures.reference import assert_equal, relative_error
from tests.generators.test_base import every_kind, make, ws_of

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
HALF = {"cpu": torch.bfloat16, "cuda": torch.float16}
on_every_device = pytest.mark.parametrize("device", DEVICES)
CONFIG = {"z_dim": 16, "w_dim": 16, "img_resolution": 16, "channel_base": 256, "channel_max": 16}


def moved(kind: str, device: str) -> Generator:
    """The small generator of test_base as `load_generator` hands it out."""
    g = make(kind).requires_grad_(False).to(pick_device(device))
    g.lay_out()
    return g


@on_every_device
@every_kind
def test_images_are_the_same_whatever_the_device_and_the_batch(kind: str, device: str) -> None:
    g = moved(kind, device)
    assert g.device.type == device
    ws = ws_of(make(kind))
    expected = make(kind).synthesize(ws).detach()
    with torch.inference_mode():
        images = g.synthesize(ws.to(device))
        alone = torch.cat([g.synthesize(w[None].to(device)) for w in ws])
    assert images.device.type == device
    assert_equal(images.cpu(), expected, 1e-5)
    assert_equal(alone.cpu(), expected, 1e-5)


@on_every_device
@every_kind
def test_latents_noise_and_gradients_live_on_the_device(kind: str, device: str) -> None:
    g = moved(kind, device)
    z = g.sample_z(2, seed=3)
    assert torch.equal(z.cpu(), make(kind).sample_z(2, seed=3))
    ws = g.map(z, psi=0.7).detach().clone().requires_grad_(True)
    image = g.synthesize(ws, g.sample_noise(1, [0, 1]) if g.noise_shapes else "random")
    (gradient,) = torch.autograd.grad(image.square().mean(), ws)
    assert gradient.device.type == device
    assert float(gradient.abs().sum()) > 0


@on_every_device
@every_kind
def test_autocast_gives_float32_images_near_those_of_float32(kind: str, device: str) -> None:
    g = moved(kind, device)
    ws = ws_of(make(kind)).to(device)
    with torch.no_grad():
        full = g.synthesize(ws)
        g.autocast = HALF[device]
        half = g.synthesize(ws)
        from_styles = g.synthesize_from_styles(g.styles(ws))
        g.autocast = None
        assert torch.equal(g.synthesize(ws), full)
    assert half.dtype == torch.float32
    assert 1e-5 < relative_error(half, full) < 0.05
    assert_equal(from_styles, half, 1e-6)


@on_every_device
def test_loading_lays_weights_out_and_turns_tf32_off(device: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    network = StyleGAN2Generator(**CONFIG)  # type: ignore[arg-type]
    write_native(path, {"G_ema": NetworkState("stylegan2", dict(CONFIG), network.state_dict())})
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    g = load_generator(path, device, autocast=True)
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert g.autocast == HALF[device]
    assert load_generator(path, device).autocast is None
    weight = g.get_parameter("synthesis.b16.conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
