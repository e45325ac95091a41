"""Which items satisfy a condition: each comparison one SQL statement, their sets joined in NumPy.

A comparison reads one field, whose values lie together in the table of fields, and gives its ids as one
string: over 10,000 items that takes about a millisecond, a third of what one nested statement costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, null, or_, select

from ...conditions.ast import (
    Both,
    Compare,
    Condition,
    Either,
    Has,
    Matches,
    Not,
    OneOf,
    Operator,
    Tagged,
    Value,
)
from ...conditions.values import DATE_SHAPE, Period, comparable_text, pattern_of, year_of
from ...items import Ids
from ..schema.dialects import Joined, glob, ids_of
from ..schema.tables import APART, FIELDS, ITEMS, TAGS

_AFTER = "~"  # sorts after every character of a date, so that a period ends at its own text and this
_Truth = ColumnElement[bool]


def select_ids(connection: Connection, condition: Condition, *, apart: bool) -> Ids:
    """Find the items that satisfy a condition.

    Args:
        connection: one snapshot, so that all parts look at the same items.
        condition: what to satisfy.
        apart: whether what stands apart takes part.

    Returns:
        (m,) int64 ascending.
    """
    ids = _select(connection, condition)
    return ids if apart else np.setdiff1d(ids, _fetch(connection, APART), assume_unique=True)


def _select(connection: Connection, condition: Condition) -> Ids:
    if isinstance(condition, Both):
        return _all_of(connection, condition.parts)
    if isinstance(condition, Either):
        return reduce(np.union1d, (_select(connection, part) for part in condition.parts))
    if isinstance(condition, Not):
        return _all_of(connection, (condition,))
    return _fetch(connection, _statement(condition))


def _all_of(connection: Connection, parts: Sequence[Condition]) -> Ids:
    """Intersect what is wanted, then take away what is not; all items are read only if nothing is wanted."""
    wanted = [part for part in parts if not isinstance(part, Not)]
    ids = _every(connection) if not wanted else _select(connection, wanted[0])
    for part in wanted[1:]:
        ids = np.intersect1d(ids, _select(connection, part), assume_unique=True)
    for unwanted in (part.part for part in parts if isinstance(part, Not)):
        ids = np.setdiff1d(ids, _select(connection, unwanted), assume_unique=True)
    return ids


def _every(connection: Connection) -> Ids:
    return _fetch(connection, select(ITEMS.c.id))


def _fetch(connection: Connection, statement: Select[int]) -> Ids:
    """Read ids as one string: a tenth of the time of as many rows."""
    column = statement.subquery().c[0]
    return ids_of(connection.scalar(select(Joined(column))))


def _statement(condition: Compare | OneOf | Matches | Has | Tagged) -> Select[int]:
    if isinstance(condition, Tagged):
        tag = " ".join(condition.tag.split()).lower()
        return select(TAGS.c.item_id).distinct().where(TAGS.c.tag == tag)
    name = condition.field.lower()
    if name == "id":
        return select(ITEMS.c.id).where(_truth(condition, text=null(), number=ITEMS.c.id))
    if name in ("text", "key"):  # long, and seldom asked for: not kept twice
        text = func.nullif(func.fold(ITEMS.c[name]), "")
        return select(ITEMS.c.id).where(_truth(condition, text=text, number=null()))
    truth = _truth(condition, text=FIELDS.c.text, number=FIELDS.c.number)
    return select(FIELDS.c.item_id).where(FIELDS.c.name == condition.field, truth)


def _truth(condition: Compare | OneOf | Matches | Has, *, text: Any, number: Any) -> _Truth:
    """Say in SQL what one value must satisfy; a value that is NULL satisfies nothing."""
    if isinstance(condition, Has):
        return or_(text.is_not(None), number.is_not(None))
    if isinstance(condition, Matches):
        return glob(text, pattern_of(condition.pattern))
    if isinstance(condition, OneOf):
        return or_(*(_compared("=", value, text=text, number=number) for value in condition.values))
    if condition.operator == "!=":
        equal = _compared("=", condition.value, text=text, number=number)
        return and_(or_(text.is_not(None), number.is_not(None)), func.coalesce(equal, false()).is_(false()))
    return _compared(condition.operator, condition.value, text=text, number=number)


def _compared(operator: Operator, value: Value, *, text: Any, number: Any) -> _Truth:
    if isinstance(value, Period):
        return _in_time(operator, value.text, text)
    if isinstance(value, str):
        equal_or_ordered = _ordered(operator, text, comparable_text(value))
        # Numbers are not in alphabetical order, but may be called by their text.
        return equal_or_ordered if operator == "=" else and_(number.is_(None), equal_or_ordered)
    truth = _ordered(operator, number, float(value))
    year = year_of(float(value))
    return or_(truth, _in_time(operator, year, text)) if year else truth


def _in_time(operator: Operator, period: str, text: Any) -> _Truth:
    """Compare a date with a period; both are ISO 8601, so that time is in alphabetical order."""
    start, end = period.lower(), period.lower() + _AFTER
    orders: dict[Operator, _Truth] = {
        "=": and_(text >= start, text < end),
        "<": text < start,
        "<=": text < end,
        ">": text >= end,
        ">=": text >= start,
    }
    return and_(glob(text, DATE_SHAPE), orders[operator])


def _ordered(operator: Operator, column: Any, value: float | str) -> _Truth:
    orders: dict[Operator, _Truth] = {
        "=": column == value,
        "<": column < value,
        "<=": column <= value,
        ">": column > value,
        ">=": column >= value,
    }
    return orders[operator]
