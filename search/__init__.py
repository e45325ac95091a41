"""From a query to ranked hits."""

from .datasets import Dataset, DatasetColumns, open_dataset
from .embedding import EmbeddedQuery, Part, QueryEmbedder
from .errors import BadQuery, EmptyQuery, FetchFailed, SearchError, TooFewPictures, UnusableDataset
from .evaluate import EvaluationReport, evaluate, evaluate_collection
from .figures import DEFAULT_TEMPLATES, Figure
from .grammar import parse_query, parse_terms, write_terms
from .metrics import Interval
from .query import Like, Picture, Query, Region, Term, Vector, Words
from .searcher import Hit, Results, Searcher

__all__ = [
    "DEFAULT_TEMPLATES",
    "BadQuery",
    "Dataset",
    "DatasetColumns",
    "EmbeddedQuery",
    "EmptyQuery",
    "EvaluationReport",
    "FetchFailed",
    "Figure",
    "Hit",
    "Interval",
    "Like",
    "Part",
    "Picture",
    "Query",
    "QueryEmbedder",
    "Region",
    "Results",
    "SearchError",
    "Searcher",
    "Term",
    "TooFewPictures",
    "UnusableDataset",
    "Vector",
    "Words",
    "evaluate",
    "evaluate_collection",
    "open_dataset",
    "parse_query",
    "parse_terms",
    "write_terms",
]
