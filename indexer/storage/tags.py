"""Tags: short labels that a person or a model gave to items."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, literal, select

from ..errors import BadTag
from .schema.dialects import JsonList, insert_into
from .schema.tables import APART, ITEMS, TAGS

USER = "user"
"""The source of tags that a person gave."""

_LONGEST = 100
_CHUNK = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagging:
    """One tag on one item.

    Attributes:
        item_id: the item.
        tag: the label; kept in lower case, with single spaces.
        source: who says so: ``user`` or the name of a model.
        probability: calibrated, 0 to 1; None where a person said so.

    Raises:
        BadTag: the tag is blank, too long or holds control characters.
        ValueError: the source is blank, or the probability is not between 0 and 1.
    """

    item_id: int
    tag: str
    source: str = USER
    probability: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", tidy_tag(self.tag))
        if not self.source:
            raise ValueError("a tag needs a source: 'user' or the name of a model")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"a probability is between 0 and 1, not {self.probability}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCount:
    """How often a tag is used.

    Attributes:
        tag: the label.
        items: how many items have it, from any source.
        sources: who gave it, in alphabetical order.
    """

    tag: str
    items: int
    sources: tuple[str, ...]


def tidy_tag(tag: str) -> str:
    """Write a tag as it is stored: lower case, single spaces.

    Raises:
        BadTag: it is blank, longer than 100 characters, or holds control characters.
    """
    tidy = " ".join(tag.split()).lower()
    if not tidy:
        raise BadTag(tag, "it is blank")
    if len(tidy) > _LONGEST:
        raise BadTag(tag, f"it has {len(tidy)} characters; at most {_LONGEST} are kept")
    if _CONTROL.search(tidy):
        raise BadTag(tag, "it holds control characters")
    return tidy


def insert_tags(connection: Connection, taggings: Sequence[Tagging]) -> list[int]:
    """Write tags; one that is there already gets the new probability.

    Returns:
        The ids that were tagged, ascending; items that are gone are left out.
    """
    wanted = sorted({tagging.item_id for tagging in taggings})
    present: set[int] = set()
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        present.update(connection.scalars(select(ITEMS.c.id).where(ITEMS.c.id.in_(chunk))))
    rows = [
        {"item_id": t.item_id, "tag": t.tag, "source": t.source, "probability": t.probability}
        for t in taggings
        if t.item_id in present
    ]
    if rows:
        statement = insert_into(connection.dialect.name, TAGS)
        keys = [TAGS.c.item_id, TAGS.c.tag, TAGS.c.source]
        newer = {"probability": statement.excluded.probability}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), rows)
    return sorted(present)


def delete_tags(
    connection: Connection, ids: Sequence[int] | None, *, tag: str | None, source: str | None
) -> list[int]:
    """Remove tags by item, label and source; None stands for all of them.

    Returns:
        The ids that lost a tag, ascending.
    """
    statement = delete(TAGS).returning(TAGS.c.item_id)
    if tag is not None:
        statement = statement.where(TAGS.c.tag == tidy_tag(tag))
    if source is not None:
        statement = statement.where(TAGS.c.source == source)
    if ids is None:
        return sorted(set(connection.scalars(statement)))
    changed: set[int] = set()
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        changed.update(connection.scalars(statement.where(TAGS.c.item_id.in_(chunk))))
    return sorted(changed)


def rename_tag(connection: Connection, tag: str, new: str) -> list[int]:
    """Call a tag otherwise on all items; where an item has the new one from the same source, that one stays.

    Returns:
        The ids that had the tag, ascending.

    Raises:
        BadTag: either cannot be a tag.
    """
    before, after = tidy_tag(tag), tidy_tag(new)
    if before == after:
        return []
    old = select(TAGS.c.item_id, literal(after), TAGS.c.source, TAGS.c.probability)
    columns = ["item_id", "tag", "source", "probability"]
    copied = insert_into(connection.dialect.name, TAGS).from_select(columns, old.where(TAGS.c.tag == before))
    connection.execute(copied.on_conflict_do_nothing())
    return delete_tags(connection, None, tag=before, source=None)


def count_tags(connection: Connection) -> list[TagCount]:
    """Count the items of each tag, the most used first, then in alphabetical order; not what stands apart."""
    items = func.count(TAGS.c.item_id.distinct())
    statement = (
        select(TAGS.c.tag, items, JsonList(TAGS.c.source.distinct()))
        .where(TAGS.c.item_id.not_in(APART))
        .group_by(TAGS.c.tag)
        .order_by(items.desc(), TAGS.c.tag)
    )
    return [
        TagCount(tag=tag, items=count, sources=tuple(sorted(json.loads(sources))))
        for tag, count, sources in connection.execute(statement)
    ]


def read_taggings(connection: Connection, item_id: int) -> list[Tagging]:
    """Read all tags of one item with their sources, by label, then source."""
    statement = select(TAGS).where(TAGS.c.item_id == item_id).order_by(TAGS.c.tag, TAGS.c.source)
    return [Tagging(**row._mapping) for row in connection.execute(statement)]
