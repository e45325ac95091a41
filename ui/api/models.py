"""What goes in and comes out, as the OpenAPI document describes it. Needs nothing but pydantic."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_HITS = 200
LARGEST_ID = 2**53 - 1  # what every reader of JSON takes for a whole number


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a whole number")
    return value


_NUMBER = BeforeValidator(_number)
Whole = Annotated[int, Field(strict=False), _NUMBER]
"""A whole number; 31.0 is one too, as JSON has it."""

ItemId = Annotated[int, Field(ge=1, le=LARGEST_ID, strict=False), _NUMBER]
Tag = Annotated[str, Field(min_length=1, max_length=100, examples=["sale"])]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]


class _Asked(BaseModel):
    """What a client sends: nothing that is not known, and nothing of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Told(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(frozen=True)


# -- searching -------------------------------------------------------------------------------------------


class Narrowed(_Asked):
    """How hits are chosen and ordered, whatever is sought."""

    where: str = Field(default="", max_length=2_000, description="Only items such as: price<80 and tag:sale")
    k: Whole = Field(default=10, ge=1, le=MOST_HITS, description="How many hits.")
    offset: Whole = Field(default=0, ge=0, le=10_000, description="How many hits to skip.")
    threshold: float | None = Field(default=None, ge=0, le=1, description="Leave out less probable hits.")
    diverse: float = Field(default=0.0, ge=0, le=1, description="How much hits should differ.")
    order: str = Field(default="relevance", max_length=200, description="Or a field; -field to fall.")
    words: bool = Field(default=True, description="Also look words up in titles, texts and tags.")
    fold: bool = Field(default=True, description="Show near-duplicates under the best of them.")
    generated: bool = Field(default=False, description="Also what was made here and not promoted.")
    explain: bool = Field(default=False, description="Say what each term gives to each hit's score.")
    facets: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=20, description="Count the values of these fields over the hits."
    )


class SearchRequest(Narrowed):
    """What is sought: words and terms in the query language, an item, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": "red running shoes", "where": "price<80", "k": 20},
                {"query": "2:handbag - floral"},
                {"item": 1, "query": "- leather"},
            ]
        }
    )
    query: str = Field(default="", max_length=5_000, description="Words, addresses of pictures, item:ID.")
    item: ItemId | None = Field(default=None, description="An item to look for the like of.")


class Contribution(_Told):
    """What one term gave to a hit's score."""

    term: str
    value: float


class Hit(_Told):
    """One item that was found."""

    rank: int
    id: int
    score: float = Field(description="Cosine similarity, higher is better.")
    probability: float | None = Field(description="Calibrated; null if the collection is not calibrated.")
    title: str
    modality: str = Field(description="image, text or image+text")
    origin: str = Field(description="imported or generated")
    apart: bool = Field(description="Made here and not promoted.")
    matched: str = Field(description="Which of its embeddings matched: image or text.")
    worded: bool = Field(description="Also found by the words of the query.")
    folded: list[int] = Field(description="Ids of near-duplicates that stand under this one.")
    path: str | None = Field(description="Where its file is; null unless the server shows paths.")
    thumbnail: str | None = Field(description="Address of a small picture, below that of the API.")
    explain: list[Contribution] | None = None


class FacetValue(_Told):
    """One value of a field, and how many hits have it."""

    value: str
    count: int


class Facet(_Told):
    """The values of one field over the hits."""

    values: list[FacetValue]
    items: int = Field(description="How many hits have a value.")
    low: Any = Field(default=None, description="Least value of a field of numbers or dates.")
    high: Any = Field(default=None, description="Greatest value of a field of numbers or dates.")


class SearchAnswer(_Told):
    """Hits, and the verdict on whether they answer what was asked."""

    query: str
    verdict: Literal["match", "weak", "no match"] | None = Field(
        description="Whether the collection answers it; null if it is not calibrated."
    )
    coverage: float | None = Field(description="Calibrated probability that anything here answers it.")
    reason: str | None
    approximate: bool | None = Field(description="The calibration rests on guesses.")
    warnings: list[str]
    considered: int = Field(description="How many items were searched.")
    took_ms: float
    hits: list[Hit] = Field(description="Best first; the nearest misses if nothing matches.")
    next_offset: int | None = Field(description="Where the next page begins; null at the end.")
    facets: dict[str, Facet] | None = None


# -- items -----------------------------------------------------------------------------------------------


