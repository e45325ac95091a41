"""The filter as widgets show it, and back: one text is the truth, and a widget changes its own part of it.

What no widget can show stays in the text as it was written.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from indexer import Both, Compare, Condition, Has, OneOf, Period, Tagged, Value
from search import BadFilter, format_filter, parse_filter

from .filter_choices import Attribute, Bound, Choice

_AND = re.compile(r"(?<![^\s\"'()])and(?![^\s\"'()])", re.IGNORECASE)
_ANYTHING = Has(field="x")
_LOWER, _UPPER = (">", ">="), ("<", "<=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One of the conditions that a filter joins by ``and``.

    Attributes:
        text: as it was written.
        condition: what it means.
    """

    text: str
    condition: Condition


def clauses(where: str) -> tuple[Clause, ...]:
    """Take a filter apart where ``and`` joins its outermost conditions.

    Args:
        where: may be blank.

    Raises:
        BadFilter: it cannot be read.
    """
    if not where.strip():
        return ()
    whole = parse_filter(where)
    parts = _split(where, whole.parts) if isinstance(whole, Both) else ()
    return parts or (Clause(text=where.strip(), condition=whole),)


def chosen(where: str, choice: Choice) -> tuple[Value, ...]:
    """Give the values (or tags) that a filter lets through, as far as this choice can show them.

    Raises:
        BadFilter: the filter cannot be read.
    """
    parts = clauses(where)
    found: list[Value] = []
    for place in _owned(parts, choice):
        condition = parts[place].condition
        if isinstance(condition, Tagged):
            found.append(condition.tag)
        elif isinstance(condition, OneOf):
            found += condition.values
        elif isinstance(condition, Compare):
            found.append(condition.value)
    first: dict[str, Value] = {}
    for value in found:
        first.setdefault(key_of(value), value)
    return tuple(first.values())


def span(where: str, choice: Choice) -> tuple[Bound, Bound]:
    """Give the range that a filter lets through, within the bounds of the choice.

    Raises:
        BadFilter: the filter cannot be read.
    """
    parts = clauses(where)
    low, high = choice.low, choice.high
    for place in _owned(parts, choice):
        condition = parts[place].condition
        bound = _bound(condition, choice)
        if bound is None or not isinstance(condition, Compare):
            continue
        if condition.operator in _LOWER:
            low = min(max(bound, choice.low), choice.high)
        else:
            high = max(min(bound, choice.high), choice.low)
    return min(low, high), high


def with_values(where: str, choice: Choice, values: Sequence[Attribute]) -> str:
    """Let exactly these values through, or any if there are none; of tags, items must have all.

    Raises:
        BadFilter: the filter cannot be read.
    """
    wanted = [_value(value) for value in values]
    if choice.sort == "tags":
        made: list[Condition] = [Tagged(tag=str(value)) for value in values]
    elif len(wanted) == 1:
        made = [Compare(field=choice.field, operator="=", value=wanted[0])]
    else:
        made = [OneOf(field=choice.field, values=tuple(wanted))] if wanted else []
    parts = clauses(where)
    return _joined(_replaced(parts, _owned(parts, choice), map(_written, made)))


def with_span(where: str, choice: Choice, low: Bound, high: Bound) -> str:
    """Let a range through; an end at the bound of the choice is none, and an end that stays keeps its text.

    Raises:
        BadFilter: the filter cannot be read.
    """
    parts = clauses(where)
    owned = _owned(parts, choice)
    ends = ((_LOWER, ">=", low, choice.low), (_UPPER, "<=", high, choice.high))
    made: list[Clause] = []
    for (operators, operator, wanted, limit), shown in zip(ends, span(where, choice), strict=True):
        same = [parts[place] for place in owned if _operator(parts[place].condition) in operators]
        if wanted == shown:
            made += same
        elif wanted != limit:
            value = Period(text=wanted.isoformat()) if isinstance(wanted, date) else float(wanted)
            made.append(_written(Compare(field=choice.field, operator=operator, value=value)))  # type: ignore[arg-type]
    return _joined(_replaced(parts, owned, made))


def without(where: str, choice: Choice) -> str:
    """Give the filter without what this choice shows of it; empty if nothing is left.

    Raises:
        BadFilter: the filter cannot be read.
    """
    parts = clauses(where)
    return _joined(_replaced(parts, _owned(parts, choice), ()))


def left_over(where: str, choices: Iterable[Choice]) -> tuple[str, ...]:
    """List what none of the choices can show of a filter, as it was written.

    Raises:
        BadFilter: the filter cannot be read.
    """
    parts = clauses(where)
    shown = {place for choice in choices for place in _owned(parts, choice)}
    return tuple(part.text for place, part in enumerate(parts) if place not in shown)


