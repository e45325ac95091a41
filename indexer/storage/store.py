"""Items, embeddings and thumbnails in tables. The only SQL in the house, beside ``database``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import bindparam, delete, func, insert, select, update

from ..items import KINDS, Item, Kind
from .database import Database
from .derived_fields import derive
from .drafts import Draft, Known, Touch, Twin
from .embeddings import Embedded
from .schema.dialects import Joined, JsonList, among
from .schema.tables import APART, EMBEDDINGS, ITEMS, META, ROOTS, RUNS, TAGS, THUMBNAILS
from .write import bury, next_change, now, promote_rows, provenance_from_json, write_drafts

_CHUNK = 500  # bound parameters per statement; SQLite allows 999 in its oldest builds

# Built once: putting a statement together costs more than running it.
_META = select(META.c.value).where(META.c.key == bindparam("key"))
_ITEMS = select(
    ITEMS,
    select(Joined(EMBEDDINGS.c.kind))
    .where(EMBEDDINGS.c.item_id == ITEMS.c.id)
    .scalar_subquery()
    .label("kinds"),
    select(JsonList(TAGS.c.tag.distinct()))
    .where(TAGS.c.item_id == ITEMS.c.id)
    .scalar_subquery()
    .label("tags"),
).where(among(ITEMS.c.id))
_CONTENTS = select(ITEMS.c.id, ITEMS.c.image_sha256, ITEMS.c.text_sha256).where(among(ITEMS.c.id))
# A model made it here: its provenance names no source.
_MADE_HERE = (ITEMS.c.origin == "generated") & ITEMS.c.provenance["source"].as_string().is_(None)


class Store(Embedded):
    """The truth about a collection. Every method is one transaction; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)

    # -- facts about the whole ------------------------------------------------------------------------

    def meta(self, key: str) -> Any:
        """Read one fact (JSON); None if it was never set."""
        with self._db.reading() as connection:
            return connection.scalar(_META, {"key": key})

    def set_meta(self, **facts: Any) -> None:
        """Write facts (JSON)."""
        with self._db.writing() as connection:
            for key, value in facts.items():
                connection.execute(delete(META).where(META.c.key == key))
                connection.execute(insert(META).values(key=key, value=value))

    def change(self) -> int:
        """Number of the last change to any embedding; an index made at this number is fresh."""
        return self._db.counter("change")

    def latest_change(self) -> int:
        """Number of the last change to any embedding at this moment, even within a snapshot."""
        return self._db.counter_now("change")

    def count(self, kind: Kind | None = None) -> int:
        """Count the items that do not stand apart, or their embeddings of one kind."""
        if kind is None:
            return self.tally().items
        of_kind = (EMBEDDINGS.c.kind == kind) & EMBEDDINGS.c.item_id.not_in(APART)
        statement = select(func.count()).select_from(EMBEDDINGS).where(of_kind)
        with self._db.reading() as connection:
            return int(connection.scalar(statement) or 0)

    # -- reading items --------------------------------------------------------------------------------

    def items(self, ids: Sequence[int]) -> list[Item]:
        """Fetch items in the order of ``ids``; unknown ids are left out."""
        with self._db.reading() as connection:
            rows = connection.execute(_ITEMS, {"ids": json.dumps(list(ids))}) if len(ids) else ()
            found = {row.id: _item(row, self._db.folder) for row in rows}
        return [found[i] for i in ids if i in found]

    def page(self, offset: int, limit: int) -> list[Item]:
        """List items by descending id: the newest first; without those that stand apart."""
        there = select(ITEMS.c.id).where(ITEMS.c.id.not_in(APART)).order_by(ITEMS.c.id.desc())
        with self._db.reading() as connection:
            wanted = connection.scalars(there.offset(offset).limit(limit)).all()
        return self.items(wanted)

    def find(self, keys: Iterable[str]) -> dict[str, Known]:
        """Look up what is known of inputs, by key."""
        return self._known(ITEMS.c.key, keys, by="key")

    def find_path(self, path: str) -> int | None:
        """Look up the id of the item whose picture or text is this file."""
        names = [path]
        if Path(path).is_relative_to(self._db.folder):
            names.append(Path(path).relative_to(self._db.folder).as_posix())
        with self._db.reading() as connection:
            statement = select(ITEMS.c.id).where(ITEMS.c.path.in_(names) | (ITEMS.c.key == path))
            return connection.scalar(statement.order_by(ITEMS.c.id).limit(1))

    def twin(self, kind: Kind, sha256: str) -> Twin | None:
        """Look up what is stored for exactly this content, so that it need not be embedded again.

        What was made here does not count: its embedding was not made by indexing.
        """
        column = ITEMS.c.image_sha256 if kind == "image" else ITEMS.c.text_sha256
        statement = (
            select(EMBEDDINGS.c.vector, ITEMS.c.width, ITEMS.c.height, THUMBNAILS.c.webp)
            .join(ITEMS, (EMBEDDINGS.c.item_id == ITEMS.c.id) & (EMBEDDINGS.c.kind == kind))
            .outerjoin(THUMBNAILS, THUMBNAILS.c.item_id == ITEMS.c.id)
            .where(column == sha256, ~_MADE_HERE)
            .order_by(ITEMS.c.id)
            .limit(1)
        )
        with self._db.reading() as connection:
            row = connection.execute(statement).first()
        if row is None:
            return None
        vector = np.frombuffer(row.vector, "<f2").astype(np.float32)
        return Twin(embedding=vector, width=row.width, height=row.height, thumbnail=row.webp)

    def walk(self) -> Iterator[Known]:
        """Go through all items of the collection but those that stand apart, by ascending id."""
        there = _known_columns().where(ITEMS.c.id.not_in(APART)).order_by(ITEMS.c.id)
        with self._db.reading() as connection:
            for row in connection.execute(there, execution_options={"yield_per": 1_000}):
                yield Known(**row._mapping)

    def fingerprints(self) -> dict[str, str]:
        """Give the fingerprints of all items by key.

        One pass, and nothing but strings, which Python's garbage collector need not walk through: this is
        what indexing an unchanged folder mostly does.
        """
        with self._db.reading() as connection:
            # The driver's own tuples: SQLAlchemy's rows around them would take longer than all else here.
            cursor = connection.execute(select(ITEMS.c.key, ITEMS.c.fingerprint)).cursor
            assert cursor is not None
            return dict(chain.from_iterable(iter(partial(cursor.fetchmany, 5_000), [])))

    def known(self, ids: Iterable[int]) -> dict[int, Known]:
        """Look up what is known of items, by id."""
        return self._known(ITEMS.c.id, ids, by="id")

    def contents(self, ids: Sequence[int]) -> dict[int, str | None]:
        """Look up the hash of each item's picture, or else of its text, by id."""
        with self._db.reading() as connection:
            rows = connection.execute(_CONTENTS, {"ids": json.dumps(list(ids))}).all()
        return {item_id: image or text for item_id, image, text in rows}

    def _known(self, column: Any, values: Iterable[Any], *, by: str) -> dict[Any, Known]:
        found: dict[Any, Known] = {}
        with self._db.reading() as connection:
            for chunk in _chunks(list(values)):
                for row in connection.execute(_known_columns().where(column.in_(chunk))):
                    found[getattr(row, by)] = Known(**row._mapping)
        return found

    # -- thumbnails -----------------------------------------------------------------------------------

    def thumbnail(self, item_id: int) -> bytes | None:
        """Read an item's thumbnail (WebP); None for a text."""
        with self._db.reading() as connection:
            return connection.scalar(select(THUMBNAILS.c.webp).where(THUMBNAILS.c.item_id == item_id))

    # -- roots and runs -------------------------------------------------------------------------------

    def roots(self) -> list[str]:
        """List the folders, tables and files that were indexed, in alphabetical order."""
        with self._db.reading() as connection:
            return list(connection.scalars(select(ROOTS.c.path).order_by(ROOTS.c.path)))

    def finish_run(self, roots: Iterable[str], report: dict[str, Any]) -> None:
        """Record a finished run and the roots that it covered."""
        at = now()
        with self._db.writing() as connection:
            for root in roots:
                connection.execute(delete(ROOTS).where(ROOTS.c.path == root))
                connection.execute(insert(ROOTS).values(path=root, indexed_at=at))
            connection.execute(insert(RUNS).values(finished_at=at, report=report))

    def last_run(self) -> tuple[datetime, dict[str, Any]] | None:
        """Read when (UTC) the last indexing run ended, and its report; None before the first."""
        with self._db.reading() as connection:
            row = connection.execute(
                select(RUNS.c.finished_at, RUNS.c.report).order_by(RUNS.c.id.desc()).limit(1)
            ).first()
        return (row.finished_at, row.report) if row else None

    # -- writing items --------------------------------------------------------------------------------

    def write(self, drafts: Sequence[Draft], touches: Sequence[Touch] = ()) -> list[int]:
        """Write a batch of items in one transaction.

        Returns:
            The ids of the drafts' items, in order.
        """
        with self._db.writing() as connection:
            for touch in touches:
                row = update(ITEMS).where(ITEMS.c.id == touch.id).values(fingerprint=touch.fingerprint)
                connection.execute(row)
            if not drafts:
                return []
            change = next_change(connection)
            ids = write_drafts(connection, drafts, change)
            derive(connection, ids)
            return ids

    def promote(self, ids: Sequence[int]) -> int:
        """Put items that stand apart among all others; return how many did stand apart."""
        with self._db.writing() as connection:
            change = next_change(connection)
            return sum(promote_rows(connection, chunk, change) for chunk in _chunks(ids))

    def remove(self, ids: Sequence[int]) -> int:
        """Remove items with all that belongs to them; return how many there were."""
        removed = 0
        for chunk in _chunks(ids):
            with self._db.writing() as connection:
                change = next_change(connection)
                for kind in KINDS:
                    bury(connection, EMBEDDINGS.c.item_id.in_(chunk) & (EMBEDDINGS.c.kind == kind), change)
                removed += connection.execute(delete(ITEMS).where(ITEMS.c.id.in_(chunk))).rowcount
                derive(connection, chunk)
        return removed


def _known_columns() -> Any:
    columns = (ITEMS.c.id, ITEMS.c.key, ITEMS.c.fingerprint, ITEMS.c.image_sha256, ITEMS.c.text_sha256)
    return select(*columns, _MADE_HERE.label("made"))


def _item(row: Any, folder: Path) -> Item:
    names = ("id", "key", "path", "title", "text", "width", "height", "attributes", "apart")
    values = {name: getattr(row, name) for name in names}
    if row.path is not None and not os.path.isabs(row.path):  # noqa: PTH117 - quicker, for each item shown
        values["path"] = str(folder / row.path)  # what was made here moves with the collection
    kinds = tuple(kind for kind in KINDS if kind in (row.kinds or ""))
    tags = tuple(sorted(json.loads(row.tags)))
    provenance = provenance_from_json(row.provenance)
    return Item(**values, kinds=kinds, provenance=provenance, tags=tags)


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
