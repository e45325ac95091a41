"""Say why an item was found: explain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from indexer import Collection, Embeddings, Encoder, Item
    from search import EmbeddedQuery

    from .options import Commands


def add_explain(commands: Commands) -> None:
    """Add ``explain``."""
    help_text = "say what each term of a query gives to an item's score, and where its picture matches"
    explain = commands.add_parser("explain", parents=[common()], help=help_text)
    explain.add_argument("query", metavar="QUERY", help="in quotation marks; see: findmake --help")
    explain.add_argument("item", metavar="ITEM", help="an id, or an indexed file's path")
    explain.add_argument("--heat-map", type=Path, metavar="PNG", help="write the picture, its matches lit")
    explain.add_argument("--json", action="store_true", help="one JSON object")
    explain.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    from search import QueryEmbedder, parse_query, script_warning
    from ui.services import operations

    given = settings(options)
    collection = operations.open_collection(given)
    encoder = operations.open_encoder(collection, given)
    item = _item(collection, options.item)
    warning = script_warning(options.query, collection.spec.name)
    if warning:
        say(warning)
    embedded = QueryEmbedder(collection, encoder).embed(parse_query([options.query]))
    explained = _explained(collection, item, embedded)
    if options.json:
        write_json({"query": options.query, "id": item.id, "title": item.title, "matched": explained})
    else:
        write(_as_text(explained))
    if options.heat_map is not None:
        return _write_heat_map(options.heat_map, encoder, _picture(collection, item), embedded.embedding)
    return 0


def _item(collection: Collection, what: str) -> Item:
    from indexer import ItemNotFound

    found = int(what) if what.isdecimal() else collection.store.find_path(str(Path(what).absolute()))
    if found is None:
        raise ItemNotFound(what)
    return collection.item(found)


def _explained(collection: Collection, item: Item, embedded: EmbeddedQuery) -> dict[str, Any]:
    """Split the score of each of the item's embeddings, by its kind."""
    import numpy as np

    from search import contributions

    explained: dict[str, Any] = {}
    for kind in item.kinds:
        [row] = collection.embeddings(kind, np.array([item.id]))
        explained[kind] = {
            "score": round(float(embedded.embedding @ row), 6),
            "terms": [
                {"term": part.label, "weight": part.weight, "contribution": round(given.value, 6)}
                for part, given in zip(embedded.parts, contributions(embedded, row), strict=True)
            ],
        }
    return explained


def _as_text(explained: dict[str, Any]) -> str:
    from ui.formats.text import one_line

    lines = []
    for kind, parts in explained.items():
        lines.append(f"{parts['score']:7.3f}  by its {kind}")
        lines += [f"{term['contribution']:+7.3f}    {one_line(term['term'])}" for term in parts["terms"]]
    return "\n".join(lines)


def _picture(collection: Collection, item: Item) -> Any:
    from indexer import UnreadableImage
    from search import picture_of

    if "image" not in item.kinds:
        raise UnreadableImage(f"item {item.id}", "it is a text; a heat map needs a picture")
    return picture_of(collection, item)


def _write_heat_map(path: Path, encoder: Encoder, image: Any, embedding: Embeddings) -> int:
    from search import heat_map, overlay

    lit = overlay(image, heat_map(encoder, image, embedding))
    try:
        lit.save(path, "PNG")
    except OSError as error:
        say(f"findmake: cannot write {path}: {error.strerror or error}. Give another --heat-map file.")
        return 1
    say(f"Wrote {path}.")
    return 0
