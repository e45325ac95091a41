"""Where the next page begins, so that what is added or removed meanwhile repeats nothing and skips nothing.

A cursor names the last hits that a client has seen. The next page is looked for around the place where they
stood, and begins after the last of them that is still there. The server remembers nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from search import Hit, Query, Results

from .problems import ApiError
from .schemas.search import CURSOR, Narrowed

_SLACK = 50  # places by which a hit may have moved between two pages
_ANCHORS = 5  # last hits that a cursor names: should some of them be removed, the others tell the place
_IRRELEVANT = {"k", "offset", "cursor", "explain", "facets"}  # to the order of hits


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in the ranking of one query.

    Attributes:
        offset: how many hits came before it.
        seen: ids of the last of these, the last one first.
        digest: of the query.
    """

    offset: int
    seen: tuple[int, ...]
    digest: str

    def written(self) -> str:
        """Write it for the client."""
        return f"{self.offset}.{'-'.join(map(str, self.seen))}.{self.digest}"


def read_cursor(text: str, digest: str) -> Cursor:
    """Read a cursor that an answer to the very same query has given.

    Raises:
        ApiError: it is none, or of another query.
    """
    if not re.fullmatch(CURSOR, text):
        raise ApiError(400, f"{text[:40]!r} is no cursor. Send back next_cursor as the last answer had it.")
    offset, seen, found = text.split(".")
    if found != digest:
        raise ApiError(400, "This cursor belongs to another search. Send the same query with it as before.")
    return Cursor(offset=int(offset), seen=tuple(map(int, seen.split("-"))), digest=found)


def digest_of(asked: Narrowed, words: str, item: int | None, picture: bytes | None) -> str:
    """Tell one search from another, whatever page of it is asked for."""
    shape = sorted(asked.model_dump(exclude=_IRRELEVANT | {"query", "item"}).items())
    parts = (repr(shape), words, repr(item), hashlib.sha256(picture or b"").hexdigest())
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:8]


def next_cursor(results: Results, digest: str) -> str | None:
    """Give the cursor of the page after this one; None at the end."""
    query, hits = results.query, results.hits
    if len(hits) < query.k:
        return None
    seen = tuple(hit.item.id for hit in hits[: -_ANCHORS - 1 : -1])
    return Cursor(offset=query.offset + query.k, seen=seen, digest=digest).written()


def page_after(search: Callable[[Query], Results], query: Query, cursor: Cursor) -> Results:
    """Search for the page after a cursor."""
    first = max(cursor.offset - _SLACK, 0)
    around = replace(query, offset=first, k=cursor.offset - first + query.k + _SLACK)
    results = search(around)
    start = _start(results.hits, cursor, cursor.offset - first)
    return replace(
        results,
        query=replace(query, offset=first + start),
        hits=results.hits[start : start + query.k],
    )


def _start(hits: Sequence[Hit], cursor: Cursor, otherwise: int) -> int:
    places = {hit.item.id: place for place, hit in enumerate(hits)}
    places |= {folded: place for place, hit in enumerate(hits) for folded in hit.folded}
    return next((places[item_id] + 1 for item_id in cursor.seen if item_id in places), otherwise)