def key_of(value: Attribute | Value) -> str:
    """Write a value so that values that the filter takes for equal are equal."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return repr(float(value)).removesuffix(".0")
    text = value.text if isinstance(value, Period) else str(value)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


# -- which clause belongs to which widget ---------------------------------------------------------------


def _owned(parts: Sequence[Clause], choice: Choice) -> list[int]:
    """List the places of the clauses that a choice shows: the first of each kind, but all tags."""
    found: dict[object, int] = {}
    for place, part in enumerate(parts):
        kind = _kind(part.condition, choice)
        if kind is not None:
            found.setdefault(place if kind == "tag" else kind, place)
    return sorted(found.values())


def _kind(condition: Condition, choice: Choice) -> str | None:
    """Say which part of a choice shows a condition; None if none does."""
    if isinstance(condition, Tagged):
        return "tag" if choice.sort == "tags" else None
    if not isinstance(condition, Compare | OneOf) or condition.field.lower() != choice.field.lower():
        return None
    if choice.sort in ("numbers", "dates"):
        operator = _operator(condition)
        if operator not in (*_LOWER, *_UPPER) or _bound(condition, choice) is None:
            return None
        return "low" if operator in _LOWER else "high"
    values = condition.values if isinstance(condition, OneOf) else (condition.value,)
    plain = not any(isinstance(value, Period) for value in values)
    return "values" if choice.sort == "values" and plain and _operator(condition) == "=" else None


def _operator(condition: Condition) -> str:
    if isinstance(condition, OneOf):
        return "="
    return condition.operator if isinstance(condition, Compare) else ""


def _bound(condition: Condition, choice: Choice) -> Bound | None:
    """Give the end of a range that a comparison sets, itself inside; None if it is none of this sort."""
    if not isinstance(condition, Compare):
        return None
    value = condition.value
    if choice.sort == "numbers":
        return float(value) if isinstance(value, float | int) else None
    days = _days(value)
    if days is None:
        return None
    first, last = days
    try:
        ends = {">=": first, ">": last + timedelta(1), "<=": last, "<": first - timedelta(1)}
    except OverflowError:
        return None
    return ends.get(condition.operator)


def _days(value: Value) -> tuple[date, date] | None:
    """Give the first and the last day of a year, a month or a day; None for anything shorter."""
    text = value.text if isinstance(value, Period) else f"{value:.0f}" if isinstance(value, float) else ""
    if len(text) == 4:
        return date(int(text), 1, 1), date(int(text), 12, 31)
    if len(text) == 7:
        first = date.fromisoformat(f"{text}-01")
        return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return (date.fromisoformat(text), date.fromisoformat(text)) if len(text) == 10 else None


def _value(value: Attribute) -> Value:
    if isinstance(value, bool):
        return str(value).lower()
    return float(value) if isinstance(value, float | int) else str(value)


# -- text ------------------------------------------------------------------------------------------------


def _split(where: str, parts: Sequence[Condition]) -> tuple[Clause, ...]:
    """Find the text of each part; nothing if they do not stand side by side, as within parentheses."""
    found: list[Clause] = []
    start = 0
    for number, part in enumerate(parts, 1):
        ends = [*_AND.finditer(where, start)] if number < len(parts) else []
        borders = [(end.start(), end.end()) for end in ends] or [(len(where), len(where))]
        here = next((b for b in borders if _reads(where[start : b[0]]) == part), None)
        if here is None:
            return ()
        found.append(Clause(text=where[start : here[0]].strip(), condition=part))
        start = here[1]
    return tuple(found)


def _reads(text: str) -> Condition | None:
    try:
        return parse_filter(text)
    except BadFilter:
        return None


def _written(condition: Condition) -> Clause:
    return Clause(text=format_filter(condition), condition=condition)


def _replaced(parts: Sequence[Clause], owned: Sequence[int], made: Iterable[Clause]) -> list[Clause]:
    """Put new clauses where the first of the old ones stood, or at the end."""
    kept = [part for place, part in enumerate(parts) if place not in owned]
    at = owned[0] if owned else len(kept)
    return [*kept[:at], *made, *kept[at:]]


def _joined(parts: Sequence[Clause]) -> str:
    if len(parts) < 2:
        return "".join(part.text for part in parts)
    return " and ".join(_joinable(part) for part in parts)


def _joinable(part: Clause) -> str:
    """Put parentheses around what would mean something else beside an ``and``."""
    joined = Both(parts=(part.condition, _ANYTHING))
    return part.text if _reads(f"{part.text} and has:x") == joined else f"({part.text})"
