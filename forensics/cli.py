"""The `forensics` command: one Typer app. A command parses, calls one function, prints; the work is elsewhere."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from forensics import __version__
from forensics.core.errors import ForensicsError
from forensics.core.interruption import EXIT_CODE as INTERRUPTED
from forensics.core.interruption import ends_on_interrupt
from forensics.core.terminal import note, print_line

app = typer.Typer(
    name="forensics",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"forensics {__version__}")
        raise typer.Exit


@app.callback()
def _forensics(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Make synthetic faces under full control, and measure honestly who can still tell."""


# command name -> (module under forensics.commands, function, or Typer app of several commands); the order is the order
# of `forensics --help`, where apps come last.
COMMANDS = {
    "generate": ("generators.generate", "generate"),
    "align": ("generators.align", "align"),
    "invert": ("generators.invert", "invert"),
    "generate-corpus": ("corpora.generate_corpus", "generate_corpus"),
    "walk": ("corpora.walk", "walk"),
    "detect": ("detectors.detect", "detect"),
    "serve": ("detectors.serve", "serve"),
    "attribute": ("generators.attribute", "attribute"),
    "train": ("generators.train", "train"),
    "train-detector": ("detectors.train_detector", "train_detector"),
    "benchmark": ("detectors.benchmark", "benchmark"),
    "evaluate": ("generators.evaluate", "evaluate"),
    "faces": ("detectors.faces", "faces"),
    "inspect": ("generators.inspect", "inspect"),
    "prune": ("studies.prune", "prune"),
    "latent": ("studies.latent", "latent"),
    "study": ("studies.study", "app"),
    "explore": ("generators.explore", "explore"),
    "methods": ("installation.methods", "methods"),
    "corpus": ("corpora.corpus", "app"),
    "case": ("detectors.case", "app"),
    "models": ("installation.models", "app"),
    "convert": ("generators.convert", "convert"),
    "export": ("generators.export", "export"),
    "fit-encoder": ("generators.fit_encoder", "fit_encoder"),
    "doctor": ("installation.doctor", "doctor"),
    "demo": ("installation.demo", "demo"),
}

for _name, (_module, _function) in COMMANDS.items():
    _found = getattr(importlib.import_module(f"forensics.commands.{_module}"), _function)
    if isinstance(_found, typer.Typer):
        app.add_typer(_found, name=_name)
    else:
        app.command(_name)(_found)


def main() -> None:
    """Run the app: a `ForensicsError`, a full disk and Ctrl-C (130) are one line on stderr and an exit code."""
    with ends_on_interrupt() as watch:
        try:
            app()
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(0)
        except BaseException as error:
            ended = isinstance(error, SystemExit) and error.code == INTERRUPTED  # Typer makes this of it
            if watch.pressed or ended or isinstance(error, KeyboardInterrupt):
                watch.leave()
            if line := _line_of(error):
                note(f"error: {line}")
                sys.exit(getattr(error, "exit_code", 2))
            raise


def _line_of(error: BaseException) -> str:
    """The one line that says what was wrong; "" for a fault of this program, whose traceback is wanted."""
    if isinstance(error, ForensicsError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        return f"{named}{error.strerror}"
    if type(error).__name__ == "SafetensorError" and "os error" in str(error):
        return str(error)
    return ""
