"""`forensics generate-corpus` and `forensics walk` as one function: a recipe, by name, into a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from forensics.core.evidence import recorded, write_evidence
from forensics.core.registry import method
from forensics.core.terminal import note, progress
from forensics.images import ImageFailure
from forensics.recipes.authentic import Authentic
from forensics.recipes.contract import Recipe, RecipeInputs
from forensics.recipes.corpus import write_corpus
from forensics.recipes.settings import read_settings


@dataclass(frozen=True)
class CorpusOptions:
    """What is to be made. `settings`: name → value, as texts, of what the recipe can be told beside its inputs."""

    out: Path
    inputs: RecipeInputs
    recipe: str = "sampled"
    settings: Mapping[str, str] = field(default_factory=dict)
    command: str = "generate-corpus"


@dataclass(frozen=True)
class CorpusSummary:
    """Images in the corpus, how many were made now, and the photographs that were passed over."""

    corpus: Path
    images: int
    made_now: int
    rejected: tuple[ImageFailure, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain values; `rejected` lists [path, why]."""
        rejected = [[failure.path, failure.message] for failure in self.rejected]
        return {
            "corpus": str(self.corpus),
            "images": self.images,
            "made_now": self.made_now,
            "rejected": rejected,
        }


@recorded
def make_corpus(options: CorpusOptions) -> CorpusSummary:
    """Make a corpus by a recipe, or go on with it; where the recipe is not of photographs, those that are named are
    added at its size. ForensicsError: no such recipe or setting, or nothing to make it of.
    """
    inputs = options.inputs
    chosen: type[Recipe[Any]] = method("recipe", options.recipe).target
    settings: Any = read_settings(chosen.settings, options.recipe, options.settings)
    recipe = chosen.planned(inputs, settings)
    recipes: list[Recipe[Any]] = [recipe]
    if inputs.photographs is not None and not recipe.of_photographs:
        recipes.append(Authentic(inputs.photographs, recipe.resolution))
    rejected = tuple(failure for one in recipes for failure in one.rejected)
    for failure in rejected:
        note(f"rejected {failure.message}")
    total = sum(one.count for one in recipes)
    with progress(options.command, total) as meter:
        made_now = write_corpus(options.out, recipes, meter, command=options.command)
    _write_evidence(options, recipe, asdict(settings))
    return CorpusSummary(options.out, total, made_now, rejected)


def _write_evidence(options: CorpusOptions, recipe: Recipe[Any], settings: Mapping[str, Any]) -> None:
    inputs = options.inputs
    used: dict[str, object] = {"recipe": recipe.name, "n": inputs.count, "device": recipe.device, **settings}
    if inputs.class_number is not None:
        used["class"] = inputs.class_number
    if inputs.photographs is not None:
        used["real"] = str(inputs.photographs)
    write_evidence(options.out, recipe.inputs(), {"seed": inputs.seed}, used)
