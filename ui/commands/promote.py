"""Decide about pictures that were made here: promote, discard."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, say, settings

if TYPE_CHECKING:
    from .options import Commands


def add_promote(commands: Commands) -> None:
    """Add ``promote``."""
    help_text = "let generated pictures be found like all others"
    promote = commands.add_parser("promote", parents=[common()], help=help_text)
    promote.add_argument("items", nargs="+", metavar="ID", help="as printed by: search --generated")
    promote.set_defaults(run=_promote)


def add_discard(commands: Commands) -> None:
    """Add ``discard``."""
    discard = commands.add_parser("discard", parents=[common()], help="remove generated pictures for good")
    discard.add_argument("items", nargs="*", metavar="ID", help="as printed by: search --generated")
    discard.add_argument(
        "--orphans",
        action="store_true",
        help="also remove generated files that a crash has left, without an item",
    )
    discard.set_defaults(run=_discard)


def _promote(options: argparse.Namespace) -> int:
    from indexer import promote
    from ui.services import operations

    ids = _ids(options.items)
    moved = promote(operations.open_collection(settings(options)), ids)
    known = len(set(ids)) - moved
    say(f"{moved:,} promoted." + (f" {known:,} had been promoted before." if known else ""))
    return 0


def _discard(options: argparse.Namespace) -> int:
    from indexer import discard, sweep_orphans
    from ui.services import operations

    if not (options.items or options.orphans):
        say("findmake discard: give the ids of generated pictures, or --orphans.")
        return 2
    collection = operations.open_collection(settings(options))
    removed = discard(collection, _ids(options.items))
    say(f"{removed:,} discarded, with their files.")
    if options.orphans:
        say(f"{sweep_orphans(collection):,} files removed that no item named.")
    return 0


def _ids(items: list[str]) -> list[int]:
    """Read ids.

    Raises:
        ItemNotFound: one is not a number that an item may have.
    """
    from indexer import ItemNotFound

    for name in items:
        if not (name.isascii() and name.isdecimal() and len(name) < 19):
            raise ItemNotFound(name)
    return [int(name) for name in items]
