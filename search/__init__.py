"""From a query to ranked hits."""

from .completion.completer import Completer, Completion
from .completion.train import Recipe, Trained, train_completer
from .duplicates import Duplicate, DuplicateGroup, find_duplicates
from .encoder_thresholds import near_duplicate_threshold
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
from .evaluation.curves import RecallCurve, VerdictCurves, recall_curves, verdict_curves
from .evaluation.datasets import Dataset, DatasetColumns, open_dataset
from .evaluation.evaluate import EvaluationReport, evaluate_collection, evaluate_dataset
from .evaluation.figures import DEFAULT_TEMPLATES, Figure
from .evaluation.verdict_metrics import Interval
from .explain import Contribution, HeatMap, contributions, heat_map, overlay
from .labels import LabelledItem, Labelling, LabelProbability, label_items, store_labels
from .map.collection_map import CollectionMap, follow, keep_map, load_map, make_map
from .map.contact_sheets import COLUMNS, TILES
from .map.projection import project
from .query.embed import EmbeddedQuery, Part, QueryEmbedder, QueryKind, picture_of
from .query.fetch import FetchLimits, fetch_picture
from .query.filters import format_filter, parse_filter
from .query.grammar import parse_query, parse_terms, write_terms
from .query.query import Like, Picture, Query, Region, Term, Vector, Words
from .query.scripts import script_warning
from .ranking.keywords import keyword_search
from .ranking_input import Best
from .recommend import DEFAULT_RECOMMENDATION_METHOD, RECOMMENDATION_METHODS, Recommendation, recommend_items
from .results import Hit, Results
from .searcher import Searcher
from .verdict.calibrate import calibrate_collection, find_calibration, keep_calibration, shipped_calibration
from .verdict.calibration import Calibration, Judgement, Verdict
from .verdict.judge import Judge
from .verdict.phrase_bank import PHRASES

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
