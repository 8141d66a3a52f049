"""What NVIDIA's releases (stylegan2-ada-pytorch and stylegan3) call their classes and attributes.

A fork keeps the class names and may compute something else from the same weights. The code in a file never runs
here, so a fork shows only by what it stores: a class or an attribute that the releases do not have. The hash of
the embedded source is reported too, so that two files can be compared, and can be listed in KNOWN_SOURCES.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# sha256 of an embedded module source -> which release it is. Unknown ones are reported, never trusted or refused.
KNOWN_SOURCES: dict[str, str] = {}

_SHARED_LAYER = (
    "resolution up use_noise activation conv_clamp padding act_gain in_channels out_channels w_dim"
)
_SG3_LAYER = (
    "is_torgb is_critically_sampled use_fp16 in_size out_size in_sampling_rate out_sampling_rate"
    " tmp_sampling_rate in_cutoff out_cutoff in_half_width out_half_width conv_kernel magnitude_ema_beta"
    " up_factor up_taps down_factor down_taps down_radial"
)
# "bias" and "mbstd" are attributes where a layer has none: torch keeps None outside its registers.
_ATTRIBUTES = {
    "Generator": "z_dim c_dim w_dim img_resolution img_channels num_ws",
    "MappingNetwork": "z_dim c_dim w_dim num_ws num_layers w_avg_beta",
    "SynthesisNetwork": "w_dim img_resolution img_resolution_log2 img_channels block_resolutions num_ws"
    " num_fp16_res num_layers num_critical margin_size output_scale layer_names",
    "SynthesisBlock": "in_channels w_dim resolution img_channels is_last architecture use_fp16 channels_last"
    " num_conv num_torgb fused_modconv_default",
    "SynthesisInput": "w_dim channels size sampling_rate bandwidth",
    "SynthesisLayer": f"{_SHARED_LAYER} {_SG3_LAYER}",
    "ToRGBLayer": "conv_clamp weight_gain in_channels out_channels w_dim",
    "Conv2dLayer": "activation up down conv_clamp padding weight_gain act_gain in_channels out_channels bias",
    "FullyConnectedLayer": "activation weight_gain bias_gain in_features out_features bias",
    "Discriminator": "c_dim img_resolution img_resolution_log2 img_channels block_resolutions",
    "DiscriminatorBlock": "in_channels resolution img_channels first_layer_idx architecture use_fp16"
    " channels_last num_layers",
    "MinibatchStdLayer": "group_size num_channels",
    "DiscriminatorEpilogue": "in_channels cmap_dim resolution img_channels architecture mbstd",
}
CLASS_ATTRIBUTES = {name: frozenset(text.split()) for name, text in _ATTRIBUTES.items()}
# torch.nn.Module's own, and those of the persistence decorator.
_MODULE_ATTRIBUTES = frozenset({"training", "T_destination", "dump_patches", "call_super_init"})


def surprises(modules: Iterator[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    """Classes and attributes that the releases do not have, from (path, class name, state) of every module."""
    found: set[str] = set()
    for _, class_name, state in modules:
        known = CLASS_ATTRIBUTES.get(class_name)
        if known is None:
            found.add(f"class {class_name}")
            continue
        names = {name for name in state if isinstance(name, str) and not name.startswith("_")}
        found |= {f"{class_name}.{name}" for name in names - known - _MODULE_ATTRIBUTES}
    return sorted(found)
