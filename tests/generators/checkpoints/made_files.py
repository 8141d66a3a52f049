"""Weights files as other people's code writes them, made from the reference weights.

The NVIDIA pickles are written by the real pickle and torch, through stand-ins for `torch_utils.persistence` and
`dnnlib.util` that exist only while the file is written.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import re
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

MODULE_SOURCE = "# a stand-in for training/networks.py\nraise SystemExit('embedded source was executed')\n"


def golden(shared: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(config, arrays) of a reference file: "G" and "D" are state dicts, "io" the inputs and outputs."""
    loaded = np.load(shared / "golden" / f"{name}.npz")
    parts: dict[str, Any] = {"G": {}, "D": {}, "io": {}}
    for key in loaded.files:
        if "/" in key:
            part, rest = key.split("/", 1)
            parts[part][rest] = (
                torch.from_numpy(loaded[key]) if loaded[key].dtype.kind == "f" else loaded[key]
            )
    return json.loads(str(loaded["config"])), parts


def reconstruct(meta: Any) -> None:
    """Named `torch_utils.persistence._reconstruct_persistent_obj` in the pickles."""
    raise SystemExit("the module's own constructor was called")


class EasyDict(dict[str, Any]):
    """Named `dnnlib.util.EasyDict` in the pickles."""


class Persistent:
    """A module that pickles as NVIDIA's persistence decorator makes modules pickle."""

    def __init__(self, class_name: str, source: str = MODULE_SOURCE, **attributes: Any) -> None:
        self.class_name, self.source = class_name, source
        self.state: dict[str, Any] = {
            "training": False,
            "_parameters": OrderedDict(),
            "_buffers": OrderedDict(),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": OrderedDict(),
            "_init_args": (),
            "_init_kwargs": EasyDict(),
            **attributes,
        }

    def __reduce__(self) -> Any:
        meta = EasyDict(
            type="class",
            version=6,
            module_src=self.source,
            class_name=self.class_name,
            state=self.state,
        )
        return (reconstruct, (meta,), None, None, None)


@contextmanager
def nvidia_names() -> Iterator[None]:
    """While inside, `pickle` finds the stand-ins under NVIDIA's module names."""
    persistence, util = types.ModuleType("torch_utils.persistence"), types.ModuleType("dnnlib.util")
    persistence._reconstruct_persistent_obj = reconstruct  # type: ignore[attr-defined]
    util.EasyDict = EasyDict  # type: ignore[attr-defined]
    fakes = {
        "torch_utils": types.ModuleType("torch_utils"),
        "torch_utils.persistence": persistence,
        "dnnlib": types.ModuleType("dnnlib"),
        "dnnlib.util": util,
    }
    saved = [
        (reconstruct, reconstruct.__module__, reconstruct.__qualname__),
        (EasyDict, EasyDict.__module__, "EasyDict"),
    ]
    sys.modules.update(fakes)
    reconstruct.__module__, reconstruct.__name__ = "torch_utils.persistence", "_reconstruct_persistent_obj"
    reconstruct.__qualname__, EasyDict.__module__ = "_reconstruct_persistent_obj", "dnnlib.util"
    try:
        yield
    finally:
        for name in fakes:
            del sys.modules[name]
        for thing, module, qualname in saved:
            thing.__module__, thing.__qualname__ = module, qualname


_BUFFER = re.compile(
    r"w_avg|noise_const|resample_filter|transform|freqs|phases|magnitude_ema|up_filter|down_filter"
)


def module_tree(class_name: str, state: dict[str, torch.Tensor], **attributes: Any) -> Persistent:
    """The nested modules whose state dict is `state`; inner class names are guessed from their place."""
    top = Persistent(class_name, **attributes)
    for key, tensor in state.items():
        *path, leaf = key.split(".")
        module = top
        for name in path:
            if name not in module.state["_modules"]:
                module.state["_modules"][name] = Persistent(class_of(name, class_name))
            module = module.state["_modules"][name]
        if _BUFFER.fullmatch(leaf):
            module.state["_buffers"][leaf] = tensor
        else:
            module.state["_parameters"][leaf] = torch.nn.Parameter(tensor)
    return top


