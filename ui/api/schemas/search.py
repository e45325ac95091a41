"""What is asked of searches and items, and what is told, as the OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .base import Asked, ItemId, Told, Whole

MOST_HITS = 200
CURSOR = r"[0-9]{1,5}\.[0-9]{1,16}(-[0-9]{1,16}){0,4}\.[0-9a-f]{8}"
"""What a cursor of a search looks like; see ``cursors``."""

Tag = Annotated[str, Field(min_length=1, max_length=100, examples=["sale"])]


# -- searching -------------------------------------------------------------------------------------------


class Narrowed(Asked):
    """How hits are chosen and ordered, whatever is sought."""

    where: str = Field(default="", max_length=2_000, description="Only items such as: price<80 and tag:sale")
    k: Whole = Field(default=10, ge=1, le=MOST_HITS, description="How many hits.")
    offset: Whole = Field(default=0, ge=0, le=10_000, description="How many hits to skip.")
    cursor: Annotated[str, Field(pattern=f"^{CURSOR}$")] | None = Field(
        default=None, description="next_cursor of the page before, in place of an offset."
    )
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


class WordSearch(BaseModel):
    """What an address can say of a search."""

    model_config = ConfigDict(frozen=True)
    q: str = Field(min_length=1, max_length=2_000, examples=["red shoes"])
    where: str = Field(default="", max_length=2_000, description="Only items such as: price<80")
    k: int = Field(default=10, ge=1, le=MOST_HITS)
    offset: int = Field(default=0, ge=0, le=10_000)
    cursor: str | None = Field(default=None, pattern=f"^{CURSOR}$", description="next_cursor.")
    generated: bool = False


class Contribution(Told):
    """What one term gave to a hit's score."""

    term: str
    value: float


class Hit(Told):
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


class FacetValue(Told):
    """One value of a field, and how many hits have it."""

    value: str
    count: int


class Facet(Told):
    """The values of one field over the hits."""

    values: list[FacetValue]
    items: int = Field(description="How many hits have a value.")
    low: Any = Field(default=None, description="Least value of a field of numbers or dates.")
    high: Any = Field(default=None, description="Greatest value of a field of numbers or dates.")


class SearchAnswer(Told):
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
    next_cursor: str | None = Field(description="The same, but stable while items come and go.")
    facets: dict[str, Facet] | None = None


# -- items -----------------------------------------------------------------------------------------------


class Item(Told):
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


class Items(Told):
    """Items of the collection, the newest first."""

    items: list[Item]
    total: int = Field(description="How many there are of this kind.")
    next_cursor: int | None = Field(description="Where the next page begins; null at the end.")


class ItemChange(Asked):
    """Tags to give and to take away, and another caption; what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"add": ["sale"], "remove": ["new"]}]})
    text: str | None = Field(default=None, max_length=20_000, description="Caption, of uploads alone.")
    add: list[Tag] = Field(default_factory=list, max_length=100)
    remove: list[Tag] = Field(default_factory=list, max_length=100)


class Registration(Asked):
    """A file, folder or table of the server's machine, below one of the roots that it allows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"path": "/srv/pictures/2026"}]})
    path: str = Field(min_length=1, max_length=4_096)


class Removed(Told):
    """What was removed."""

    id: int
    file: bool = Field(description="Whether its file went too: of what was uploaded or made here.")


# -- the whole -------------------------------------------------------------------------------------------


class CollectionInfo(Told):
    """What is served."""

    name: str
    model: str
    dim: int
    items: int
    pictures: int
    texts: int
    generated: int
    path: str | None


class Collections(Told):
    """The collections that are served."""

    collections: list[CollectionInfo]


class Health(Told):
    """Whether it can answer."""

    status: Literal["ok"]
    version: str
    items: int
