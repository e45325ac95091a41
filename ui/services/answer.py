"""Ask as a person does: for answers, whose lack is remembered if the settings allow; and for pictures."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from indexer import Unanswered
from search import Picture, Query, Results, Searcher, Words, write_terms

from ..settings import Settings

if TYPE_CHECKING:
    from generation import FillOptions

_SEEDS = 2**31  # what other tools can read


def search(searcher: Searcher, query: Query, settings: Settings) -> Results:
    """Answer a query, and log it if the catalogue does not.

    Logging never makes a search fail or wait.

    Args:
        searcher: over the collection.
        query: what is sought.
        settings: whether to log.

    Raises:
        FindmakeError: as ``Searcher.search`` does.
    """
    results = searcher.search(query)
    miss = unanswered(results) if settings.log_misses else None
    if miss is not None:
        searcher.collection.log_miss(miss)
    return results


def unanswered(results: Results) -> Unanswered | None:
    """Tell what is missing; None if something answers, or if this was not a question to the catalogue.

    Later pages of an answer are no questions of their own. Where a condition lets nothing pass, or asks for
    what a model made, nothing is told about the catalogue.
    """
    query, judgement = results.query, results.judgement
    if judgement is None or results.embedding is None or judgement.verdict == "match":
        return None
    if query.offset or query.sees_apart or not results.considered:
        return None
    return Unanswered(
        text=_told(query),
        kind=results.kind,
        verdict=judgement.verdict,
        coverage=judgement.coverage,
        embedding=results.embedding,
        where=query.where,
    )


def _told(query: Query) -> str:
    """Write a query without what names a file or an address: of a picture only that it was one."""
    if all(isinstance(term, Words) for term in query.terms):
        return query.text
    terms = [
        Picture(name="picture", data=b"", weight=term.weight) if isinstance(term, Picture) else term
        for term in query.terms
    ]
    return " ".join(write_terms(terms))


def fill_options(searcher: Searcher, *, seed: int | None = None, **chosen: Any) -> FillOptions:
    """Put together how to fill a gap: by the collection's policy, with a fresh seed unless one is given.

    Args:
        searcher: over the collection.
        seed: of the first picture.
        chosen: other fields of ``FillOptions``.

    Raises:
        BadRequest: a number is out of its range, or the policy cannot be read.
    """
    from generation import FillOptions, SafetyPolicy

    seed = secrets.randbelow(_SEEDS) if seed is None else seed
    return FillOptions(seed=seed, policy=SafetyPolicy.read(searcher.collection.folder), **chosen)
