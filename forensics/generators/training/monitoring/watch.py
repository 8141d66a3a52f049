"""What a run leaves behind at its beginning, at every snapshot and at its end. Only the leading rank watches."""

from __future__ import annotations

import time

from forensics.generators.training.monitoring import artefacts, curves
from forensics.generators.training.monitoring.discriminator_outputs import OutputLog
from forensics.generators.training.monitoring.image_quality import MetricsLog
from forensics.generators.training.monitoring.log import TrainingLog
from forensics.generators.training.monitoring.page import write_page
from forensics.generators.training.monitoring.tensorboard import TensorBoard
from forensics.generators.training.trainer import Trainer

_FIGURES_EVERY_S = 120.0


class Watch:
    """Log, histograms, metrics, samples, networks, figures and page of one run."""

    def __init__(self, trainer: Trainer, metrics_kimg: float) -> None:
        self.trainer, self.metrics_kimg = trainer, metrics_kimg
        kimg = trainer.nimg / 1000
        self.log = TrainingLog(trainer.folder, kimg)
        self.outputs = OutputLog(trainer.folder, kimg)
        self.metrics = MetricsLog(trainer.folder, kimg)
        self.tensorboard = TensorBoard(trainer.folder)
        self._figures_at = time.monotonic()

    def begin(self) -> None:
        """Take the outputs of the start, or make what a kill between the state and the network left out."""
        if not self.trainer.nimg:
            self.outputs.add(self.trainer)
            return
        if not artefacts.samples_path(self.trainer).is_file():
            artefacts.write_samples(self.trainer)
        if not artefacts.network_path(self.trainer).is_file():
            artefacts.write_network(self.trainer)

    def snapshot(self, speed: tuple[float, float]) -> None:
        """Everything of this moment; `speed` is (img/s, share of time outside the networks) of the tick.

        The logs go first: a kill before the state is written cuts their last row off again.
        """
        trainer, kimg = self.trainer, self.trainer.nimg / 1000
        row = self.log.close_tick(kimg, float(trainer.pipe.p), speed)
        self.outputs.add(trainer)
        if self._is_scored(kimg):
            self._score()
        trainer.save()
        artefacts.write_samples(trainer)
        artefacts.write_network(trainer)
        self.tensorboard.add(row, trainer.nimg)
        if time.monotonic() - self._figures_at > _FIGURES_EVERY_S:
            self._figures_at = time.monotonic()
            self._figures()

    def _is_scored(self, kimg: float) -> bool:
        """Whether a multiple of the interval lies between the last tick and this moment."""
        if not self.metrics_kimg:
            return False
        before = float(self.log.rows[-2]["kimg"]) if len(self.log.rows) > 1 else 0.0
        return int((kimg + 1e-9) / self.metrics_kimg) > int((before + 1e-9) / self.metrics_kimg)

    def _score(self) -> None:
        trainer = self.trainer
        self.metrics.add(trainer.nimg / 1000, trainer.G_ema, trainer.images, trainer.device)

    def end(self) -> None:
        """The last scores, the figures and the page."""
        if self.metrics_kimg and self.trainer.nimg:
            self._score()
        self._figures()
        write_page(self.trainer, self.log, self.outputs, self.metrics)

    def _figures(self) -> None:
        folder = self.trainer.folder
        if self.log.rows:
            curves.write_png(folder / "curves.png", curves.curve_drawers(self.log.rows))
        if self.outputs.rows:
            drawers = curves.histogram_drawers(self.outputs.rows)
            curves.write_png(folder / "discriminator-outputs.png", drawers)
