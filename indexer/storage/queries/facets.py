"""Counts of the values that items have in their fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from ...conditions.ast import BUILT_IN
from ...conditions.values import DATE_SHAPE
from ...items import Attribute, Ids
from ..schema.dialects import among, glob
from ..schema.tables import APART, FIELDS, ITEMS, TAGS

_ALWAYS = ("tags", "origin", "modality")  # facets beside the attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """How the values of one field are spread over some items.

    Attributes:
        values: (value, how many items), the most frequent first, then by name; empty for a range.
        items: how many items have a value.
        distinct: how many different values there are, of which ``values`` may show only the first.
        low, high: the smallest and largest number, or the first and last date, where there are too many to
            list; else None.
    """

    values: tuple[tuple[Attribute, int], ...]
    items: int
    distinct: int
    low: float | str | None = None
    high: float | str | None = None


def count_facets(
    connection: Connection, ids: Ids | None, fields: Sequence[str] | None, *, limit: int
) -> dict[str, Facet]:
    """Count the values of fields over some items.

    Args:
        connection: to read from.
        ids: (m,) int64, the items to look at; None for all but those that stand apart.
        fields: attributes, built-in fields or ``tags``; None for tags, origin, modality and all attributes
            but texts that are different in every item.
        limit: how many values of a field at most; of more numbers or dates the range is told instead.

    Returns:
        By field, in the order asked for; a field without any value is left out.
    """
    only = None if ids is None else json.dumps(ids.tolist())
    names = [*_ALWAYS, *_attribute_names(connection)] if fields is None else list(fields)
    found = {name: _facet(connection, name, only, limit) for name in names}
    return {
        name: facet
        for name, facet in found.items()
        if facet.items and (fields is not None or name in _ALWAYS or not _says_nothing(facet))
    }


def field_names(connection: Connection) -> list[str]:
    """List the names of all fields with a value in any item, in alphabetical order.

    What only items that stand apart have is not listed.
    """
    names: list[str] = []
    while True:  # one look into the index for each name, instead of a walk through all values
        statement = select(func.min(FIELDS.c.name)).where(FIELDS.c.item_id.not_in(APART))
        name = connection.scalar(statement.where(FIELDS.c.name > names[-1]) if names else statement)
        if name is None:
            return names
        names.append(name)


def _attribute_names(connection: Connection) -> list[str]:
    return [name for name in field_names(connection) if name.lower() not in BUILT_IN]


def _says_nothing(facet: Facet) -> bool:
    return facet.low is None and facet.distinct == facet.items > len(facet.values)


def _facet(connection: Connection, name: str, only: str | None, limit: int) -> Facet:
    if name.lower() == "tags":
        return _tags(connection, only, limit)
    summary = _chosen(
        select(
            func.count().label("items"),
            func.count(FIELDS.c.text.distinct()).label("distinct"),
            func.count(FIELDS.c.number).label("numbers"),
            func.count(case((glob(FIELDS.c.text, DATE_SHAPE), 1))).label("dates"),
            *(func.min(FIELDS.c.number).label("low"), func.max(FIELDS.c.number).label("high")),
            *(func.min(FIELDS.c.text).label("first"), func.max(FIELDS.c.text).label("last")),
        ),
        name,
        only,
    )
    row = connection.execute(summary).one()
    counts = {"items": row.items, "distinct": row.distinct}
    if row.distinct > limit and row.numbers == row.items:
        return Facet(values=(), **counts, low=row.low, high=row.high)
    if row.distinct > limit and row.dates == row.items:
        return Facet(values=(), **counts, low=row.first.upper(), high=row.last.upper())
    return Facet(values=_values(connection, name, only, limit), **counts)


def _chosen(statement: Any, name: str, only: str | None) -> Any:
    statement = statement.where(FIELDS.c.name == name)
    return statement.where(_among(FIELDS.c.item_id, only))


def _among(column: Any, only: str | None) -> ColumnElement[bool]:
    """Say which items are looked at."""
    everywhere: ColumnElement[bool] = column.not_in(APART)
    return everywhere if only is None else among(column, only)


def _values(
    connection: Connection, name: str, only: str | None, limit: int
) -> tuple[tuple[Attribute, int], ...]:
    count = func.count()
    statement = select(FIELDS.c.text, count, func.min(FIELDS.c.item_id)).group_by(FIELDS.c.text)
    ordered = _chosen(statement, name, only).order_by(count.desc(), FIELDS.c.text).limit(limit)
    rows = connection.execute(ordered).all()
    if name.lower() in BUILT_IN:
        return tuple((text, number) for text, number, _ in rows)
    # Values are compared without case, but shown as the first item that has them writes them.
    examples = select(ITEMS.c.id, ITEMS.c.attributes).where(ITEMS.c.id.in_([row[2] for row in rows]))
    written = {item_id: _value(values, name) for item_id, values in connection.execute(examples)}
    return tuple((written[example], number) for _, number, example in rows)


def _value(attributes: Mapping[str, Attribute], name: str) -> Attribute:
    matching = [value for key, value in attributes.items() if key.lower() == name.lower()]
    return matching[-1]


def _tags(connection: Connection, only: str | None, limit: int) -> Facet:
    chosen = select(TAGS.c.item_id, TAGS.c.tag).distinct().where(_among(TAGS.c.item_id, only))
    pairs = chosen.subquery()
    totals = select(func.count(pairs.c.item_id.distinct()), func.count(pairs.c.tag.distinct()))
    items, distinct = connection.execute(totals).one()
    count = func.count()
    statement = select(pairs.c.tag, count).group_by(pairs.c.tag).order_by(count.desc(), pairs.c.tag)
    rows = connection.execute(statement.limit(limit)).all()
    return Facet(values=tuple((tag, number) for tag, number in rows), items=items, distinct=distinct)
