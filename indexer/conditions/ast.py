"""What an item must satisfy, as values: the meaning of a filter, however it was written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from .values import Period, year_of

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
"""How two values are compared."""

Value = float | str | Period
"""A number, a text, or a period of time; a whole number of four digits is also a year."""

TEXT_FIELDS = frozenset({"title", "text", "path", "key", "origin", "modality"})
NUMBER_FIELDS = frozenset({"id", "width", "height"})
DATE_FIELDS = frozenset({"added", "taken"})
"""Fields that are compared with dates only; ``taken`` is an attribute, the others are built in."""

BUILT_IN = TEXT_FIELDS | NUMBER_FIELDS | {"added"}
"""Fields that every item has a place for; any other name is that of an attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """An item's value stands in some order to a given one; an item without a value does not satisfy it.

    Attributes:
        field: a built-in field or an attribute; case does not matter.
        operator: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
        value: what to compare with.

    Raises:
        ValueError: the field is blank, the operator unknown, the number not finite, or the value of a type
            that this built-in field never has.
    """

    field: str
    operator: Operator
    value: Value

    def __post_init__(self) -> None:
        _check(self.field, self.value)
        if self.operator not in get_args(Operator):
            raise ValueError(f"{self.operator!r} is not a comparison")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """An item's value equals one of several.

    Attributes:
        field: a built-in field or an attribute.
        values: at least one.

    Raises:
        ValueError: there are no values, or as for Compare.
    """

    field: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("there must be at least one value to choose from")
        for value in self.values:
            _check(self.field, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """An item's text matches a pattern as a whole, without regard to case.

    Attributes:
        field: a built-in text field or an attribute.
        pattern: ``*`` stands for any characters, ``?`` for one; nothing else is special.

    Raises:
        ValueError: the field is blank, or is built in and holds no text.
    """

    field: str
    pattern: str

    def __post_init__(self) -> None:
        _check(self.field)
        if self.field.lower() in NUMBER_FIELDS | {"added"}:
            raise ValueError(f"{self.field} is not text; compare it with = or <")


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """An item has any value at all in this field."""

    field: str

    def __post_init__(self) -> None:
        _check(self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """An item has this tag, from whatever source; case does not matter."""

    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """An item satisfies all parts, of which there are at least two."""

    parts: tuple[Condition, ...]

    def __post_init__(self) -> None:
        _check_parts(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """An item satisfies at least one of the parts, of which there are at least two."""

    parts: tuple[Condition, ...]

    def __post_init__(self) -> None:
        _check_parts(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """An item does not satisfy the part; one that lacks a value satisfies ``Not`` of any comparison."""

    part: Condition


Condition = Compare | OneOf | Matches | Has | Tagged | Both | Either | Not
"""What an item must satisfy."""


def fields_of(condition: Condition) -> frozenset[str]:
    """List the fields that a condition looks at, as it writes them."""
    return frozenset(_fields(condition))


def _fields(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Both | Either):
        for part in condition.parts:
            yield from _fields(part)
    elif isinstance(condition, Not):
        yield from _fields(condition.part)
    elif not isinstance(condition, Tagged):
        yield condition.field


def _check(field: str, value: Value | None = None) -> None:
    name = field.lower()
    if not field.strip():
        raise ValueError("a field needs a name")
    if isinstance(value, float | int) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number to compare with")
    if value is None:
        return
    if name in NUMBER_FIELDS and not isinstance(value, float | int):
        raise ValueError(f"{name} is compared with a number, such as {name}=640")
    is_date = isinstance(value, Period) or (isinstance(value, float | int) and bool(year_of(float(value))))
    if name in DATE_FIELDS and not is_date:
        raise ValueError(f"{name} is compared with a date, such as {name}>2024-01-15")


def _check_parts(parts: tuple[Condition, ...]) -> None:
    if len(parts) < 2:
        raise ValueError(f"'and' and 'or' join at least two conditions, not {len(parts)}")


def names_origin(condition: Condition | None) -> bool:
    """Say whether a condition asks where items come from, and so about what stands apart too."""
    return condition is not None and any(field.lower() == "origin" for field in fields_of(condition))
