"""The options of a training run: records by subject, their checks, their phases, and how files hold them."""

from forensics.generators.training.options.checks import IDENTITY_NETWORKS, check
from forensics.generators.training.options.phases import Length, Phase
from forensics.generators.training.options.records import LossOptions, SamplingOptions, TrainingOptions, Value
from forensics.generators.training.options.saved import differences, read_options, without_effect
from forensics.generators.training.options.texts import settings

__all__ = [
    "IDENTITY_NETWORKS", "Length", "LossOptions", "Phase", "SamplingOptions", "TrainingOptions", "Value", "check",
    "differences", "read_options", "settings", "without_effect",
]  # fmt: skip
