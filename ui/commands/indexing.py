"""Fill a collection: index."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import common, say, settings, write_json

if TYPE_CHECKING:
    from .options import Commands


def add_index(commands: Commands) -> None:
    """Add ``index``."""
    index = commands.add_parser("index", parents=[common()], help="index folders, tables and files")
    index.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="default: what was indexed before")
    index.add_argument("--prune", action="store_true", help="remove the items of a folder that is empty now")
    index.add_argument("--json", action="store_true", help="the report as JSON")
    index.set_defaults(run=_index)


def _index(options: argparse.Namespace) -> int:
    from ui import formats, progress, services, zoo

    line = progress.ProgressLine()
    try:
        report = services.index(
            settings(options), options.paths, prune=options.prune, say=say, on_progress=line
        )
    finally:
        line.close()
    if options.json:
        write_json(formats.report_to_json(report))
    else:
        say(formats.report_to_text(report))
    zoo.prepare_for(settings(options), say)
    return 0
