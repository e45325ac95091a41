"""Full-text matching: which items hold words, and how well, by BM25 (Robertson and Zaragoza 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from sqlalchemy import Connection

from ...items import Ids, Scores
from ...vectors import isin_sorted
from .fts5 import Counts, Fts5Matcher

_SCORED = 1_000  # items, about a millisecond
_COUNTED = 50_000  # words whose counts are remembered

Pieces = Iterable[Ids]
"""Ids, ascending, in pieces that are read when they are asked for."""


class Matcher(Protocol):
    """Some words, and the full-text index that they are sought in."""

    def with_all(self, *, in_title: bool = False) -> Pieces:
        """Find the items that hold all words."""
        ...

    def with_any(self) -> Iterable[Pieces]:
        """Find the items that hold a word; the rarest word first, words of no item left out."""
        ...

    def few_with_all(self, most: int, allowed: Ids | None) -> tuple[Ids, Scores] | None:
        """Find and score the items that hold all words, best first; None where there may be too many."""
        ...

    def scored(self, ids: Ids, limit: int) -> tuple[Ids, Scores]:
        """Score items by BM25; best first, ties by id."""
        ...


def match_words(
    connection: Connection,
    words: Sequence[str],
    limit: int,
    *,
    every: bool,
    allowed: Ids | None,
    counts: Counts,
) -> tuple[Ids, Scores]:
    """Find the items that hold words; the last word may be the beginning of one.

    Finding is cheap and scoring is not, so at most a thousand items are scored: with ``every``, those with
    the words in their title first; else those with the rarest words.

    Args:
        connection: to read from.
        words: any strings; signs within a word are kept as neighbourhood, so that ``AB-1234/X`` matches
            only these three parts side by side.
        limit: how many at most.
        every: all words must be there; otherwise any.
        allowed: (m,) int64 ascending, the only ids to consider; None for all.
        counts: what is known already, and is added to; the caller forgets it when anything changes.

    Returns:
        Ids (j,) int64 and scores (j,) float32, higher is better; best first, ties by id.
    """
    if not words or limit == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    if len(counts.held) > _COUNTED:
        counts.held.clear()
    matcher = _matcher(connection, words, every=every, counts=counts)
    most = max(_SCORED, limit)
    if every:
        few = matcher.few_with_all(most, allowed)
        if few is not None:
            return few[0][:limit], few[1][:limit]
        chosen = _first(matcher.with_all(), most + 1, allowed)
        if len(chosen) > most:
            chosen = _united([_first(matcher.with_all(in_title=True), most, allowed), chosen], most)
    else:
        chosen = _united((_first(pieces, most, allowed) for pieces in matcher.with_any()), most)
    return matcher.scored(chosen, limit)


def _matcher(connection: Connection, words: Sequence[str], *, every: bool, counts: Counts) -> Matcher:
    if connection.dialect.name == "postgresql":
        from .postgres_match import LexemeMatcher

        return LexemeMatcher(connection, words, every=every, counts=counts.held)
    return Fts5Matcher(connection, words, every=every, counts=counts)


def _first(pieces: Pieces, most: int, allowed: Ids | None) -> Ids:
    """Take the first ids that are permitted, and read no more than that takes."""
    found, total = [np.empty(0, np.int64)], 0
    for ids in pieces:
        found.append(_permitted(ids, allowed))
        total += len(found[-1])
        if total >= most:
            break
    return np.concatenate(found)[:most]


def _united(sets: Iterable[Ids], most: int) -> Ids:
    """Take from one set after another until there are enough."""
    chosen = np.empty(0, np.int64)
    for ids in sets:
        chosen = np.concatenate([chosen, np.setdiff1d(ids, chosen, assume_unique=True)])[:most]
        if len(chosen) == most:
            break
    return chosen


def _permitted(ids: Ids, allowed: Ids | None) -> Ids:
    return ids if allowed is None else ids[isin_sorted(ids, allowed)]
