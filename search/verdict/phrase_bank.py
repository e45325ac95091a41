"""The bank of phrases: what else a picture may show, as alternatives to a query."""

from __future__ import annotations

from importlib import resources


def _read() -> tuple[str, ...]:
    text = resources.files("search").joinpath("banks/phrases.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(phrase.strip() for line in lines for phrase in line.split(","))


PHRASES = _read()
"""About a thousand things, scenes and doings in plain English, none twice."""
