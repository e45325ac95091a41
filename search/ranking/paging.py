"""Pages of a ranking, and how deep to look for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Candidate = TypeVar("Candidate")
Entry = TypeVar("Entry")


def page(entries: Sequence[Entry], offset: int, k: int) -> Sequence[Entry]:
    """Cut one page out of a ranking; pages laid end to end are the whole, without repeats or holes.

    Args:
        entries: best first.
        offset: how many come before the page.
        k: how many the page holds, at most.

    Raises:
        ValueError: offset or k is negative.
    """
    if offset < 0 or k < 0:
        raise ValueError(f"offset and k must be at least 0, not {offset} and {k}")
    return entries[offset : offset + k]


def deepen(
    fetch: Callable[[int], Sequence[Candidate]],
    fold: Callable[[Sequence[Candidate]], Sequence[Entry]],
    *,
    needed: int,
    first: int = 64,
) -> Sequence[Entry]:
    """Look deeper and deeper until enough entries are left after folding, or nothing more is there.

    The depth doubles, so that all looks together cost at most about four times the last one needed. The first
    ``needed`` entries are those of the full ranking if ``fetch`` gives prefixes of one ranking and ``fold``
    never changes its entries' order or representatives when more candidates follow.

    Args:
        fetch: gives the first n candidates of the ranking or more; fewer only if there are no more.
        fold: gives the entries that some candidates make, in order: folding, conditions, or nothing at all.
        needed: how many entries are wanted: offset + k.
        first: how many candidates to begin with, at least; ``needed`` if that is more.

    Returns:
        The entries, at least ``needed`` if there are as many; the last ones may have more folded under them.

    Raises:
        ValueError: needed is negative or first is below 1.
    """
    if needed < 0 or first < 1:
        raise ValueError(f"needed must be at least 0 and first at least 1, not {needed} and {first}")
    depth = max(first, needed)
    while True:
        candidates = fetch(depth)
        entries = fold(candidates[:depth])
        if len(entries) >= needed or len(candidates) < depth:
            return entries
        depth *= 2
