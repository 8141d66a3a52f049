"""Generator: z -> w -> image, the latent spaces Z, W, W+, S and F, and the door to loaded networks.

Shapes: z [n, z_dim]; w [n, w_dim]; ws [n, num_ws, w_dim]; s [n, s_dim]; F [n, c, r, r]; images float32 [n, 3, H, W].
torch is imported here: modules that must start fast import this one inside functions.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from forensics.core.devices import pick_device
from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.weights import network_name
from forensics.generators.labels import choose_class, chosen_labels
from forensics.generators.latents import latent_noise, latent_z, nvidia_latent_z
from forensics.generators.pixels import as_bytes

Noise = str | Sequence[Tensor]
Psi = float | Sequence[float] | Tensor


class Generator(nn.Module):
    """What every architecture offers. Subclasses hold `mapping` and `synthesis` with their file format's keys."""

    w_avg: Tensor
    # The name in the registry, which is the kind in a weights file; that of its discriminator, "" for none.
    kind: ClassVar[str] = ""
    discriminator: ClassVar[str] = ""
    # Whether training follows the mean of W.
    tracks_w_avg: ClassVar[bool] = True
    # Whether every module sees the whole batch and whole maps: set while `features` listens.
    whole_maps: bool = False
    # Set by `load_generator`: the sha256 of the file the weights came from, and where it was.
    weights_sha256: str = ""
    source: str = ""
    chosen_class: int | None = None  # what `map` takes where it is given no labels
    # Precision of the convolutions in synthesis where it is not the weights': torch.float16 or torch.bfloat16.
    autocast: torch.dtype | None = None

    def __init__(self, *, z_dim: int, c_dim: int, w_dim: int, img_resolution: int, img_channels: int) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.img_resolution, self.img_channels = img_resolution, img_channels

    def __repr__(self) -> str:
        """One line: architecture, size, latent sizes, and the first 8 digits of the file's sha256."""
        weights = f", weights {self.weights_sha256[:8]}" if self.weights_sha256 else ""
        return (
            f"<{self.kind or type(self).__name__}, {self.img_resolution} px, num_ws {self.num_ws},"
            f" w_dim {self.w_dim}{weights}>"
        )

    @classmethod
    def trained_class(cls) -> type[Generator]:
        """The class that is trained, of which this one holds the result."""
        return cls

    @staticmethod
    def saved_states(trained: nn.Module, averaged: nn.Module) -> dict[str, Mapping[str, Tensor]]:
        """What a weights file keeps of a run's generator and its average: name in the file → state dict."""
        return {"G_ema": averaged.state_dict()}

    @property
    @abstractmethod
    def num_ws(self) -> int:
        """How many w vectors one image takes (the layers of W+)."""

    @property
    @abstractmethod
    def style_sizes(self) -> dict[str, int]:
        """Channels of each modulated layer by name, in synthesis order; their sum is the size of S."""

    @property
    def s_dim(self) -> int:
        """Size of the S space."""
        return sum(self.style_sizes.values())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def lay_out(self) -> None:
        """Arrange the weights in memory as the convolutions read them; values, shapes and names stay."""
        self.to(memory_format=torch.channels_last)

    def sample_z(self, n: int, seed: int = 0, *, start: int = 0, rule: str = "own") -> Tensor:
        """z for images start ... start + n - 1 of `seed`, float32 [n, z_dim], standard normal; never depends on n.

        With `rule` "nvidia" image i is that of NVIDIA's scripts for the seed `seed` + i: RandomState(seed + i).
        """
        if rule not in ("own", "nvidia"):
            raise ForensicsError(f"no seed rule is called {rule!r}: choose own or nvidia")
        if rule == "nvidia":
            return nvidia_latent_z(self.z_dim, range(seed + start, seed + start + n)).to(self.device)
        return latent_z(self.z_dim, seed, range(start, start + n)).to(self.device)

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """(h, w) of each noise map in layer order; empty where the architecture adds no noise."""
        return []

    def sample_noise(self, seed: int, indices: Sequence[int]) -> list[Tensor]:
        """Noise maps [n, 1, h, w] in layer order; row i depends on (seed, indices[i]) alone; float32."""
        return [maps.to(self.device) for maps in latent_noise(self.noise_shapes, seed, indices)]

    def noise_by_mode(self, like: Tensor, mode: str) -> list[Tensor | None]:
        """A map a layer by mode "const", "random" or "none", float32 [n or 1, 1, h, w], normal; else ValueError."""
        raise NotImplementedError(f"{type(self).__name__} adds no noise")

    def noise_maps(
        self, like: Tensor, noise: Noise, noise_strength: float | Sequence[float]
    ) -> list[Tensor | None]:
        """What each layer adds, float32 [n or 1, 1, h, w] of any value or None: `noise` times the strengths."""
        count = len(self.noise_shapes)
        if isinstance(noise, str):
            maps = self.noise_by_mode(like, noise)
        elif len(noise) == count:
            maps = list(noise)
        else:
            raise ValueError(f"this generator takes {count} noise maps, got {len(noise)}")
        if isinstance(noise_strength, (int, float)):
            if noise_strength == 1:
                return maps
            noise_strength = [float(noise_strength)] * count
        return [None if m is None or k == 0 else m * k for m, k in zip(maps, noise_strength, strict=True)]

    @abstractmethod
    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """The untruncated ws of `z`; float32 [n, num_ws, w_dim], any value."""

    def map(self, z: Tensor, c: Tensor | None = None, psi: Psi = 1.0, cutoff: int | None = None) -> Tensor:
        """Latents [n, z_dim] (and one-hot labels [n, c_dim]) to ws [n, num_ws, w_dim].

        `psi` scales the distance to `w_avg` (one number, or one a layer); layers from `cutoff` on are untouched.
        Without labels a network with classes takes `chosen_class`; ForensicsError: it is None. All float32, any value.
        """
        labels = chosen_labels(self, len(z)) if c is None else c
        return self.truncate(self.broadcast_w(z, labels), psi, cutoff)

    def truncate(self, ws: Tensor, psi: Psi = 1.0, cutoff: int | None = None) -> Tensor:
        """w_avg + psi (w - w_avg) in the first `cutoff` layers (all: None), float32 [n, num_ws, w_dim], any value."""
        if isinstance(psi, (int, float)) and psi == 1:
            return ws
        scale = torch.as_tensor(psi, dtype=ws.dtype, device=ws.device).expand(ws.shape[1]).clone()
        if cutoff is not None:
            scale[cutoff:] = 1.0
        return self.w_avg.to(ws).lerp(ws, scale[None, :, None])

    @abstractmethod
    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """The styles of each modulated layer as in `style_sizes`, float32 [n, channels] each, any value."""

    @abstractmethod
    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Image from the styles of each layer; float32 [n, img_channels, H, W], nominally in [-1, 1]."""

    def synthesize(
        self, ws: Tensor, noise: Noise = "const", noise_strength: float | Sequence[float] = 1.0
    ) -> Tensor:
        """ws [n, num_ws, w_dim] to float32 [n, img_channels, H, W], nominally in [-1, 1].

        `noise` is "const" (the maps in the file), "random" (torch's generator), "none", or a list of
        [n or 1, 1, h, w] maps in layer order; `noise_strength` multiplies it, for all layers or one a layer.
        """
        return self._synthesized(self.layer_styles(ws), noise, noise_strength)

    def _synthesized(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        return self._computed(lambda: self.run_synthesis(styles, noise, noise_strength))

    def _computed(self, run: Callable[[], Tensor]) -> Tensor:
        """What `run` gives, float32, computed in the precision of `autocast`."""
        if self.autocast is None:
            return run()
        with torch.autocast(self.device.type, self.autocast):
            return run().float()

    def styles(self, ws: Tensor) -> Tensor:
        """The S space: all style scales side by side, float32 [n, s_dim], split by `style_sizes`; any value."""
        return torch.cat(self.layer_styles(ws), dim=1)

    def synthesize_from_styles(
        self, s: Tensor, noise: Noise = "const", noise_strength: float | Sequence[float] = 1.0
    ) -> Tensor:
        """Image from S, [n, s_dim]; float32, any value."""
        return self._synthesized(
            torch.split(s, list(self.style_sizes.values()), dim=1), noise, noise_strength
        )

    @property
    def feature_sizes(self) -> list[int]:
        """The sizes in pixels at which synthesis can be cut (the F space), lowest first; empty for none."""
        return []

    def synthesize_to(
        self,
        ws: Tensor,
        at: int,
        noise: Noise = "const",
        noise_strength: float | Sequence[float] = 1.0,
    ) -> Tensor:
        """F: the features at `at` pixels, float32 [n, c, at, at], from ws [n, num_ws, w_dim].

        Where images add up over the blocks, the image so far stands in the last channels. ForensicsError for a size
        that is not one of `feature_sizes`; any value.
        """
        self._require_size(at)
        styles = self.layer_styles(ws)
        return self._computed(lambda: self.run_to(styles, noise, noise_strength, at))

    def synthesize_from(
        self,
        features: Tensor,
        ws: Tensor,
        at: int,
        noise: Noise = "const",
        noise_strength: float | Sequence[float] = 1.0,
    ) -> Tensor:
        """Image [n, img_channels, H, W] of F, [n, c, at, at] as `synthesize_to` gives it; later layers take `ws`.

        All float32, any value.
        """
        self._require_size(at)
        styles = self.layer_styles(ws)
        return self._computed(lambda: self.run_from(features, styles, noise, noise_strength, at))

    def run_to(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float], at: int
    ) -> Tensor:
        """F at `at` pixels from the styles of all layers: float32 [n, c, at, at], any value."""
        raise NotImplementedError

    def run_from(
        self,
        features: Tensor,
        styles: Sequence[Tensor],
        noise: Noise,
        noise_strength: float | Sequence[float],
        at: int,
    ) -> Tensor:
        """The image from F at `at` pixels: float32 [n, img_channels, H, W], nominally in [-1, 1]."""
        raise NotImplementedError

    def _require_size(self, at: int) -> None:
        if at not in self.feature_sizes:
            sizes = ", ".join(map(str, self.feature_sizes)) or "this architecture has no F space"
            raise ForensicsError(f"no features of {at} pixels to cut synthesis at: {sizes}")

    def features(self, ws: Tensor, names: Sequence[str], noise: Noise = "const") -> dict[str, Tensor]:
        """Outputs of the modules called `names` (as in `named_modules`) while synthesizing `ws`, for the batch.

        As float32 [n, c, h, w] each, any value.
        """
        outputs: dict[str, Tensor] = {}
        modules = dict(self.named_modules())
        unknown = [name for name in names if name not in modules]
        if unknown:
            raise KeyError(f"no layer called {', '.join(unknown)} in this generator")
        hooks = [
            modules[name].register_forward_hook(lambda _m, _i, out, name=name: outputs.__setitem__(name, out))
            for name in names
        ]
        self.whole_maps = True
        try:
            self.synthesize(ws, noise)
        finally:
            self.whole_maps = False
            for hook in hooks:
                hook.remove()
        return outputs

    def to_uint8(self, x: Tensor) -> np.ndarray:
        """Images [n, c, H, W] in [-1, 1] to uint8 [n, H, W, c] like NVIDIA. ForensicsError: NaN, infinity."""
        return as_bytes(x, 127.5, 128, self.source or self.kind)


def load_generator(
    name_or_path: str | Path = "default",
    device: str = "auto",
    *,
    autocast: bool = False,
    class_number: int | None = None,
) -> Generator:
    """The embedded generator of that name, or the averaged generator (G_ema, else G) inside a weights file.

    `autocast` runs the convolutions of its synthesis in float16 on a GPU and in bfloat16 on a CPU: faster where the
    processor has units for it, and no longer the images that float32 gives (about 1e-3 and 1e-2 away).
    `class_number`: the class of a conditional network that `map` takes; ForensicsError where the network lacks it.
    Raises `CheckpointError` for a file that is missing, hostile, damaged or holds no generator.
    """
    from forensics.generators.checkpoints import build, read_checkpoint

    checkpoint = read_checkpoint(name_or_path)
    state = checkpoint.networks.get("G_ema") or checkpoint.networks.get("G")
    if state is None:
        inside = ", ".join(checkpoint.networks) or "nothing"
        raise CheckpointError(
            f"{checkpoint.path}: no generator inside (found {inside}); give a file with G_ema or G"
        )
    generator = build(state)
    assert isinstance(generator, Generator)
    generator.weights_sha256, generator.source = checkpoint.sha256, network_name(name_or_path)
    choose_class(generator, class_number)
    where = pick_device(device)
    generator.eval().requires_grad_(False).to(where)
    generator.lay_out()
    if autocast:
        generator.autocast = torch.bfloat16 if where.type == "cpu" else torch.float16
    return generator
