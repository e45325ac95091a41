"""What can go wrong while searching.

FindmakeError
`-- SearchError
    |-- EmptyQuery      nothing is asked, or the terms cancel out
    `-- BadQuery        a term cannot be understood, with the reason
"""

from __future__ import annotations

from indexer import FindmakeError


class SearchError(FindmakeError):
    """A failure in the search package."""


class EmptyQuery(SearchError):
    """A query without direction."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"There is nothing to search for: {reason}. Give some words, a picture, or both.")


class BadQuery(SearchError):
    """A term that cannot be understood."""

    def __init__(self, term: str, reason: str) -> None:
        self.term = term
        self.reason = reason
        super().__init__(
            f"Cannot use {term!r} in a query: {reason}. "
            "A query is words, picture files and item:ID, joined by ' + ' and ' - ', with weights like '2:'."
        )
