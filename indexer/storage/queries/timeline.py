"""How items lie in time: how many there are of each day, and which belong to a period.

The date of an item is that of a field, ``taken`` as a rule, which indexing reads from a picture's EXIF; where
that holds no date it is, if asked for, the day on which the item came into the collection.
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Connection, func, select

from ...conditions.ast import Both, Compare, Condition, Either, Not
from ...conditions.values import DATE_SHAPE, Period
from ...items import Ids
from ..schema.dialects import among, glob
from ..schema.tables import APART, FIELDS

TAKEN, ADDED = "taken", "added"
_FIRST = Period(text="0001-01")  # satisfied by whatever is a date
_MOST_DAYS, _MOST_MONTHS = 62, 60  # bars; a longer time has coarser ones

Unit = Literal["day", "month", "year"]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """From which field the date of an item is taken.

    Attributes:
        field: an attribute, or ``added``.
        else_added: items without a date in it have that of their arrival; otherwise they have none.
    """

    field: str = TAKEN
    else_added: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in whole days, months or years, both ends within it.

    Attributes:
        first, last: ``2024``, ``2024-03`` or ``2024-03-05``.

    Raises:
        ValueError: it is not written like this, there is no such day, or it ends before it begins.
    """

    first: str
    last: str

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"{self.last} is before {self.first}")

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read ``2024``, ``2024-03`` or ``2024-03-05``, or two of them with ``..`` between."""
        first, _, last = text.partition("..")
        return cls(first=first.strip(), last=(last or first).strip())

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}..{self.last}"

    @property
    def start(self) -> date:
        """The first day of it."""
        return _days_of(self.first)[0]

    @property
    def end(self) -> date:
        """The last day of it."""
        return _days_of(self.last)[1]


def _days_of(text: str) -> tuple[date, date]:
    """Give the first and the last day of a year, a month or a day."""
    if len(text) == 4 and text.isascii() and text.isdecimal():
        return date(int(text), 1, 1), date(int(text), 12, 31)
    if len(text) not in (7, 10):
        raise ValueError(f"{text!r} is not a year, a month or a day such as 2024, 2024-03 or 2024-03-05")
    first = date.fromisoformat(text if len(text) == 10 else f"{text}-01")
    if len(text) == 10:
        return first, first
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def in_span(span: Span, when: When) -> Condition:
    """Say which items belong to a stretch of time, as a condition like those of any filter."""
    own = _within(when.field, span)
    if when.field == ADDED or not when.else_added:
        return own
    undated = Not(part=Compare(field=when.field, operator=">=", value=_FIRST))
    return Either(parts=(own, Both(parts=(_within(ADDED, span), undated))))


def _within(field: str, span: Span) -> Condition:
    first = f"{span.first}-01" if len(span.first) == 4 else span.first  # a year would mean a number, too
    last = f"{span.last}-12" if len(span.last) == 4 else span.last
    return Both(
        parts=(
            Compare(field=field, operator=">=", value=Period(text=first)),
            Compare(field=field, operator="<=", value=Period(text=last)),
        )
    )


def count_days(connection: Connection, when: When, ids: Ids | None) -> dict[str, int]:
    """Count items by the day of their date.

    Args:
        connection: to read from.
        when: what their date is.
        ids: (m,) int64, the items to look at; None for all but those that stand apart.

    Returns:
        How many by ``2024-03-05``, or ``2024-03`` where no more is known, in order of time; days without any
        are left out.
    """
    added, own = FIELDS.alias(), FIELDS.alias()
    mine = (own.c.item_id == added.c.item_id) & (own.c.name == when.field)
    mine &= glob(own.c.text, DATE_SHAPE)
    text = func.coalesce(own.c.text, added.c.text) if when.else_added else own.c.text
    day = func.substr(text, 1, 10).label("day")
    statement = select(day, func.count()).select_from(added).outerjoin(own, mine)
    statement = statement.where(added.c.name == ADDED, text.is_not(None)).group_by(day).order_by(day)
    if ids is None:
        statement = statement.where(added.c.item_id.not_in(APART))
    else:
        statement = statement.where(among(added.c.item_id, json.dumps(ids.tolist())))
    return {row[0]: row[1] for row in connection.execute(statement)}


def binned(days: Mapping[str, int]) -> tuple[Unit, list[tuple[str, int]]]:
    """Put days together to as many bars as can be looked at, without a hole between the first and the last.

    Args:
        days: as of `count_days`; what turns out to be no day of the calendar is left out.

    Returns:
        What a bar stands for, and (``2024-03-05``, ``2024-03`` or ``2024``, how many) in order of time.
    """
    counts: Counter[date] = Counter()
    for day, count in days.items():
        if _is_day(day):
            counts[_days_of(day)[0]] += count
    if not counts:
        return "day", []
    first, last = min(counts), max(counts)
    coarse = any(len(day) == 7 for day in days)
    if (last - first).days < _MOST_DAYS and not coarse:
        unit: Unit = "day"
        names = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    elif (months := (last.year - first.year) * 12 + last.month - first.month + 1) <= _MOST_MONTHS:
        unit, start = "month", first.year * 12 + first.month - 1
        names = [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(start, start + months)]
    else:
        unit, names = "year", [f"{year:04}" for year in range(first.year, last.year + 1)]
    totals: Counter[str] = Counter()
    for each, count in counts.items():
        totals[each.isoformat()[: len(names[0])]] += count
    return unit, [(name, totals[name]) for name in names]


def _is_day(text: str) -> bool:
    try:
        return bool(_days_of(text))
    except ValueError:
        return False