def class_of(name: str, top: str) -> str:
    """NVIDIA's class of the submodule `name`."""
    if re.fullmatch(r"b\d+", name):
        kind = "DiscriminatorBlock" if top == "Discriminator" else "SynthesisBlock"
        return "DiscriminatorEpilogue" if top == "Discriminator" and name == "b4" else kind
    known = {"mapping": "MappingNetwork", "synthesis": "SynthesisNetwork", "torgb": "ToRGBLayer"}
    known |= {"input": "SynthesisInput", "embed": "FullyConnectedLayer", "affine": "FullyConnectedLayer"}
    if name in known or re.fullmatch(r"fc\d*|out", name):
        return known.get(name, "FullyConnectedLayer")
    return "Conv2dLayer" if top == "Discriminator" or name == "skip" else "SynthesisLayer"


def stylegan2_modules(shared: Path, name: str = "stylegan2_r32") -> dict[str, Any]:
    """The dict of an ADA snapshot: G, D, G_ema (equal to G), augment_pipe, training_set_kwargs."""
    config, parts = golden(shared, name)
    synthesis = {
        "channel_base": config["channel_base"],
        "channel_max": config["channel_max"],
        "num_fp16_res": 0,
    }
    kwargs = EasyDict(
        {key: config[key] for key in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")},
        mapping_kwargs=EasyDict(num_layers=config["num_mapping_layers"]),
        synthesis_kwargs=EasyDict(synthesis, conv_clamp=None),
    )
    attributes = {key: config[key] for key in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")}
    generators = [
        module_tree("Generator", parts["G"], _init_kwargs=kwargs, num_ws=8, **attributes) for _ in range(2)
    ]
    for generator in generators:
        first = generator.state["_modules"]["synthesis"].state["_modules"]["b4"].state["_modules"]["conv1"]
        first.state |= {"activation": "lrelu", "conv_clamp": None, "act_gain": np.float64(2**0.5)}
    critic = module_tree(
        "Discriminator",
        parts["D"],
        c_dim=config["c_dim"],
        img_resolution=config["img_resolution"],
        _init_kwargs=EasyDict(synthesis, epilogue_kwargs=EasyDict(mbstd_group_size=4)),
    )
    # Without a bias torch keeps the None as a plain attribute.
    critic.state["_modules"]["b8"].state["_modules"]["skip"].state["bias"] = None
    pipe = Persistent("AugmentPipe", p=0.0)
    pipe.state["_buffers"] |= {"p": torch.zeros([]), "Hz_geom": torch.ones(12), "Hz_fbank": torch.ones(4, 43)}
    return {
        "training_set_kwargs": EasyDict(
            class_name="training.dataset.ImageFolderDataset", path="/x.zip", max_size=7
        ),
        "G": generators[0],
        "D": critic,
        "G_ema": generators[1],
        "augment_pipe": pipe,
    }


def stylegan3_modules(shared: Path, name: str) -> dict[str, Any]:
    """The dict of a stylegan3 snapshot with G_ema alone."""
    config, parts = golden(shared, name)
    kwargs = EasyDict(
        {key: value for key, value in config.items() if key not in ("kind", "num_mapping_layers")}
    )
    kwargs["mapping_kwargs"] = EasyDict(num_layers=config["num_mapping_layers"])
    top = module_tree(
        "Generator", parts["G"], _init_kwargs=kwargs, img_resolution=config["img_resolution"], img_channels=3
    )
    layer = top.state["_modules"]["synthesis"].state["_modules"]["L0_24_16" if "3t" in name else "L0_24_32"]
    layer.state |= {"in_size": np.array([24, 24]), "in_cutoff": np.float64(1.5), "conv_clamp": 256}
    return {"G": None, "D": None, "G_ema": top, "training_set_kwargs": None}


def pickled(value: Any, protocol: int) -> bytes:
    """`value` as NVIDIA's scripts pickle it."""
    with nvidia_names():
        return pickle.dumps(value, protocol=protocol)


def torch_saved(value: Any, *, zipped: bool = True) -> bytes:
    """`value` as torch.save writes it, zip or older stream."""
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def relative_error(ours: torch.Tensor, reference: torch.Tensor) -> float:
    """Norm of the difference over the norm of the reference."""
    return float((ours.double() - reference.double()).norm() / reference.double().norm())


def as_rosinality(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A golden generator under rosinality's names and shapes, written apart from the package's own table."""
    made: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        if match := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", key):
            made[f"style.{int(match[1]) + 1}.{match[2]}"] = value
        elif key == "synthesis.b4.const":
            made["input.input"] = value[None]
        elif match := re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb)\.(.+)", key):
            r, layer, leaf = int(match[1]), match[2], match[3]
            k = r.bit_length() - 4  # 0 at 8 x 8
            if layer == "torgb":
                name = "to_rgb1" if r == 4 else f"to_rgbs.{k}"
            else:
                name = "conv1" if r == 4 else f"convs.{2 * k + int(layer[-1])}"
            if leaf == "noise_const":
                made[f"noises.noise_{0 if r == 4 else 2 * k + 1 + int(layer[-1])}"] = value[None, None]
            elif leaf == "noise_strength":
                made[f"{name}.noise.weight"] = value.reshape(1)
            elif leaf == "weight":
                made[f"{name}.conv.weight"] = value[None]
            elif leaf == "bias" and layer == "torgb":
                made[f"{name}.bias"] = value.reshape(1, -1, 1, 1)
            elif leaf == "bias":
                made[f"{name}.activate.bias"] = value
            elif leaf.startswith("affine"):
                made[f"{name}.conv.modulation.{leaf.removeprefix('affine.')}"] = value
            elif layer == "conv0" and leaf == "resample_filter":
                made[f"{name}.conv.blur.kernel"] = value * 4
        elif (match := re.fullmatch(r"synthesis\.b(\d+)\.resample_filter", key)) and match[1] != "4":
            made[f"to_rgbs.{int(match[1]).bit_length() - 4}.upsample.kernel"] = value * 4
    return made


def as_rosinality_critic(state: dict[str, torch.Tensor], resolution: int) -> dict[str, torch.Tensor]:
    """A golden discriminator under rosinality's names."""
    rules = [
        (rf"b{resolution}\.fromrgb\.weight", "convs.0.0.weight"),
        (rf"b{resolution}\.fromrgb\.bias", "convs.0.1.bias"),
        (r"b4\.conv\.weight", "final_conv.0.weight"),
        (r"b4\.conv\.bias", "final_conv.1.bias"),
        (r"b4\.fc\.(weight|bias)", r"final_linear.0.\1"),
        (r"b4\.out\.(weight|bias)", r"final_linear.1.\1"),
    ]
    for j, r in enumerate(2**i for i in range(resolution.bit_length() - 1, 2, -1)):
        rules += [
            (rf"b{r}\.conv0\.weight", f"convs.{j + 1}.conv1.0.weight"),
            (rf"b{r}\.conv0\.bias", f"convs.{j + 1}.conv1.1.bias"),
            (rf"b{r}\.conv1\.resample_filter", f"convs.{j + 1}.conv2.0.kernel"),
            (rf"b{r}\.conv1\.weight", f"convs.{j + 1}.conv2.1.weight"),
            (rf"b{r}\.conv1\.bias", f"convs.{j + 1}.conv2.2.bias"),
            (rf"b{r}\.skip\.resample_filter", f"convs.{j + 1}.skip.0.kernel"),
            (rf"b{r}\.skip\.weight", f"convs.{j + 1}.skip.1.weight"),
        ]
    made: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        for pattern, name in rules:
            if match := re.fullmatch(pattern, key):
                made[match.expand(name)] = value
    return made


def rosinality_training(shared: Path) -> dict[str, Any]:
    """The dict of a training checkpoint: g, d, g_ema, optimisers, the Namespace of arguments."""
    _, parts = golden(shared, "stylegan2_r32")
    parameter = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimiser.step()
    return {
        "g": as_rosinality(parts["G"]),
        "d": as_rosinality_critic(parts["D"], 32),
        "g_ema": as_rosinality(parts["G"]),
        "g_optim": optimiser.state_dict(),
        "d_optim": optimiser.state_dict(),
        "args": argparse.Namespace(size=32, path="/data", lr=0.002, ckpt=None),
        "ada_aug_p": 0.25,
    }


def srcnet_training(shared: Path) -> dict[str, Any]:
    """The dict of a SrcNet checkpoint.pt."""
    _, parts = golden(shared, "src_net_r32")
    return {"G": OrderedDict(parts["G"]), "D": OrderedDict(parts["D"]), "pl_loss_avg": 0.5}
