"""What the catalogue lacks: logged misses, put together by meaning and ranked by how much they are missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from indexer import Collection, Embeddings, Generated, Ids, Kind, Miss
from search import Query, SearchError, Vector, Verdict, parse_filter, parse_terms

SAME_GAP = 0.85
"""Mean cosine from which queries ask for the same. Of 16 pairs such as *sofa* and *couch* or *handbag* and
*hand bag*, 12 are above it (starter); of 16 such as *red dress* and *blue dress*, one."""

HALF_LIFE_DAYS = 30.0
"""After so long, a question counts half."""

MOST_QUERIES = 3_000
"""Queries that are put together; of more, those least in demand are left out. The effort is quadratic."""

_NEAREST = 3
_ATTEMPTS = "gap_attempts"
_MOST_ATTEMPTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The last time that somebody tried to fill a gap.

    Attributes:
        at: when, UTC.
        outcome: what came of it, in a word or two.
    """

    at: datetime
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gap:
    """Something that is asked for and is not there.

    Attributes:
        name: the query that was asked most often.
        variants: the others that ask for the same, the most frequent first.
        where: the filter of all of them; empty for none.
        kind: what they ask with: ``text``, ``image`` or ``mixed``.
        verdict: on the query that was asked most often, the last time.
        times: how often all of them were asked.
        demand: the same, but each query counts by 0.5 to the power of the days since it was asked last,
            divided by 30.
        first_at, last_at: when one of them was asked for the first and for the last time, UTC.
        embedding: (dim,) float32 of length 1, of the query that was asked most often.
        nearest: ids of the nearest misses, at most three.
        filled_by: ids of the items that were made for one of them.
        attempt: the last attempt to fill it; None if there was none.
        entries: ids of its queries in the log of misses, ascending.
    """

    name: str
    variants: tuple[str, ...]
    where: str
    kind: str
    verdict: Verdict
    times: int
    demand: float
    first_at: datetime
    last_at: datetime
    embedding: Embeddings
    nearest: tuple[int, ...] = ()
    filled_by: tuple[int, ...] = ()
    attempt: Attempt | None = None
    entries: tuple[int, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nothing was made for it, and it was not tried since it was asked last."""
        tried = self.attempt is not None and self.attempt.at >= self.last_at
        return not self.filled_by and not tried

    def query(self) -> Query:
        """Ask for it again: by its words, or, where there was a picture, by what is kept of it.

        Raises:
            BadFilter: its filter cannot be understood any more.
        """
        condition = parse_filter(self.where) if self.where else None
        if self.kind == "text":
            try:
                terms = parse_terms([self.name], files=False)
                return Query(terms=tuple(terms), text=self.name, condition=condition, where=self.where)
            except SearchError:
                pass  # written for another findmake; what it meant is kept all the same
        kind: Kind = "text" if self.kind == "text" else "image"
        vector = Vector(embedding=self.embedding, name=self.name, kind=kind)
        return Query(terms=(vector,), text=self.name, condition=condition, where=self.where)


def find_gaps(
    collection: Collection,
    *,
    now: datetime | None = None,
    since: datetime | None = None,
    same: float = SAME_GAP,
) -> list[Gap]:
    """Put the logged misses of a collection together and rank them.

    Queries under one filter are put together by agglomerative clustering with average linkage: two groups
    become one as long as the mean cosine between their members is at least ``same``.

    Args:
        collection: with its log of misses.
        now: from when on the age of a question counts, with a time zone; None for this moment.
        since: leave out what was not asked since then, with a time zone.
        same: mean cosine, -1 to 1.

    Returns:
        The gaps, those in the highest demand first; equal ones: the last asked first, then by name.
    """
    now = now or datetime.now(UTC)
    misses = [miss for miss in collection.store.misses() if since is None or miss.last_at >= since]
    misses.sort(key=lambda miss: (-demand(miss, now), miss.id))
    filters: dict[tuple[str, bool], list[Miss]] = {}
    for miss in misses[:MOST_QUERIES]:
        filters.setdefault((miss.where, miss.kind == "text"), []).append(miss)
    made, attempts = _made_for(collection), read_attempts(collection)
    gaps = [
        _gap(collection, [group[place] for place in places], now, made, attempts)
        for group in filters.values()
        for places in grouped(np.stack([miss.embedding for miss in group]), same)
    ]
    return sorted(gaps, key=lambda gap: (-gap.demand, -gap.last_at.timestamp(), gap.name))


def demand(miss: Miss, now: datetime) -> float:
    """Tell how much a query is missed: how often it was asked, half as much for each 30 days since."""
    days = max((now - miss.last_at).total_seconds(), 0.0) / 86_400
    return float(miss.times * 0.5 ** (days / HALF_LIFE_DAYS))


def grouped(rows: Embeddings, same: float) -> list[list[int]]:
    """Put rows together whose mean cosine is high, by average linkage (Sokal and Michener 1958).

    Args:
        rows: (n, dim) float32 of length 1, n at least 1.
        same: mean cosine from which two groups become one.

    Returns:
        The groups, each in ascending order, by their first members.
    """
    members: dict[int, list[int]] = {place: [place] for place in range(len(rows))}
    if len(rows) > 1:
        from sklearn.cluster import linkage_tree

        # By position: the last one asks for the heights, which are 1 - cosine and never fall.
        children, _, _, _, heights = linkage_tree(rows, None, None, "average", "cosine", True)
        for number, (pair, height) in enumerate(zip(children.tolist(), heights.tolist(), strict=True)):
            if height > 1 - same + 1e-6:
                break
            members[len(rows) + number] = sorted(members.pop(pair[0]) + members.pop(pair[1]))
    return sorted(members.values())


def spelled(text: str) -> str:
    """Bring a query to the form in which spellings of the same words are equal."""
    return " ".join(text.casefold().split())


# -- what was tried --------------------------------------------------------------------------------------


def read_attempts(collection: Collection) -> dict[str, Attempt]:
    """Read what was tried, by the key of a query."""
    told = collection.store.meta(_ATTEMPTS) or {}
    return {
        key: Attempt(at=datetime.fromisoformat(value["at"]), outcome=value["outcome"])
        for key, value in told.items()
    }


def remember_attempt(collection: Collection, gap: Gap, attempt: Attempt) -> None:
    """Remember that a gap was tried, so that the next run goes on with the others.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the database cannot be written.
    """
    with collection.writing():  # what is read must be what is written to
        known = read_attempts(collection) | {_key(gap.name, gap.where): attempt}
        newest = sorted(known.items(), key=lambda entry: entry[1].at)[-_MOST_ATTEMPTS:]
        told = {key: {"at": each.at.isoformat(), "outcome": each.outcome} for key, each in newest}
        collection.store.set_meta(**{_ATTEMPTS: told})


def _key(text: str, where: str) -> str:
    return f"{spelled(text)}\n{where}"


# -- from misses to gaps ---------------------------------------------------------------------------------


def _gap(
    collection: Collection,
    misses: Sequence[Miss],
    now: datetime,
    made: Mapping[str, Sequence[int]],
    attempts: Mapping[str, Attempt],
) -> Gap:
    ordered = sorted(misses, key=lambda miss: (-miss.times, -miss.last_at.timestamp(), miss.id))
    first = ordered[0]
    texts = list(dict.fromkeys(miss.text for miss in ordered))
    spellings = list(dict.fromkeys(spelled(text) for text in texts))
    tried = [attempts[key] for key in (_key(text, first.where) for text in texts) if key in attempts]
    return Gap(
        name=first.text,
        variants=tuple(text for text in texts if text != first.text),
        where=first.where,
        kind=first.kind,
        verdict=first.verdict,
        times=sum(miss.times for miss in misses),
        demand=round(sum(demand(miss, now) for miss in misses), 4),
        first_at=min(miss.first_at for miss in misses),
        last_at=max(miss.last_at for miss in misses),
        embedding=first.embedding,
        nearest=_nearest(collection, first),
        filled_by=tuple(sorted({item for text in spellings for item in made.get(text, ())})),
        attempt=max(tried, key=lambda attempt: attempt.at, default=None),
        entries=tuple(sorted(miss.id for miss in misses)),
    )


def _nearest(collection: Collection, miss: Miss) -> tuple[int, ...]:
    try:
        allowed = collection.select(parse_filter(miss.where)) if miss.where else None
    except SearchError:
        allowed = None
    found = collection.search(miss.embedding, _NEAREST, allowed=allowed)
    ids: Ids = found["image"].ids if len(found["image"].ids) else found["text"].ids
    return tuple(ids.tolist())


def _made_for(collection: Collection) -> dict[str, list[int]]:
    """List what was made here by the query that it was made for, in its common spelling."""
    ids = collection.select(parse_filter("origin=generated"), apart=True)
    found: dict[str, list[int]] = {}
    for item in collection.store.items(ids.tolist()):
        if isinstance(item.provenance, Generated):
            found.setdefault(spelled(item.provenance.for_query), []).append(item.id)
    return found
