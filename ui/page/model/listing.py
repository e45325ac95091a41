"""Which items the library shows and in which order, from the parts of a view."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np

from indexer import (
    NUMBER_FIELDS,
    Both,
    Collection,
    Compare,
    Condition,
    Ids,
    Order,
    Span,
    Tagged,
    When,
    in_span,
    names_origin,
)
from search import parse_filter
from ui.page.model.filter_choices import offered
from ui.page.view import View

ORIGINS = ("", "imported", "generated", "apart")
"""Where items come from, as the URL names it."""

_EVERY = Compare(field="id", operator=">", value=0)
_BEST_FIRST = ("added", "pixels", "bytes", "rating", "score")  # of these the large ones are wanted first


def chosen(collection: Collection, view: View) -> Ids:
    """List the items that a view names, in its order; without it those that stand apart are left out.

    Args:
        collection: whose items.
        view: its filter, tag, origin, stretch of time and order count.

    Returns:
        (n,) int64.

    Raises:
        BadFilter: the filter cannot be read.
    """
    return arranged(collection, members(collection, view), view.sort)


def members(collection: Collection, view: View, *, whenever: bool = False) -> Ids:
    """List the items that a view names by ascending id.

    Args:
        collection: whose items.
        view: as for ``chosen``.
        whenever: leave its stretch of time out of account.

    Raises:
        BadFilter: the filter cannot be read.
    """
    parts = _conditions(view)
    span = None if whenever else span_of(view.during)
    if span is not None:
        parts.append(in_span(span, when_of(view.when)))
    condition: Condition = Both(parts=tuple(parts)) if len(parts) > 1 else (parts or [_EVERY])[0]
    apart = view.origin == "apart"
    ids = collection.select(condition, apart=apart or view.generated or names_origin(condition))
    return np.intersect1d(ids, collection.store.apart()) if apart else ids


def arranged(collection: Collection, ids: Ids, sort: str) -> Ids:
    """Put ids into an order."""
    every = collection.store.arranged(order_of(sort))
    return every[np.isin(every, ids)]


def _conditions(view: View) -> list[Condition]:
    parts: list[Condition] = []
    if view.where:
        parts.append(parse_filter(view.where))
    if view.origin in ORIGINS and view.origin:
        origin = "imported" if view.origin == "imported" else "generated"
        parts.append(Compare(field="origin", operator="=", value=origin))
    if view.tag:
        parts.append(Tagged(tag=view.tag))
    return parts


def order_of(sort: str) -> Order:
    """Read an order such as ``price`` or ``-price``; the newest come first where there is none."""
    by = sort.removeprefix("-").strip()
    return Order(by=by, descending=sort.startswith("-")) if by else Order()


def sort_of(order: Order) -> str:
    """Write an order as it stands in the URL; empty for the newest first."""
    if order == Order():
        return ""
    return f"-{order.by}" if order.descending else order.by


def orders(collection: Collection) -> list[Order]:
    """List the orders that are of use: by what all items have, then by numbers and dates, each both ways."""
    made = [Order(), Order(descending=False), Order(by="title", descending=False), Order(by="title")]
    made += [Order(by="pixels"), Order(by="bytes")]
    for choice in offered(collection):
        if choice.sort in ("numbers", "dates") and choice.field.lower() not in ("added", "width", "height"):
            down = choice.sort == "dates" or choice.field.lower() in _BEST_FIRST
            made += [Order(by=choice.field, descending=down), Order(by=choice.field, descending=not down)]
    return made


def when_of(field: str) -> When:
    """Say where dates come from; an empty field means when a picture was taken, else when it came here."""
    if not field or field.lower() in NUMBER_FIELDS:  # a URL may name what has no dates
        return When()
    return When(field=field, else_added=False)


def date_fields(collection: Collection) -> list[str]:
    """List the fields that dates can be taken from: the usual way first, empty, then the others."""
    named = [choice.field for choice in offered(collection) if choice.sort == "dates"]
    return ["", *dict.fromkeys([*(field for field in named if field.lower() != "taken"), "added"])]


def span_of(text: str) -> Span | None:
    """Read a stretch of time; what cannot be understood counts as not given."""
    if not re.fullmatch(r"[0-9.\- ]+", text, re.ASCII):
        return None
    with suppress(ValueError):
        return Span.parse(text)
    return None
