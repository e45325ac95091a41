"""From a query to ranked hits."""

from .errors import BadQuery, EmptyQuery, SearchError
from .query import Like, Picture, Query, Term, Words, parse_query
from .searcher import Hit, Results, Searcher

__all__ = [
    "BadQuery",
    "EmptyQuery",
    "Hit",
    "Like",
    "Picture",
    "Query",
    "Results",
    "SearchError",
    "Searcher",
    "Term",
    "Words",
    "parse_query",
]
