"""From a query to ranked hits."""

from .embedding import EmbeddedQuery, Part, QueryEmbedder
from .errors import BadQuery, EmptyQuery, SearchError
from .query import Like, Picture, Query, Term, Words, parse_query
from .searcher import Hit, Results, Searcher

__all__ = [
    "BadQuery",
    "EmbeddedQuery",
    "EmptyQuery",
    "Hit",
    "Like",
    "Part",
    "Picture",
    "Query",
    "QueryEmbedder",
    "Results",
    "SearchError",
    "Searcher",
    "Term",
    "Words",
    "parse_query",
]
