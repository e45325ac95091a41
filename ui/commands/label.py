"""Label items by words: label."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from indexer import Collection
    from search import LabelledItem

    from .options import Commands

_PAGE = 1_000  # items looked up at a time
_UNCALIBRATED = (
    "The probabilities are uncalibrated: nothing was measured for the model {model}. "
    "The order of the labels is right; take the numbers as rough."
)


def add_label(commands: Commands) -> None:
    """Add ``label``."""
    label = commands.add_parser("label", parents=[common()], help="say which of some labels fits each item")
    label.add_argument("--labels", required=True, metavar="A,B,C", help="the labels, separated by commas")
    label.add_argument("--items", nargs="+", type=int, metavar="ID", help="only these items")
    label.add_argument("--no-none", action="store_true", help="one of the labels does fit")
    label.add_argument("--store", action="store_true", help="keep labels of at least 0.5 as tags")
    label.add_argument("--json", action="store_true", help="one JSON object")
    label.set_defaults(run=_label)


def _label(options: argparse.Namespace) -> int:
    from search import label_items, store_labels
    from ui.services import operations

    chosen = settings(options)
    collection = operations.open_collection(chosen)
    encoder = operations.open_encoder(collection, chosen)
    labels = [label.strip() for label in options.labels.split(",")]
    found = label_items(collection, encoder, labels, options.items, none=not options.no_none)
    stored = store_labels(collection, found) if options.store else 0
    if options.json:
        facts = {"model": found.model, "calibrated": found.is_calibrated, "stored": stored}
        write_json(facts | {"items": [_to_json(item) for item in found.items]})
        return 0
    if not found.is_calibrated:
        say(_UNCALIBRATED.format(model=found.model))
    _print_table(collection, found.items)
    if options.store:
        say(f"{stored:,} items tagged.")
    return 0


def _to_json(item: LabelledItem) -> dict[str, Any]:
    labels = [{"label": each.label, "probability": round(each.probability, 4)} for each in item.labels]
    return {"id": item.item_id, "labels": labels, "none": round(item.none, 4)}


def _print_table(collection: Collection, labelled: Sequence[LabelledItem]) -> None:
    from ui.formats.text import one_line

    width = max(len(_likeliest(each)) for each in labelled) if labelled else 0
    write(f"{'id':>6}  {'labels':{width}}  title  (path)")
    for start in range(0, len(labelled), _PAGE):
        page = labelled[start : start + _PAGE]
        items = {item.id: item for item in collection.store.items([each.item_id for each in page])}
        for each in page:
            item = items.get(each.item_id)  # it may have gone meanwhile
            named = one_line(f"{item.title}  ({item.path or item.key})") if item else "(gone)"
            write(f"{each.item_id:6d}  {_likeliest(each):{width}}  {named}")


def _likeliest(item: LabelledItem) -> str:
    shown = [(each.label, each.probability) for each in item.labels[:3]]
    shown = sorted([*shown, ("none of these", item.none)], key=lambda pair: -pair[1])
    return ", ".join(f"{label} {chance:.2f}" for label, chance in shown)
