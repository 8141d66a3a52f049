"""What a training run is asked to do: frozen options by subject.

In code they stand in groups (`options.losses.glo_weight`); in JSON, in the cards of weights files and on the command
line they are one flat list, as no two groups share a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from forensics.generators.training.options.phases import Phase

Value = int | float | bool | str


@dataclass(frozen=True)
class NetworkOptions:
    """The two networks: `architecture` is one of `networks.ARCHITECTURES`."""

    architecture: str = "stylegan2"
    resolution: int = 64
    z_dim: int = 256
    w_dim: int = 256
    c_dim: int = 0  # classes of a conditional network
    channel_base: int = 2048
    channel_max: int = 256
    num_mapping_layers: int = 2
    mbstd_group_size: int = 4
    generator_extra: Mapping[str, object] = field(default_factory=dict)  # further constructor arguments
    discriminator_extra: Mapping[str, object] = field(default_factory=dict)

    def generator_config(self) -> dict[str, object]:
        """Constructor arguments of the generator."""
        config: dict[str, object] = {"z_dim": self.z_dim, "img_resolution": self.resolution}
        if self.architecture != "srcnet":
            config |= {"channel_base": self.channel_base, "channel_max": self.channel_max}
        if self.architecture in ("stylegan2", "stylegan3", "stylegan"):
            config |= {"w_dim": self.w_dim}
        if self.architecture != "progan":
            config |= {"num_mapping_layers": self.num_mapping_layers}
        return config | ({"c_dim": self.c_dim} if self.c_dim else {}) | dict(self.generator_extra)

    def discriminator_config(self) -> dict[str, object]:
        """Constructor arguments of the discriminator."""
        config: dict[str, object] = {"img_resolution": self.resolution}
        if self.architecture != "srcnet":
            config |= {
                "channel_base": self.channel_base,
                "channel_max": self.channel_max,
                "mbstd_group_size": self.mbstd_group_size,
            }
        return config | ({"c_dim": self.c_dim} if self.c_dim else {}) | dict(self.discriminator_extra)


@dataclass(frozen=True)
class LossOptions:
    """The terms of the losses by their weights; a term of weight 0 is not computed. Each has its file in `losses/`."""

    adversarial: str = "non-saturating"  # or wgan-gp
    adversarial_weight: float = 1.0  # of the generator's adversarial loss, beside the terms that follow
    projected_side: int = (
        0  # pixels a side at which ImageNet features are taken; 0: no projected discriminator
    )
    projected_weight: float = 0.2  # at 1 its gradient is some 16 times as large as the adversarial one
    vision_aided: bool = False  # the projected discriminator has three scales of a face network, too
    matching_weight: float = 0.0  # energy distance of ImageNet features
    identity_weight: float = 0.0  # energy distance of face descriptors
    identity_networks: str = "dlib"  # that make the descriptors, joined by +
    glo_weight: float = 0.0  # photographs reconstructed from latent codes of their own
    glo_identity_weight: float = 0.0  # of face descriptors in that reconstruction
    glo_batch: int = 8  # codes an iteration
    glo_kimg: float = 0.0  # at the beginning, in which the generator learns from codes alone, the whole batch


@dataclass(frozen=True)
class RegularisationOptions:
    """Lazy regularisers: weights, and iterations from one use to the next."""

    r1_gamma: float = 0.1
    d_reg_interval: int = 16
    pl_weight: float = 0.0  # path length: off on a CPU, where it costs a fifth of the time
    g_reg_interval: int = 4


@dataclass(frozen=True)
class SamplingOptions:
    """How latents of training are drawn."""

    style_mixing_prob: float = 0.9
    lowest_psi: float = 1.0  # training's faces are truncated, each to a psi drawn between this and 1
    w_avg_beta: float = 0.995


@dataclass(frozen=True)
class OptimiserOptions:
    """Adam's rates for both networks."""

    lr_g: float = 0.0025
    lr_d: float = 0.0025
    lr_mapping: float = 0.0  # of the mapping and the constant; 0: as lr_g
    beta1_g: float = 0.0
    lazy_correction: bool = True  # Adam corrected for the steps that lazy regularisers add
    warmup_kimg: float = 0.0  # over which lr_g grows from 0 before discriminators that know nothing
    freeze_d: int = 0  # layers of the discriminator, from the image inwards, that keep their weights


