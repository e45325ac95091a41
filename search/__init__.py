"""From a query to ranked hits."""

from .datasets import Dataset, DatasetColumns, open_dataset
from .duplicates import Duplicate, DuplicateGroup, find_duplicates
from .embedding import EmbeddedQuery, Part, QueryEmbedder, QueryKind, picture_of
from .errors import (
    BadLabels,
    BadQuery,
    BadTaste,
    CompleterUnavailable,
    EmptyQuery,
    FetchFailed,
    SearchError,
    TooFewPictures,
    TooFewTexts,
    UnusableDataset,
)
from .evaluate import EvaluationReport, evaluate, evaluate_collection
from .explain import Contribution, HeatMap, contributions, heat_map, overlay
from .fetch import FetchLimits, fetch_picture
from .figures import DEFAULT_TEMPLATES, Figure
from .grammar import parse_query, parse_terms, write_terms
from .labels import LabelProbability, LabelledItem, Labelling, label_items, store_labels
from .measured import near_duplicate_threshold
from .metrics import Interval
from .query import Like, Picture, Query, Region, Term, Vector, Words
from .recommend import DEFAULT_RECOMMENDATION_METHOD, RECOMMENDATION_METHODS, Recommendation, recommend
from .searcher import Hit, Results, Searcher
from .texts import script_warning

__all__ = [
    "DEFAULT_RECOMMENDATION_METHOD",
    "DEFAULT_TEMPLATES",
    "RECOMMENDATION_METHODS",
    "BadLabels",
    "BadQuery",
    "BadTaste",
    "CompleterUnavailable",
    "Contribution",
    "Dataset",
    "DatasetColumns",
    "Duplicate",
    "DuplicateGroup",
    "EmbeddedQuery",
    "EmptyQuery",
    "EvaluationReport",
    "FetchFailed",
    "FetchLimits",
    "Figure",
    "HeatMap",
    "Hit",
    "Interval",
    "LabelProbability",
    "LabelledItem",
    "Labelling",
    "Like",
    "Part",
    "Picture",
    "Query",
    "QueryEmbedder",
    "QueryKind",
    "Recommendation",
    "Region",
    "Results",
    "SearchError",
    "Searcher",
    "Term",
    "TooFewPictures",
    "TooFewTexts",
    "UnusableDataset",
    "Vector",
    "Words",
    "contributions",
    "evaluate",
    "evaluate_collection",
    "fetch_picture",
    "find_duplicates",
    "heat_map",
    "label_items",
    "near_duplicate_threshold",
    "open_dataset",
    "overlay",
    "parse_query",
    "parse_terms",
    "picture_of",
    "recommend",
    "script_warning",
    "store_labels",
    "write_terms",
]
