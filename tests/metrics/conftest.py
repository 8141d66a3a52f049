"""The run that tests of training use, for the metrics that score one."""

from tests.generators.training.conftest import tiny, trainer

__all__ = ["tiny", "trainer"]