@dataclass(frozen=True)
class AverageOptions:
    """Running averages of the generator's weights, and of StyleGAN3's magnitudes."""

    ema_kimg: float = 10.0  # half-life
    ema_rampup: float = 0.05  # 0: none
    ema_decay: float = 0.0  # an iteration; 0: by ema_kimg
    magnitude_ema_kimg: float = 0.0  # StyleGAN3: half-life of the layers' magnitudes; 0: not tracked


@dataclass(frozen=True)
class ImageOptions:
    """What the discriminator is shown of photographs and fakes."""

    framing: str = "square"  # square: centred square, bicubic; shorter-side: resized, then cropped, bilinear
    pixels: str = "unit"  # unit: [-1, 1]; imagenet: normalised by ImageNet's mean and deviation
    mirror: bool = True
    augment: str = "bgc"
    ada_target: float = 0.6
    ada_kimg: float = 100.0
    blur_sigma: float = 0.0  # StyleGAN3-R: blur that fades out over blur_kimg
    blur_kimg: float = 0.0


@dataclass(frozen=True)
class GrowingOptions:
    """Progressive growing."""

    start_resolution: int = 0  # 0: none
    stable_kimg: float = 600.0
    fade_kimg: float = 600.0


@dataclass(frozen=True)
class TrainingOptions:
    """Every number that shapes the weights. Units: kimg = thousand images shown to the discriminator.

    A run that was saved before an option existed had its default: an option added here must default to what the
    code did before.
    """

    preset: str = "stylegan2-64"
    batch: int = 16  # over all ranks
    seed: int = 0
    transfer: str = ""  # sha256 of the weights file that the run began with
    transfer_kimg: float = 0.0  # what these weights had been trained, over all runs, as far as files say
    phases: tuple[Phase, ...] = ()
    network: NetworkOptions = NetworkOptions()
    losses: LossOptions = LossOptions()
    regularisation: RegularisationOptions = RegularisationOptions()
    sampling: SamplingOptions = SamplingOptions()
    optimiser: OptimiserOptions = OptimiserOptions()
    average: AverageOptions = AverageOptions()
    images: ImageOptions = ImageOptions()
    growing: GrowingOptions = GrowingOptions()

    def with_(self, **values: object) -> TrainingOptions:
        """A copy with options, by their flat names, at other values. Raises `KeyError` for a name there is not."""
        grouped: dict[str, dict[str, object]] = {}
        for name, value in values.items():
            grouped.setdefault(GROUP_OF[name], {})[name] = value
        changes = grouped.pop("", {})
        changes |= {group: replace(getattr(self, group), **inside) for group, inside in grouped.items()}
        return replace(self, **changes)  # type: ignore[arg-type]

    def value(self, name: str) -> object:
        """The option of this flat name. Raises `KeyError` where there is none."""
        group = GROUP_OF[name]
        return getattr(getattr(self, group) if group else self, name)

    def phase_at(self, nimg: int) -> int:
        """Place in `phases` of the one that holds after `nimg` images; -1 before the first."""
        return sum(phase.from_kimg * 1000 <= nimg for phase in self.phases) - 1

    def in_phase(self, place: int) -> TrainingOptions:
        """The options as the phase at `place` has them; -1: as the run begins."""
        return self if place < 0 else self.with_(**self.phases[place].changes)

    def ever(self, name: str) -> bool:
        """Whether the option, a weight, is above 0 at the beginning or in a phase."""
        return any(bool(self.in_phase(place).value(name)) for place in range(-1, len(self.phases)))

    def to_json(self) -> dict[str, object]:
        """The options as one flat list of plain values."""
        plain = {name: self.value(name) for name in sorted(GROUP_OF)}
        return {
            name: dict(value) if isinstance(value, Mapping) else value for name, value in plain.items()
        } | {"phases": [phase.to_json() for phase in self.phases]}


_GROUPS = {
    "network": NetworkOptions, "losses": LossOptions, "regularisation": RegularisationOptions,
    "sampling": SamplingOptions, "optimiser": OptimiserOptions, "average": AverageOptions, "images": ImageOptions,
    "growing": GrowingOptions,
}  # fmt: skip
# Flat name → the group it stands in, "" for the options of the run itself.
GROUP_OF = {f.name: "" for f in fields(TrainingOptions) if f.name not in _GROUPS} | {
    f.name: group for group, record in _GROUPS.items() for f in fields(record)
}
