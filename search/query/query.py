"""What is sought: weighted terms, and how their hits are chosen and ordered.

The language in which people write terms is read and written by ``grammar``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer import Embeddings, Kind, names_origin

from ..errors import BadChoice, BadQuery, EmptyQuery

if TYPE_CHECKING:
    from indexer import Condition

RELEVANCE = "relevance"
_LARGEST_ID = 2**63 - 1  # of SQLite


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of a picture.

    Attributes:
        x, y: its left upper corner, from that of the upright picture; at least 0.
        width, height: more than 0.
        percent: whether all four are per cent of the picture's sides, not pixels.
    """

    x: float
    y: float
    width: float
    height: float
    percent: bool = False

    def __post_init__(self) -> None:
        if not all(math.isfinite(side) for side in (self.x, self.y, self.width, self.height)):
            raise BadQuery(str(self), "its numbers must be finite")
        if self.x < 0 or self.y < 0 or self.width <= 0 or self.height <= 0:
            raise BadQuery(str(self), "a region needs a corner of at least 0, a width and a height above 0")
        if self.percent and (self.x + self.width > 100 or self.y + self.height > 100):
            raise BadQuery(str(self), "a region must end within 100 % of the picture")

    def __str__(self) -> str:
        unit = "%" if self.percent else ""
        sides = (self.x, self.y, self.width, self.height)
        return f"[{','.join(f'{plain_number(side)}{unit}' for side in sides)}]"

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Place the region on a picture.

        Args:
            width: of the picture, in pixels.
            height: of the picture, in pixels.

        Returns:
            Left, upper, right and lower border, as fractions of the picture's sides, 0 to 1.

        Raises:
            BadQuery: the region reaches over the picture's border.
        """
        across, down = (100.0, 100.0) if self.percent else (float(width), float(height))
        right, lower = self.x + self.width, self.y + self.height
        if right > across or lower > down:
            raise BadQuery(str(self), f"it reaches over the picture's border ({width} x {height} pixels)")
        return self.x / across, self.y / down, right / across, lower / down


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A term in words.

    Attributes:
        text: the words; not blank.
        weight: negative to steer away; not 0.
    """

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise BadQuery(self.text, "it has no words")
        _check_weight(self.text, self.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A term that is a picture.

    Attributes:
        name: what to call it in messages.
        path: its file; None if ``data`` or ``url`` gives it.
        data: its encoded bytes; None if ``path`` or ``url`` gives it.
        url: its http or https address; None if ``path`` or ``data`` gives it.
        region: the part that counts; None for all of it.
        weight: negative to steer away; not 0.
    """

    name: str
    path: Path | None = None
    data: bytes | None = None
    url: str | None = None
    region: Region | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if sum(origin is not None for origin in (self.path, self.data, self.url)) != 1:
            raise BadQuery(self.name, "a picture is given by exactly one of a file, its data and a URL")
        _check_weight(self.name, self.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """A term that is an item of the collection.

    Attributes:
        item_id: the item; itself left out of the hits.
        region: the part of its picture that counts; None for the item as it is.
        weight: negative to steer away; not 0.
    """

    item_id: int
    region: Region | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.item_id <= _LARGEST_ID:
            raise BadQuery(f"item:{self.item_id}", "no item has such a number")
        _check_weight(f"item:{self.item_id}", self.weight)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vector:
    """A term that is an embedding; there is no way to write it in the query language.

    Attributes:
        embedding: (dim,) float32, of the collection's model; its length does not count.
        name: what to call it in messages and explanations.
        weight: negative to steer away; not 0.
        kind: what the embedding was made from.
    """

    embedding: Embeddings
    name: str
    weight: float = 1.0
    kind: Kind = "image"

    def __post_init__(self) -> None:
        if self.embedding.ndim != 1 or not np.isfinite(self.embedding).all() or not self.embedding.any():
            raise BadQuery(self.name, "an embedding is one row of finite numbers that are not all 0")
        _check_weight(self.name, self.weight)


Term = Words | Picture | Like | Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is sought.

    Attributes:
        terms: at least one.
        text: the query as it was written.
        k: how many hits, at least 1.
        offset: how many hits to skip, at least 0.
        condition: what every hit must fulfil; None for nothing.
        where: the condition as it was written; empty for none.
        threshold: the least probability of a hit, 0 to 1; None for that of the verdict.
        hybrid: whether words are also looked up in titles, texts and tags.
        fold: whether near-duplicates stand under the best of them.
        diversity: how much hits should differ from each other, 0 (not at all) to 1.
        order: ``relevance``, or the attribute by which the relevant hits are ordered, ``-`` in front for
            descending.
        generated: whether pictures that were made here and not promoted take part too.
    """

    terms: tuple[Term, ...]
    text: str
    k: int = 10
    offset: int = 0
    condition: Condition | None = None
    where: str = ""
    threshold: float | None = None
    hybrid: bool = True
    fold: bool = True
    diversity: float = 0.0
    order: str = RELEVANCE
    generated: bool = False

    def __post_init__(self) -> None:
        if not self.terms:
            raise EmptyQuery("the query is blank")
        if self.k < 1:
            raise BadChoice("k", self.k, "how many hits to show, at least 1")
        if self.offset < 0:
            raise BadChoice("offset", self.offset, "how many hits to skip, at least 0")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise BadChoice("threshold", self.threshold, "a probability, from 0 to 1")
        if not 0 <= self.diversity <= 1:
            raise BadChoice("diversity", self.diversity, "how far hits should differ, from 0 to 1")
        if not self.order.removeprefix("-").strip() or self.order == f"-{RELEVANCE}":
            expected = "'relevance', or an attribute, with '-' in front for descending"
            raise BadChoice("order", repr(self.order), expected)

    @property
    def sees_apart(self) -> bool:
        """Say whether what stands apart takes part: it was asked for, or the condition names the origin."""
        return self.generated or names_origin(self.condition)


def plain_number(value: float) -> str:
    """Write a number without an exponent, so that reading it gives the same number: ``2``, ``0.5``."""
    return np.format_float_positional(value, trim="-")


def _check_weight(term: str, weight: float) -> None:
    if weight == 0:
        raise BadQuery(term, "its weight is 0")
    if not math.isfinite(weight):
        raise BadQuery(term, f"its weight is {weight}, not a finite number")
