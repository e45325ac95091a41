"""Tell a collection's model, or change it in place: model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, say, settings, write, write_json
from .placement import check_writable

if TYPE_CHECKING:
    from .options import Commands


def add_model(commands: Commands) -> None:
    """Add ``model``."""
    model = commands.add_parser(
        "model", parents=[common()], help="tell the collection's model, or change it in place"
    )
    model.add_argument(
        "name", nargs="?", metavar="NAME", help="the new model; see: findmake models. None: tell which it is"
    )
    model.add_argument("--json", action="store_true", help="as JSON")
    model.set_defaults(run=_model)


def _model(options: argparse.Namespace) -> int:
    from ui.formats import answers, progress
    from ui.services import reembed

    wanted = settings(options)
    if options.name is None:
        facts = reembed.model_facts(wanted)
    else:
        check_writable(wanted.collection)
        line = progress.ProgressLine()
        try:
            facts = reembed.change_model(wanted, options.name, say=say, on_progress=line)
        finally:
            line.close()
    write_json(facts) if options.json else write(answers.model_to_text(facts))
    return 0
