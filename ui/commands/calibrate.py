"""Fit the verdict to a collection: calibrate."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, settings, write, write_json

if TYPE_CHECKING:
    from .options import Commands


def add_calibrate(commands: Commands) -> None:
    """Add ``calibrate``."""
    help_text = "fit match and no match to this collection's own titles and captions"
    calibrate = commands.add_parser("calibrate", parents=[common()], help=help_text)
    calibrate.add_argument("--json", action="store_true", help="as JSON")
    calibrate.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    from ui.services import operations

    made = operations.calibrate(settings(options))
    if options.json:
        write_json(made)
    else:
        doubt = " It rests on guesses, for there are too few texts." if made["approximate"] else ""
        write(f"Calibrated on {made['source']}.{doubt}")
        write(f"A coverage of {made['match']:.2f} is a match, below {made['weak']:.2f} nothing matches.")
    return 0
