"""What a collection lets one choose from: values with their counts, ranges of numbers and of days."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from indexer import DATE_FIELDS, Collection, Facet, number_of

Attribute = str | int | float | bool | None
"""A value as items have it."""

Bound = float | date
"""An end of a range."""

Sort = Literal["tags", "values", "numbers", "dates"]

MOST_VALUES = 30
"""Values of one field that are offered at most."""

_FEW = 5  # numbers that are a list rather than a range
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2}.*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One field that items can be chosen by.

    Attributes:
        field: its name in a filter; ``tags`` for tags.
        sort: whether values are picked, or a range of numbers or days is.
        counts: (value, how many items), the most frequent first; empty for a range.
        low, high: of a range: numbers, or days.
    """

    field: str
    sort: Sort
    counts: tuple[tuple[Attribute, int], ...] = ()
    low: Bound = 0.0
    high: Bound = 0.0


def offered(collection: Collection) -> tuple[Choice, ...]:
    """List what the items of a collection, all but those that stand apart, can be chosen by.

    A field in which all are alike is left out. Tags come first, then ranges, then values, each in the order
    of how many items have one.
    """
    store = collection.store
    found = store.facets(None, None, limit=MOST_VALUES) | store.facets(None, ["added"], limit=1)
    choices = [(facet.items, made) for name, facet in found.items() if (made := _choice(name, facet))]
    order: dict[Sort, int] = {"tags": 0, "numbers": 1, "dates": 1, "values": 2}
    ranked = sorted(choices, key=lambda each: (order[each[1].sort], -each[0], each[1].field))
    return tuple(choice for _, choice in ranked)


def _choice(field: str, facet: Facet) -> Choice | None:
    if field == "tags":
        return Choice(field=field, sort="tags", counts=facet.values)
    if facet.distinct < 2:
        return None
    return _days(field, facet) or _numbers(field, facet) or _values(field, facet)


def _values(field: str, facet: Facet) -> Choice | None:
    if field.lower() in DATE_FIELDS or not facet.values:
        return None
    return Choice(field=field, sort="values", counts=facet.values)


def _numbers(field: str, facet: Facet) -> Choice | None:
    """Take numbers as a range, in whole steps where it is wide."""
    numbers = [facet.low, facet.high] if facet.low is not None else [value for value, _ in facet.values]
    read = [_number(value) for value in numbers]
    known = [value for value in read if value is not None]
    if len(known) < len(read) or not known or facet.distinct <= _FEW:
        return None
    low, high = min(known), max(known)
    if high - low >= 10:
        low, high = float(math.floor(low)), float(math.ceil(high))
    return Choice(field=field, sort="numbers", low=low, high=high)


def _number(value: Attribute) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    number = number_of(value) if isinstance(value, str) else float(value)
    return number if number is not None and math.isfinite(number) else None


def _days(field: str, facet: Facet) -> Choice | None:
    dates = [facet.low, facet.high] if facet.low is not None else [value for value, _ in facet.values]
    read = [_day(value) for value in dates]
    known = [day for day in read if day is not None]
    if len(known) < len(read) or not known or min(known) == max(known):
        return None
    return Choice(field=field, sort="dates", low=min(known), high=max(known))


def _day(value: Attribute) -> date | None:
    """Read the day of a date, of a month the first one."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value[:10] if len(value) > 7 else f"{value}-01")
    except ValueError:
        return None