class Item(_Told):
    """One picture, one text, or a picture with its text."""

    id: int
    title: str
    text: str
    modality: str
    width: int = Field(description="Pixels; 0 for a text.")
    height: int
    attributes: dict[str, Any]
    tags: list[str]
    origin: str
    apart: bool
    provenance: dict[str, Any] = Field(description="Where it came from, or how it was made.")
    path: str | None
    thumbnail: str | None
    image: str | None


class TagChange(_Asked):
    """Tags to give and to take away; what is in neither list stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"add": ["sale"], "remove": ["new"]}]})
    add: list[Tag] = Field(default_factory=list, max_length=100)
    remove: list[Tag] = Field(default_factory=list, max_length=100)


class Registration(_Asked):
    """A file, folder or table of the server's machine, below one of the roots that it allows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"path": "/srv/pictures/2026"}]})
    path: str = Field(min_length=1, max_length=4_096)


class Removed(_Told):
    """What was removed."""

    id: int
    file: bool = Field(description="Whether its file went too: of what was uploaded or made here.")


# -- gaps and jobs ---------------------------------------------------------------------------------------


class Tried(_Told):
    """The last attempt to fill a gap."""

    at: datetime
    outcome: str


class Gap(_Told):
    """Something that is asked for and is not there."""

    name: str
    variants: list[str]
    where: str
    kind: str
    verdict: str
    times: int
    demand: float
    first_at: datetime
    last_at: datetime
    nearest: list[int]
    filled_by: list[int]
    tried: Tried | None


class Gaps(_Told):
    """What the collection lacks, the most wanted first."""

    gaps: list[Gap]
    total: int


class FillRequest(_Asked):
    """What to make, and how; what is left out is left to the generator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "a teal armchair", "candidates": 4}]})
    query: str = Field(min_length=1, max_length=2_000)
    where: str = Field(default="", max_length=2_000)
    candidates: Whole = Field(default=4, ge=1, le=16)
    keep: Whole = Field(default=1, ge=1, le=16)
    seed: Annotated[int, Field(ge=0, lt=2**31, strict=False), _NUMBER] | None = None
    steps: Annotated[int, Field(ge=1, le=200, strict=False), _NUMBER] | None = None
    guidance: float | None = Field(default=None, ge=0, le=50)
    neighbours: Whole = Field(default=4, ge=0, le=10)
    style_weight: float = Field(default=0.5, ge=0, le=1)
    kind: Literal["product", "photo", "illustration"] | None = None
    negative: str = Field(default="", max_length=1_000)
    start: Literal["query", "nearest"] | None = None
    strength: float = Field(default=0.7, ge=0, le=1)
    weak: bool = False
    force: bool = False


class Candidate(_Told):
    """One picture that was made."""

    seed: int
    probability: float | None
    verdict: str | None
    refused: str | None
    id: int | None = Field(description="Of the item that it became; null if it was not kept.")


class Filled(_Told):
    """What came of filling a gap."""

    outcome: str = Field(description="filled, reused, not needed, not convincing or blocked")
    verdict: str
    coverage: float
    reason: str
    prompt: str | None
    candidates: list[Candidate]
    kept: list[int]
    reused: list[int]
    seconds: float


class FailedFile(_Told):
    """An input that could not be indexed."""

    name: str
    reason: str


class Indexed(_Told):
    """What an indexing run did."""

    added: int
    updated: int
    moved: int
    unchanged: int
    removed: int
    failed: list[FailedFile]
    notes: list[str]
    seconds: float


class Progress(_Told):
    """How far a job is."""

    done: int
    total: int


class Problem(BaseModel):
    """What went wrong, in the form of RFC 9457."""

    type: str = Field(examples=["urn:findmake:problem:bad-filter"])
    title: str
    status: int
    detail: str = Field(description="What happened, what was expected, and what to do next.")
    errors: list[dict[str, Any]] | None = Field(default=None, description="Where a request is at fault.")


class Job(_Told):
    """Work that takes longer than a request should."""

    id: str
    kind: Literal["fill", "index"]
    state: JobState
    created_at: datetime
    progress: Progress | None
    filled: Filled | None = None
    indexed: Indexed | None = None
    problem: Problem | None = None


# -- the whole -------------------------------------------------------------------------------------------


class CollectionInfo(_Told):
    """What is served."""

    name: str
    model: str
    dim: int
    items: int
    pictures: int
    texts: int
    generated: int
    path: str | None


class Collections(_Told):
    """The collections that are served."""

    collections: list[CollectionInfo]


class Health(_Told):
    """Whether it can answer."""

    status: Literal["ok"]
    version: str
    items: int
