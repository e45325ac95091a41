"""Give items tags and take them away: tag."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from indexer import Collection

    from .options import Commands


def add_tag(commands: Commands) -> None:
    """Add ``tag`` with its own commands."""
    tag = commands.add_parser("tag", help="give items tags, take them away, list them")
    actions = tag.add_subparsers(required=True, metavar="ACTION")
    for name, run, help_text in (
        ("add", _add, "tag items"),
        ("remove", _remove, "take a tag away from items"),
    ):
        action = actions.add_parser(name, parents=[common()], help=help_text)
        action.add_argument("tag", metavar="TAG", help="a short label, such as sale")
        action.add_argument("items", nargs="+", metavar="ITEM", help="an id, or the path of an indexed file")
        action.set_defaults(run=run)
    listing = actions.add_parser("list", parents=[common()], help="list the tags in use")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=_list)


def _add(options: argparse.Namespace) -> int:
    from indexer import Tagging
    from ui.services import operations

    collection = operations.open_collection(settings(options))
    ids = _ids(collection, options.items)
    count = collection.store.add_tags([Tagging(item_id=item_id, tag=options.tag) for item_id in ids])
    say(f"{count:,} tagged.")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from ui.services import operations

    collection = operations.open_collection(settings(options))
    count = collection.store.remove_tags(_ids(collection, options.items), tag=options.tag)
    say(f"{count:,} had that tag, and have it no more.")
    return 0


def _list(options: argparse.Namespace) -> int:
    from ui.services import operations

    tags = operations.open_collection(settings(options)).store.tags()
    if options.json:
        write_json([{"tag": t.tag, "items": t.items, "sources": list(t.sources)} for t in tags])
    elif not tags:
        say("No tags yet. Add one with: findmake tag add TAG ITEM")
    else:
        for t in tags:
            write(f"{t.items:6,}  {t.tag}  ({', '.join(t.sources)})")
    return 0


def _ids(collection: Collection, items: list[str]) -> list[int]:
    """Look up the items; one that is not here stops everything before anything is changed.

    Raises:
        ItemNotFound: there is no such item.
    """
    from pathlib import Path

    from indexer import ItemNotFound

    found = []
    for name in items:
        item_id = int(name) if name.isdecimal() and len(name) < 19 else None
        if item_id is None:
            item_id = collection.store.find_path(str(Path(name).absolute()))
        if item_id is None:
            raise ItemNotFound(name)
        found.append(collection.item(item_id).id)
    return found
