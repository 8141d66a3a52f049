"""The run that tests of training use, for the tools that read runs."""

from tests.generators.training.conftest import few_generated, tiny, trainer

__all__ = ["few_generated", "tiny", "trainer"]
