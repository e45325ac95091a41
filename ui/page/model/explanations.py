"""Why an item was found, and how two of them differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from indexer import Item, Kind, OneOf, UnreadableImage, thumbnail
from search import (
    Contribution,
    EmbeddedQuery,
    Hit,
    Query,
    Searcher,
    contributions,
    heat_map,
    overlay,
    picture_of,
)

_LONGEST_SIDE = 900  # pixels of a heat map's picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What one embedding of an item says to a query.

    Attributes:
        kind: the item's picture or its text.
        score: cosine similarity with the query; higher is better.
        terms: what each term of the query gave to the score, in the query's order.
    """

    kind: Kind
    score: float
    terms: tuple[Contribution, ...]


def reasons(searcher: Searcher, embedded: EmbeddedQuery, item: Item) -> tuple[Reason, ...]:
    """Split the score of each of an item's embeddings into what each term gave; the better one first."""
    found = []
    for kind in item.kinds:
        [row] = searcher.collection.embeddings(kind, np.array([item.id], np.int64))
        terms = contributions(embedded, row)
        found.append(Reason(kind=kind, score=float(embedded.embedding @ row), terms=terms))
    return tuple(sorted(found, key=lambda reason: -reason.score))


def heat_picture(searcher: Searcher, embedded: EmbeddedQuery, item: Item) -> bytes:
    """Show where an item's picture matches a query, as a WebP.

    This encodes some eighty partly covered copies of the picture: a second or two without a GPU.

    Raises:
        UnreadableImage: the item has no picture, or its file is gone.
    """
    if "image" not in item.kinds:
        raise UnreadableImage(f"item {item.id}", "it is a text; only a picture can be looked into")
    image = picture_of(searcher.collection, item)
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    lit = overlay(image, heat_map(searcher.encoder, image, embedded.embedding))
    return thumbnail(lit, _LONGEST_SIDE)


def hits_of(searcher: Searcher, query: Query, ids: tuple[int, ...]) -> dict[int, Hit]:
    """Ask the same of some items alone: their probabilities and scores, wherever they rank.

    Args:
        searcher: over the collection.
        query: what is asked.
        ids: of the items.

    Returns:
        By id; an item that the query itself names is left out, as always.

    Raises:
        FindmakeError: as ``Searcher.search`` does.
    """
    only = OneOf(field="id", values=tuple(map(float, ids)))
    asked = replace(query, condition=only, where="", k=len(ids), offset=0, fold=False, generated=True)
    return {hit.item.id: hit for hit in searcher.search(asked).hits}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that is known of two items.

    Attributes:
        name: of what is known.
        left, right: of each; None where nothing is known.
        differs: whether they are not the same.
    """

    name: str
    left: object
    right: object
    differs: bool


def compared(left: Item, right: Item) -> tuple[Row, ...]:
    """Hold two items side by side: what both or either of them have, in the order of interest.

    Names are compared without case; numbers and texts as they are.
    """
    sides = [_facts(item) for item in (left, right)]
    spelled = {name.lower(): name for side in reversed(sides) for name in side}
    values = [{name.lower(): value for name, value in side.items()} for side in sides]
    rows = []
    for key in dict.fromkeys([*values[0], *values[1]]):
        one, other = values[0].get(key), values[1].get(key)
        if one is not None or other is not None:
            rows.append(Row(name=spelled[key], left=one, right=other, differs=one != other))
    return tuple(rows)


def _facts(item: Item) -> dict[str, object]:
    own: dict[str, object] = {
        name: value for name, value in item.attributes.items() if value not in (None, "")
    }
    pixels = f"{item.width:,} x {item.height:,} pixels" if item.width else None
    last: dict[str, object] = {"tags": ", ".join(item.tags) or None, "size": pixels, "origin": item.origin}
    text = item.text if item.text and item.text != item.title else None
    return {"title": item.title or None, **own, "text": text, **last}
