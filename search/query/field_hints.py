"""Telling of fields that no item has: mistyped, most often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_SHOWN = 12


def field_warnings(asked: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """Warn of fields that are asked for and not there.

    Args:
        asked: names, as the person wrote them.
        known: those that any item has a value in.

    Returns:
        A sentence or two for each that is not there, whatever its case; in alphabetical order.
    """
    there = {name.lower(): name for name in known}
    return tuple(_warning(name, there) for name in sorted(asked) if name.lower() not in there)


def _warning(name: str, there: dict[str, str]) -> str:
    near = get_close_matches(name.lower(), there, n=1)
    if near:
        return f"No item has the field {name!r}; the nearest is {there[near[0]]!r}."
    names = ", ".join(sorted(there.values())[:_SHOWN]) + (" and more" if len(there) > _SHOWN else "")
    return f"No item has the field {name!r}. There are: {names or 'none'}."
