"""What can be asked of a collection without its embeddings: filters, words, facets, tags, misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import func, select

from ..conditions.ast import Compare, Condition, Not
from ..items import Ids, Scores
from .database import Database
from .derived_fields import derive_words
from .fulltext.fts5 import Counts
from .fulltext.match import match_words
from .misses import Miss, Unanswered, delete_misses, read_misses, record_miss
from .queries.facets import Facet, count_facets, field_names
from .queries.select import select_ids
from .queries.sort import Numbers, Order, arrange, read_names, read_values
from .queries.timeline import When, count_days
from .schema.new_embeddings import EMBEDDED_SINCE
from .schema.tables import APART, ITEMS, META
from .tags import TagCount, Tagging, count_tags, delete_tags, insert_tags, read_taggings, rename_tag
from .write import count_tagging, now

_REMEMBERED = 32  # filters; a megabyte each where a hundred thousand items pass
_MADE = Compare(field="origin", operator="=", value="generated")
_ITEMS = select(func.count()).select_from(ITEMS)
_EMBEDDED_SINCE = select(META.c.value).where(META.c.key == EMBEDDED_SINCE)
_BESIDE = select(func.count()).select_from(APART.subquery())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """How much a collection holds.

    Attributes:
        items: how many do not stand apart.
        apart: how many do.
        made: (m,) int64 ascending, ids of all that a model made, here or elsewhere.
        made_and_there: (n,) int64 ascending, those of them that do not stand apart.
    """

    items: int
    apart: int
    made: Ids
    made_and_there: Ids


class Catalogue:
    """The half of the store that answers by attribute, word and tag. Every method is one transaction.

    What stands apart, being made here and not promoted, is not looked at unless a method says so.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._selected = lru_cache(maxsize=_REMEMBERED)(self._select)
        self._word_counts = lru_cache(maxsize=1)(self._no_counts)
        self._counted = lru_cache(maxsize=2)(self._count_all)
        self._arranged = lru_cache(maxsize=8)(self._arrange)

    def revision(self) -> int:
        """Number of the last change to anything that a filter can see: items, tags, embeddings."""
        return self._db.counter("change") + self._db.counter("tagging")

    # -- filters and words ----------------------------------------------------------------------------

    def select(self, condition: Condition, *, apart: bool = False) -> Ids:
        """Find the items that satisfy a condition, remembered until anything changes.

        Args:
            condition: what to satisfy.
            apart: whether what stands apart takes part.

        Returns:
            (m,) int64 ascending, read-only.
        """
        return self._selected(condition, self.revision(), apart)

    def tally(self) -> Tally:
        """Tell how much there is, remembered until anything changes."""
        return self._counted(self.revision())

    def _count_all(self, revision: int) -> Tally:
        with self._db.reading() as connection:
            total, apart = connection.scalar(_ITEMS) or 0, connection.scalar(_BESIDE) or 0
        made, there = (self._selected(_MADE, revision, apart) for apart in (True, False))
        return Tally(items=total - apart, apart=apart, made=made, made_and_there=there)

    def _select(self, condition: Condition, _revision: int, apart: bool = False) -> Ids:
        with self._db.reading() as connection:
            ids = select_ids(connection, condition, apart=apart)
        ids.setflags(write=False)
        return ids

    def real(self) -> Ids:
        """List the items that no model made, (m,) int64 ascending, read-only."""
        return self.select(Not(part=_MADE))

    def apart(self) -> list[int]:
        """List the ids of what stands apart, the newest first."""
        with self._db.reading() as connection:
            return sorted(connection.scalars(APART), reverse=True)

    def match_words(
        self, words: Sequence[str], limit: int, *, every: bool, allowed: Ids | None = None
    ) -> tuple[Ids, Scores]:
        """Find items by words, best first, ties by id; see ``match.match_words``."""
        counts = self._word_counts(self.revision())
        with self._db.reading() as connection:
            return match_words(connection, words, limit, every=every, allowed=allowed, counts=counts)

    def _no_counts(self, revision: int) -> Counts:
        return Counts(total=self._counted(revision).items, held={})

    # -- facets ---------------------------------------------------------------------------------------

    def facets(
        self, ids: Ids | None = None, fields: Sequence[str] | None = None, *, limit: int = 10
    ) -> dict[str, Facet]:
        """Count the values of fields over some items; see ``facets.count_facets``."""
        with self._db.reading() as connection:
            return count_facets(connection, ids, fields, limit=limit)

    def fields(self) -> list[str]:
        """List the fields that any item has a value in, built-in ones too, in alphabetical order."""
        with self._db.reading() as connection:
            return field_names(connection)

    def arranged(self, order: Order) -> Ids:
        """List all items in an order, remembered until anything changes; see ``sort.arrange``."""
        return self._arranged(order, self.revision())

    def _arrange(self, order: Order, _revision: int) -> Ids:
        with self._db.reading() as connection:
            return arrange(connection, order)

    def values(self, field: str, *, apart: bool = False) -> tuple[Ids, list[str], Numbers]:
        """Read the values of one field, with their items; see ``sort.read_values``."""
        with self._db.reading() as connection:
            return read_values(connection, field, apart=apart)

    def names(self) -> dict[int, str]:
        """Read what all items are called, by id; see ``sort.read_names``."""
        with self._db.reading() as connection:
            return read_names(connection)

    def count_days(self, when: When, ids: Ids | None = None) -> dict[str, int]:
        """Count items by the day of their date; see ``timeline.count_days``."""
        with self._db.reading() as connection:
            return count_days(connection, when, ids)

    # -- tags -----------------------------------------------------------------------------------------

    def add_tags(self, taggings: Sequence[Tagging]) -> int:
        """Write tags; return how many items have them now (those that are gone are left out).

        A tag that an item already has from the same source gets the new probability.
        """
        with self._db.writing() as connection:
            changed = insert_tags(connection, taggings)
            derive_words(connection, changed)
            count_tagging(connection)
        return len(changed)

    def remove_tags(
        self, ids: Sequence[int] | None = None, *, tag: str | None = None, source: str | None = None
    ) -> int:
        """Remove tags by item, label and source, each None for all; return how many items lost any."""
        with self._db.writing() as connection:
            changed = delete_tags(connection, ids, tag=tag, source=source)
            derive_words(connection, changed)
            count_tagging(connection)
        return len(changed)

    def rename_tag(self, tag: str, new: str) -> int:
        """Call a tag otherwise wherever it is, or join it with another; return how many items had it."""
        with self._db.writing() as connection:
            changed = rename_tag(connection, tag, new)
            derive_words(connection, changed)
            count_tagging(connection)
        return len(changed)

    def tags(self) -> list[TagCount]:
        """List the tags in use, the most used first, then in alphabetical order."""
        with self._db.reading() as connection:
            return count_tags(connection)

    def taggings(self, item_id: int) -> list[Tagging]:
        """List the tags of one item with their sources, by label, then source."""
        with self._db.reading() as connection:
            return read_taggings(connection, item_id)

    # -- the log of misses ----------------------------------------------------------------------------

    def log_miss(self, miss: Unanswered, at: datetime | None = None, *, since: int | None = None) -> bool:
        """Log a query that nothing answers, or count it once more, without waiting.

        Args:
            miss: the query.
            at: when it was asked, with a time zone; None for now.
            since: the change at which all embeddings were replaced, as far as the asker knows; None not to
                look whether they were replaced again.

        Returns:
            Whether it was logged: it is not if it was embedded by an encoder of before.

        Raises:
            CollectionBusy: another process is writing at this moment.
            StorageFailure: the disk is full or read-only.
        """
        utc = now() if at is None else at.astimezone(UTC).replace(tzinfo=None)
        with self._db.attempting() as connection:
            if since is not None and since != int(connection.scalar(_EMBEDDED_SINCE) or 0):
                return False
            record_miss(connection, miss, utc)
            return True

    def misses(self) -> list[Miss]:
        """Read the log of misses, the last asked first."""
        with self._db.reading() as connection:
            return read_misses(connection)

    def forget_misses(self, ids: Sequence[int] | None = None) -> int:
        """Delete misses by id, None for all; return how many there were."""
        with self._db.writing() as connection:
            return delete_misses(connection, ids)
