"""From a query to ranked hits."""

from .calibrate import calibrate_collection, find_calibration, keep_calibration, shipped_calibration
from .coverage import Calibration, Verdict
from .curves import RecallCurve, VerdictCurves, recall_curves, verdict_curves
from .datasets import Dataset, DatasetColumns, open_dataset
from .duplicates import Duplicate, DuplicateGroup, find_duplicates
from .embedding import EmbeddedQuery, Part, QueryEmbedder, QueryKind, picture_of
from .errors import (
    BadFilter,
    BadLabels,
    BadQuery,
    BadTaste,
    CalibrationUnusable,
    CompleterUnavailable,
    EmptyQuery,
    FetchFailed,
    SearchError,
    SurveyStopped,
    TooFewPictures,
    TooFewTexts,
    TooFewToCalibrate,
    UnusableDataset,
)
from .evaluate import EvaluationReport, evaluate_collection, evaluate_dataset
from .explain import Contribution, HeatMap, contributions, heat_map, overlay
from .fetch import FetchLimits, fetch_picture
from .figures import DEFAULT_TEMPLATES, Figure
from .filters import format_filter, parse_filter
from .grammar import parse_query, parse_terms, write_terms
from .judge import Judge
from .keywords import keyword_search
from .labels import LabelledItem, Labelling, LabelProbability, label_items, store_labels
from .maps import CollectionMap, follow, keep_map, load_map, make_map
from .measured import near_duplicate_threshold
from .metrics import Interval
from .phrases import PHRASES
from .projection import project
from .query import Like, Picture, Query, Region, Term, Vector, Words
from .recommend import DEFAULT_RECOMMENDATION_METHOD, RECOMMENDATION_METHODS, Recommendation, recommend_items
from .results import Hit, Judgement, Results
from .rows import Best
from .searcher import Searcher
from .sheets import COLUMNS, TILES
from .suggest import Completer, Completion
from .texts import script_warning
from .training import Recipe, Trained, train_completer

__all__ = [
    "COLUMNS",
    "DEFAULT_RECOMMENDATION_METHOD",
    "DEFAULT_TEMPLATES",
    "PHRASES",
    "RECOMMENDATION_METHODS",
    "TILES",
    "BadFilter",
    "BadLabels",
    "BadQuery",
    "BadTaste",
    "Best",
    "Calibration",
    "CalibrationUnusable",
    "CollectionMap",
    "Completer",
    "CompleterUnavailable",
    "Completion",
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
    "Judge",
    "Judgement",
    "LabelProbability",
    "LabelledItem",
    "Labelling",
    "Like",
    "Part",
    "Picture",
    "Query",
    "QueryEmbedder",
    "QueryKind",
    "RecallCurve",
    "Recipe",
    "Recommendation",
    "Region",
    "Results",
    "SearchError",
    "Searcher",
    "SurveyStopped",
    "Term",
    "TooFewPictures",
    "TooFewTexts",
    "TooFewToCalibrate",
    "Trained",
    "UnusableDataset",
    "Vector",
    "Verdict",
    "VerdictCurves",
    "Words",
    "calibrate_collection",
    "contributions",
    "evaluate_collection",
    "evaluate_dataset",
    "fetch_picture",
    "find_calibration",
    "find_duplicates",
    "follow",
    "format_filter",
    "heat_map",
    "keep_calibration",
    "keep_map",
    "keyword_search",
    "label_items",
    "load_map",
    "make_map",
    "near_duplicate_threshold",
    "open_dataset",
    "overlay",
    "parse_filter",
    "parse_query",
    "parse_terms",
    "picture_of",
    "project",
    "recall_curves",
    "recommend_items",
    "script_warning",
    "shipped_calibration",
    "store_labels",
    "train_completer",
    "verdict_curves",
    "write_terms",
]
