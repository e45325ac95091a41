"""The banks of words and phrases that are shipped in ``banks``: one list a line, perhaps with a head."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources


@lru_cache(maxsize=8)
def read_lists(name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read a bank whose lines have a head before a colon: the head and the entries of each line."""
    pairs = [line.split(":", 1) for line in _lines(name)]
    return tuple((head.strip(), _entries(rest)) for head, rest in pairs)


@lru_cache(maxsize=8)
def read_phrases(name: str) -> tuple[str, ...]:
    """Read the entries of a bank without heads."""
    return tuple(entry for line in _lines(name) for entry in _entries(line))


def _lines(name: str) -> list[str]:
    text = resources.files(__package__).joinpath(f"banks/{name}").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _entries(line: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in line.split(","))
