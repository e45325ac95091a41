"""What can be asked of a collection without its embeddings: filters, words, facets, tags."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import select

from .conditions import Condition
from .database import Database
from .derived import derive_words
from .facets import Facet, count_facets, field_names
from .items import Ids
from .matching import match_words
from .selection import select_ids
from .tables import MetaRow
from .tags import TagCount, Tagging, count_tags, delete_tags, insert_tags, read_taggings
from .vectors import Scores
from .writing import count_tagging

_REMEMBERED = 32  # filters; a megabyte each where a hundred thousand items pass
_COUNTERS = select(MetaRow.value).where(MetaRow.key.in_(["change", "tagging"]))


class Catalogue:
    """The half of the store that answers by attribute, word and tag. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._selected = lru_cache(maxsize=_REMEMBERED)(self._select)

    def revision(self) -> int:
        """Number of the last change to anything that a filter can see: items, tags, embeddings."""
        with self._db.reading() as connection:
            return sum(int(value) for value in connection.scalars(_COUNTERS))

    # -- filters and words ----------------------------------------------------------------------------

    def select(self, condition: Condition) -> Ids:
        """Find the items that satisfy a condition, remembered until anything changes.

        Returns:
            (m,) int64 ascending, read-only.
        """
        return self._selected(condition, self.revision())

    def _select(self, condition: Condition, _revision: int) -> Ids:
        with self._db.reading() as connection:
            ids = select_ids(connection, condition)
        ids.setflags(write=False)
        return ids

    def match_words(
        self, words: Sequence[str], limit: int, *, every: bool, allowed: Ids | None = None
    ) -> tuple[Ids, Scores]:
        """Find items by words, best first, ties by id; see ``matching.match_words``."""
        with self._db.reading() as connection:
            return match_words(connection, words, limit, every=every, allowed=allowed)

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

    def tags(self) -> list[TagCount]:
        """List the tags in use, the most used first, then in alphabetical order."""
        with self._db.reading() as connection:
            return count_tags(connection)

    def taggings(self, item_id: int) -> list[Tagging]:
        """List the tags of one item with their sources, by label, then source."""
        with self._db.reading() as connection:
            return read_taggings(connection, item_id)
