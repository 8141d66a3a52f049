"""The `forensics` command: one Typer app. A command parses, calls one function, prints; the work is elsewhere."""

from __future__ import annotations

import importlib
import sys

import typer

from forensics.core.errors import ForensicsError
from forensics.core.terminal import note

app = typer.Typer(
    name="forensics",
    help="Make synthetic faces under full control, and measure honestly who can still tell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# command name -> (module under forensics.commands, function, or Typer app of several commands); the order is the order
# of `forensics --help`, where apps come last.
COMMANDS = {
    "generate-corpus": ("generate_corpus", "generate_corpus"),
    "walk": ("walk", "walk"),
    "detect": ("detect", "detect"),
    "train": ("train", "train"),
    "train-detector": ("train_detector", "train_detector"),
    "benchmark": ("benchmark", "benchmark"),
    "faces": ("faces", "faces"),
    "inspect": ("inspect", "inspect"),
    "prune": ("prune", "prune"),
    "latent": ("latent", "latent"),
    "study": ("study", "app"),
    "explore": ("explore", "explore"),
    "methods": ("methods", "methods"),
    "models": ("models", "app"),
    "convert": ("convert", "convert"),
    "export": ("export", "export"),
    "doctor": ("doctor", "doctor"),
    "demo": ("demo", "demo"),
}

for _name, (_module, _function) in COMMANDS.items():
    _found = getattr(importlib.import_module(f"forensics.commands.{_module}"), _function)
    if isinstance(_found, typer.Typer):
        app.add_typer(_found, name=_name)
    else:
        app.command(_name)(_found)


def main() -> None:
    """Run the app; a `ForensicsError` is one line on stderr and its exit code, Ctrl-C is 130."""
    try:
        app()
    except ForensicsError as error:
        note(f"error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        note("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
