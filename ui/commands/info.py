"""Look at what there is: info, models."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from .options import Commands


def add_info(commands: Commands) -> None:
    """Add ``info``."""
    info = commands.add_parser("info", parents=[common()], help="tell about the collection")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(run=_info)


def add_models(commands: Commands) -> None:
    """Add ``models``."""
    help_text = "list the encoders, and which work on this machine now"
    models = commands.add_parser("models", help=help_text)
    models.add_argument("--json", action="store_true", help="as JSON")
    models.add_argument(
        "--prepare", metavar="NAME", help="make a model ready to start at once on a processor, without torch"
    )
    models.add_argument(
        "--int8", action="store_true", help="with --prepare: also in 8 bits, for FINDMAKE_RUNTIME=int8"
    )
    models.set_defaults(run=_models)


def _info(options: argparse.Namespace) -> int:
    from ui.formats import answers
    from ui.services import operations

    facts = operations.info(operations.open_collection(settings(options)))
    write_json(facts) if options.json else write(answers.facts_to_text(facts))
    return 0


def _models(options: argparse.Namespace) -> int:
    from ui.formats import answers
    from ui.services import models as zoo

    if options.prepare:
        return _prepare(options.prepare, int8=options.int8)
    known = zoo.models()
    write_json(known) if options.json else write(answers.models_to_table(known))
    return 0


def _prepare(name: str, *, int8: bool) -> int:
    from ui.services import models as zoo

    reason = zoo.prepare_model(name)
    say(f"{name} is ready." if reason is None else f"{name} goes on running by torch: {reason}.")
    if int8 and reason is None:
        for line in zoo.shorten_model(name):
            say(line)
    return 0 if reason is None else 1
