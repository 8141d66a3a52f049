"""What a model card says of a run's options, of means and of psi."""

from __future__ import annotations

from forensics.generators.training.presets import resolve
from tools import model_card


def test_a_card_says_that_weights_are_a_mean() -> None:
    assert model_card._as_mean({"kimg": 2.0}) == []
    (line,) = model_card._as_mean({"mean_of": [[1.0, "ab" * 32], [0.75, "cd" * 32]]})
    assert "first of 2 states" in line
    assert "1 (abababab), 0.75 (cdcdcdcd)" in line


def test_a_card_says_that_psi_has_other_units() -> None:
    assert model_card._as_spread({}) == model_card._as_spread({"psi_1_was": 1.0}) == []
    (line,) = model_card._as_spread({"psi_1_was": 0.85})
    assert "psi 1 here is what was psi 0.85 in training" in line


def test_a_card_says_what_else_the_generator_learned_from() -> None:
    options = resolve("stylegan2-64-glo").to_json()
    text = "\n".join(model_card._generator_terms(options))
    assert "weight 0.2, of features of ImageNet and of `descriptor`." in text
    assert "psi drawn between 0.6 and 1." in text
    assert "psi drawn" not in "\n".join(model_card._generator_terms(resolve("stylegan2-64").to_json()))


def test_a_card_counts_the_runs_before() -> None:
    facts = {"kimg": 16.0, "options": {"transfer_kimg": 249.0}}
    assert model_card._age(facts) == "16 kimg of its last run, after 249 kimg of earlier ones."
    assert model_card._age({"kimg": 16.0, "options": {}}) == "16 kimg of its run."
