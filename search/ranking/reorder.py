"""Putting hits in the order of an attribute: a price, a date, a name."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from indexer import number_of

Value = str | int | float | bool | date | None
"""The value of an attribute; None where an item lacks it."""

_ISO_DATE = re.compile(r"\d{4}-\d\d(-\d\d([T ].*)?)?")


def order_by(values: Sequence[Value], *, descending: bool = False) -> list[int]:
    """Order hits by an attribute; equal values keep their order, and missing ones come last both ways.

    Numbers come before dates and dates before other texts, which are compared without regard to case. A text
    is a number if it reads like one to a filter, such as a price (``1,299.00``, ``9,90``, ``€79``), a date if
    it is written as ISO 8601 with dashes (``2024-01`` is its first day); one without a time zone is taken
    as UTC. None, a blank text and NaN are missing.

    Args:
        values: (n,) of the hits, in ranking order.
        descending: the greatest first, and so texts before dates before numbers.

    Returns:
        The positions of the hits in their new order.
    """
    keys = [(_key(value), position) for position, value in enumerate(values)]
    known = [(key, position) for key, position in keys if key is not None]
    known.sort(key=lambda entry: entry[0], reverse=descending)  # stable in both directions
    return [position for _, position in known] + [position for key, position in keys if key is None]


def _key(value: Value) -> tuple[int, float, str] | None:
    """Give what values are compared by; None for a missing one."""
    if isinstance(value, date):  # and datetime
        return (1, _seconds(value), "")
    if isinstance(value, str):
        return _text_key(value.strip())
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return (0, value, "")


def _text_key(text: str) -> tuple[int, float, str] | None:
    if not text:
        return None
    if _ISO_DATE.fullmatch(text):
        try:
            return (1, _seconds(datetime.fromisoformat(text if len(text) > 7 else f"{text}-01")), "")
        except (ValueError, OverflowError):
            pass  # no such day
    number = number_of(text)
    return (2, 0.0, text.casefold()) if number is None else (0, number, "")


def _seconds(moment: date) -> float:
    """Count seconds since 1970, UTC."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (known - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
