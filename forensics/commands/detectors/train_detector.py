"""`forensics train-detector`: fit a detector to labelled corpora and calibrate it on images that it never saw."""

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import (
    Corpora,
    Device,
    JpegBefore,
    Json,
    Pack,
    PackRoot,
    TrimBottom,
    folder_to_write,
)

Out = Annotated[
    Path, typer.Argument(metavar="OUT", help="The folder to write the detector to.", callback=folder_to_write)
]
Kind = Annotated[
    str, typer.Option("--kind", help="What to train; `forensics methods --kind detector` lists the kinds.")
]
Authentic = Annotated[
    list[Path] | None,
    typer.Option("--authentic", metavar="DIR", help="A folder of photographs; may be given several times."),
]
SelfMade = Annotated[
    list[Path] | None,
    typer.Option(
        "--self-made",
        metavar="DIR",
        help="A corpus of a generator of your own, or a folder of such corpora, best with photographs at the same "
        "size: trained on, but not calibrated on. May be given several times.",
    ),
]
SelfMadeWeight = Annotated[
    float,
    typer.Option(
        "--self-made-weight",
        min=0.0,
        max=1.0,
        help="How much such an image counts in training, where any other counts 1 (for fingerprints: always 1).",
    ),
]
Pools = Annotated[
    Path | None,
    typer.Option(
        "--pools",
        help="A pools.json of `forensics corpus pools`: train only on its pool `train`, calibrate only on `calibrate`.",
    ),
]
Epochs = Annotated[
    float | None,
    typer.Option("--epochs", min=0.01, help="Passes over the images, where a network is trained."),
]
Parts = Annotated[
    str,
    typer.Option(
        "--parts", metavar="KIND,...", help="For an ensemble: the kinds it is made of; cnn_2 is a second cnn."
    ),
]
Features = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="SET,...",
        help="For kind frequency: any of texture (default), dct, blocks, peaks, pairs.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights", metavar="CKPT", help="For kind discriminator: the network or weights file that holds it."
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, help="Seed of the split into training and calibration, and of all that is drawn."
    ),
]
Draws = Annotated[
    int,
    typer.Option(
        "--draws", min=3, max=7, help="Altered views of each image, for kinds that are cross-fitted."
    ),
]
AtMost = Annotated[
    int,
    typer.Option(
        "--at-most",
        min=0,
        metavar="N",
        help="Take at most so many images of each source, chosen by their hashes; 0: all.",
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        "--work", metavar="DIR", help="Where checkpoints go (default: OUT.work).", callback=folder_to_write
    ),
]


def train_detector(
    out: Out,
    corpora: Annotated[list[Path], Corpora],
    kind: Kind = "ensemble",
    authentic: Authentic = None,
    self_made: SelfMade = None,
    self_made_weight: SelfMadeWeight = 0.25,
    pools: Pools = None,
    epochs: Epochs = None,
    trim_bottom: TrimBottom = 0.0,
    jpeg_before: JpegBefore = 0,
    parts: Parts = "",
    features: Features = "",
    weights: Weights = None,
    draws: Draws = 7,
    at_most: AtMost = 0,
    pack: Pack = None,
    pack_root: PackRoot = None,
    seed: Seed = 0,
    device: Device = "auto",
    work: Work = None,
    as_json: Json = False,
) -> None:
    """Train a detector, calibrate it on images that training never sees, and fix its thresholds there.

    Parts that are fitted in seconds are cross-fitted: calibrated on all images, each scored by a classifier fitted
    without it. Networks are calibrated on a fifth of the images that they are not trained on.

    Run again after a kill with the same options, it goes on from its last checkpoint.
    """
    from forensics.core.terminal import print_summary
    from forensics.detectors.fitting.run import TrainDetectorOptions, train_on_corpora

    options = TrainDetectorOptions(
        out,
        tuple(corpora),
        kind,
        tuple(authentic or ()),
        epochs,
        trim_bottom,
        seed,
        device,
        work,
        parts=tuple(filter(None, parts.split(","))),
        settings=_settings(features, weights, pack, pack_root),
        jpeg_before=jpeg_before,
        self_made=tuple(self_made or ()),
        self_made_weight=self_made_weight,
        pools=pools,
        draws=draws,
        at_most=at_most,
    )
    trained = train_on_corpora(options)
    counts = f"trained on {trained.n_training} images, calibrated on {trained.detector.thresholds.n}"
    print_summary(trained.to_json(), [f"{out}: {trained.detector.id}, {counts}"], as_json=as_json)
    if trained.failures:
        raise typer.Exit(2)


def _settings(
    features: str, weights: str | None, pack: str | None, pack_root: Path | None
) -> dict[str, dict[str, object]]:
    """What was given of the settings that single kinds take."""
    given: dict[str, dict[str, object]] = {
        "frequency": {"features": tuple(filter(None, features.split(",")))},
        "discriminator": {"weights": weights},
        "faces": {"pack": pack, "pack_root": pack_root},
    }
    return {kind: {name: value for name, value in each.items() if value} for kind, each in given.items()}
