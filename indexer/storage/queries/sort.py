"""All items in an order: by when they came, what they are called, how large they are, or any field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from ...items import Ids
from ..schema.dialects import LeadingNumber, glob
from ..schema.tables import APART, FIELDS, ITEMS

BY_ADDED, BY_TITLE, BY_PIXELS, BY_BYTES = "added", "title", "pixels", "bytes"
"""Orders beside those by a field; an attribute of one of these names hides behind it."""

Numbers = NDArray[np.float64]

_STAMP = "[0-9]*:[0-9]*"  # how the fingerprint of a file of its own begins with its size
_NAME_OF_TEXT = 60  # characters that stand for the title of a text without one


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to arrange items; equal ones by descending id, those without a value last either way.

    Attributes:
        by: ``added``, ``title``, ``pixels``, ``bytes``, or the name of a field.
        descending: the newest, last, largest first.

    Raises:
        ValueError: the name is blank.
    """

    by: str = BY_ADDED
    descending: bool = True

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise ValueError("an order needs the name of a field")


def arrange(connection: Connection, order: Order) -> Ids:
    """List the ids of all items in an order, also of those that stand apart.

    Returns:
        (n,) int64.
    """
    name = order.by.lower()
    if name == BY_ADDED:
        by_id = ITEMS.c.id.desc() if order.descending else ITEMS.c.id
        return _ids(connection, select(ITEMS.c.id).order_by(by_id))
    if name == BY_TITLE:
        return _sorted(connection, select(ITEMS.c.id), [func.fold(_name())], order)
    if name == BY_PIXELS:
        pixels = func.nullif(ITEMS.c.width * ITEMS.c.height, 0)
        return _sorted(connection, select(ITEMS.c.id), [pixels], order)
    if name == BY_BYTES:
        size = LeadingNumber(ITEMS.c.fingerprint)  # the digits before the colon
        is_stamp = glob(ITEMS.c.fingerprint, _STAMP)
        return _sorted(connection, select(ITEMS.c.id), [case((is_stamp, size))], order)
    mine = (FIELDS.c.item_id == ITEMS.c.id) & (FIELDS.c.name == order.by)
    statement = select(ITEMS.c.id).outerjoin(FIELDS, mine)
    return _sorted(connection, statement, [FIELDS.c.number, FIELDS.c.text], order)


def read_values(connection: Connection, field: str, *, apart: bool = False) -> tuple[Ids, list[str], Numbers]:
    """Read the values of one field in the form in which they are compared.

    Args:
        connection: to read from.
        field: an attribute or a built-in field that filters know.
        apart: whether what stands apart takes part.

    Returns:
        Ids (m,) int64 ascending of the items with a value, their texts without case, and their numbers (m,)
        float64, NaN where it is none.
    """
    statement = select(FIELDS.c.item_id, FIELDS.c.text, FIELDS.c.number).where(FIELDS.c.name == field)
    if not apart:
        statement = statement.where(FIELDS.c.item_id.not_in(APART))
    rows = connection.execute(statement.order_by(FIELDS.c.item_id)).all()
    ids = np.fromiter((row.item_id for row in rows), np.int64, len(rows))
    numbers = np.array([np.nan if row.number is None else row.number for row in rows], np.float64)
    return ids, [row.text for row in rows], numbers


def read_names(connection: Connection) -> dict[int, str]:
    """Read what all items are called, by id: their title, else the start of their text, else their key."""
    return {row[0]: row[1] for row in connection.execute(select(ITEMS.c.id, _name()))}


def _name() -> ColumnElement[str]:
    start = func.nullif(func.substr(ITEMS.c.text, 1, _NAME_OF_TEXT), "")
    return func.coalesce(func.nullif(ITEMS.c.title, ""), start, ITEMS.c.key)


def _sorted(connection: Connection, statement: Select[Any], keys: Sequence[Any], order: Order) -> Ids:
    ordered: list[ColumnElement[Any]] = []
    for key in keys:
        ordered += [key.is_(None), key.desc() if order.descending else key.asc()]
    return _ids(connection, statement.order_by(*ordered, ITEMS.c.id.desc()))


def _ids(connection: Connection, statement: Select[Any]) -> Ids:
    found = np.array(connection.scalars(statement).all(), np.int64)
    found.setflags(write=False)
    return found
