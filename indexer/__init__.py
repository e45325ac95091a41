"""From files, tables and texts to a searchable Collection."""

from .arranging import Order
from .cluster import read_on_cluster
from .collection import Collection
from .conditions import (
    BUILT_IN,
    DATE_FIELDS,
    NUMBER_FIELDS,
    Both,
    Compare,
    Condition,
    Either,
    Has,
    Matches,
    Not,
    OneOf,
    Operator,
    Tagged,
    Value,
    fields_of,
    names_origin,
)
from .doctor import CHECKS, Examination, Finding, examine
from .encoders import (
    ZOO,
    DeferredEncoder,
    Encoder,
    ModelInfo,
    choose_model,
    encode_whole_texts,
    load_encoder,
    model_available,
    prepare,
    resolve_device,
    worth_preparing,
)
from .encoders.hub import is_reachable as hub_reachable
from .errors import (
    BadTag,
    CollectionBusy,
    CollectionNotFound,
    DimensionMismatch,
    EncoderDrift,
    EncoderMismatch,
    FindmakeError,
    IndexCorrupt,
    IndexerError,
    ItemNotFound,
    ModelUnavailable,
    NotGenerated,
    SchemaTooNew,
    StorageFailure,
    UnreadableImage,
    UnreadableSource,
)
from .facets import Facet
from .images import IMAGE_SUFFIXES, decode_image, load_image, thumbnail
from .indexes import Nearest
from .items import (
    KINDS,
    Embeddings,
    EncoderSpec,
    Failure,
    Generated,
    Ids,
    Imported,
    IndexReport,
    Item,
    Kind,
    Provenance,
)
from .job_tables import Job, JobState
from .jobs import JobStore
from .listing import list_collections
from .literals import Period, number_of
from .marks import Mark, find_mark
from .memory import available_memory
from .misses import Miss, MissKind, MissVerdict, Unanswered
from .optimizing import LARGE, RECALL, Built, optimize
from .pipeline import Progress, Read, index_sources
from .quiet import quiet as without_warnings
from .removing import remove_copies
from .server import use_server
from .shelf import GENERATED_FOLDER, add_generated, discard, promote, sweep_orphans
from .sources import Source, open_source
from .sources.parquet import ParquetRows
from .sources.rows import BadRow, CsvRows, JsonLines, JsonList, Row
from .tags import TagCount, Tagging
from .timeline import Span, When, binned, in_span
from .vectors import ExactIndex, FaissIndex
from .whole import write_whole

__all__ = [
    "BUILT_IN",
    "CHECKS",
    "DATE_FIELDS",
    "GENERATED_FOLDER",
    "IMAGE_SUFFIXES",
    "KINDS",
    "LARGE",
    "NUMBER_FIELDS",
    "RECALL",
    "ZOO",
    "BadRow",
    "BadTag",
    "Both",
    "Built",
    "Collection",
    "CollectionBusy",
    "CollectionNotFound",
    "Compare",
    "Condition",
    "CsvRows",
    "DeferredEncoder",
    "DimensionMismatch",
    "Either",
    "Embeddings",
    "Encoder",
    "EncoderDrift",
    "EncoderMismatch",
    "EncoderSpec",
    "ExactIndex",
    "Examination",
    "Facet",
    "Failure",
    "FaissIndex",
    "Finding",
    "FindmakeError",
    "Generated",
    "Has",
    "Ids",
    "Imported",
    "IndexCorrupt",
    "IndexReport",
    "IndexerError",
    "Item",
    "ItemNotFound",
    "Job",
    "JobState",
    "JobStore",
    "JsonLines",
    "JsonList",
    "Kind",
    "Mark",
    "Matches",
    "Miss",
    "MissKind",
    "MissVerdict",
    "ModelInfo",
    "ModelUnavailable",
    "Nearest",
    "Not",
    "NotGenerated",
    "OneOf",
    "Operator",
    "Order",
    "ParquetRows",
    "Period",
    "Progress",
    "Provenance",
    "Read",
    "Row",
    "SchemaTooNew",
    "Source",
    "Span",
    "StorageFailure",
    "TagCount",
    "Tagged",
    "Tagging",
    "Unanswered",
    "UnreadableImage",
    "UnreadableSource",
    "Value",
    "When",
    "add_generated",
    "available_memory",
    "binned",
    "choose_model",
    "decode_image",
    "discard",
    "encode_whole_texts",
    "examine",
    "fields_of",
    "find_mark",
    "hub_reachable",
    "in_span",
    "index_sources",
    "list_collections",
    "load_encoder",
    "load_image",
    "model_available",
    "names_origin",
    "number_of",
    "open_source",
    "optimize",
    "prepare",
    "promote",
    "read_on_cluster",
    "remove_copies",
    "resolve_device",
    "sweep_orphans",
    "thumbnail",
    "use_server",
    "without_warnings",
    "worth_preparing",
    "write_whole",
]
