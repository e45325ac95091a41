"""Looking into a collection's database for what must not be there, and mending it. SQL, for the doctor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, LargeBinary, Select, delete, func, insert, or_, select, update

from ..errors import StorageFailure
from ..items import KINDS, Kind
from .database import Database
from .derived_fields import derive
from .schema.tables import EMBEDDINGS, FIELDS, ITEMS, META, TAGS, THUMBNAILS, TOMBSTONES, WORDS
from .write import bury, next_change

_CHUNK = 500  # bound parameters per statement
_MOST_PROBLEMS = 20
_OF_ITEMS = (EMBEDDINGS, THUMBNAILS, TAGS, FIELDS)
_UNIT = 5e-3  # how far from 1 the length of an embedding may be, rounded to float16
_THERE = select(ITEMS.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An item and the file that it names.

    Attributes:
        id: of the item.
        path: absolute, or within the collection for what was made here.
        made: whether it was made here.
    """

    id: int
    path: str
    made: bool


class Inspection:
    """Reads what no other part of the house asks for; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # -- the file ---------------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """List what SQLite itself finds wrong with its file, at most twenty; none if it is whole.

        Raises:
            StorageFailure: it cannot be read at all.
        """
        with self._db.reading() as connection:
            if connection.dialect.name != "sqlite":
                return []
            found = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_PROBLEMS})").scalars().all()
        return [] if list(found) == ["ok"] else [str(line) for line in found]

    def schema_version(self) -> int:
        """Read the version of the schema; 0 for an empty file."""
        with self._db.reading() as connection:
            if not connection.dialect.has_table(connection, META.name):
                return 0
            return int(connection.scalar(_meta("schema_version")) or 0)

    def rebuild_keys(self) -> None:
        """Make SQLite's own indexes anew from the tables."""
        with self._db.writing() as connection:
            connection.exec_driver_sql("REINDEX")

    # -- rows that belong to nothing --------------------------------------------------------------------

    def orphans(self) -> dict[str, int]:
        """Count rows that belong to no item, by table; only tables that have some."""
        counts = {}
        with self._db.reading() as connection:
            for table in _OF_ITEMS:
                lost = table.c.item_id.not_in(_THERE)
                statement = select(func.count()).select_from(table).where(lost)
                counts[table.name] = int(connection.scalar(statement) or 0)
        return {name: count for name, count in counts.items() if count}

    def drop_orphans(self) -> None:
        """Delete rows that belong to no item."""
        with self._db.writing() as connection:
            lost = EMBEDDINGS.c.item_id.not_in(_THERE)
            bury(connection, lost, next_change(connection))
            for table in _OF_ITEMS:
                connection.execute(delete(table).where(table.c.item_id.not_in(_THERE)))

    # -- embeddings -------------------------------------------------------------------------------------

    def broken_embeddings(self, dim: int) -> dict[Kind, list[int]]:
        """List the items whose stored embedding is not ``dim`` finite numbers of length 1, by kind."""
        found: dict[Kind, list[int]] = {kind: [] for kind in KINDS}
        statement = select(EMBEDDINGS.c.item_id, EMBEDDINGS.c.kind, EMBEDDINGS.c.vector)
        with self._db.reading() as connection:
            rows = connection.execute(statement, execution_options={"yield_per": 1_000})
            for chunk in rows.partitions():
                for item_id, kind, vector in chunk:
                    if kind in found and not _is_unit(vector, dim):
                        found[kind].append(item_id)
        return {kind: ids for kind, ids in found.items() if ids}

    def drop_embeddings(self, kind: Kind, ids: Sequence[int]) -> None:
        """Drop embeddings, and let the next run read the inputs of these items again."""
        with self._db.writing() as connection:
            change = next_change(connection)
            for chunk in _chunks(ids):
                wanted = EMBEDDINGS.c.item_id.in_(chunk) & (EMBEDDINGS.c.kind == kind)
                bury(connection, wanted, change)
                connection.execute(delete(EMBEDDINGS).where(wanted))
                _forget_content(connection, chunk)

    def without_embedding(self) -> list[int]:
        """List the items that no search by meaning can find."""
        has = select(EMBEDDINGS.c.item_id).distinct()
        with self._db.reading() as connection:
            return list(connection.scalars(select(ITEMS.c.id).where(ITEMS.c.id.not_in(has))))

    def read_again(self, ids: Sequence[int]) -> None:
        """Let the next run read the inputs of these items again, whether their files have changed or not."""
        with self._db.writing() as connection:
            for chunk in _chunks(ids):
                _forget_content(connection, chunk)

    def late_changes(self) -> int:
        """Tell the highest change number in the tables if the counter is behind it; 0 if all is well."""
        with self._db.reading() as connection:
            counted = int(connection.scalar(_meta("change")) or 0)
            written = connection.scalar(select(func.max(EMBEDDINGS.c.change))) or 0
            removed = connection.scalar(select(func.max(TOMBSTONES.c.change))) or 0
        highest = max(written, removed)
        return highest if highest > counted else 0

    def count_on_from(self, change: int) -> None:
        """Set the counter of changes."""
        with self._db.writing() as connection:
            connection.execute(delete(META).where(META.c.key == "change"))
            connection.execute(insert(META).values(key="change", value=change))

    # -- what is derived --------------------------------------------------------------------------------

    def underived(self) -> list[int]:
        """List the items that filters or words would not find, and ids whose words are of no item."""
        filled = select(FIELDS.c.item_id).where(FIELDS.c.name == "origin")
        worded = select(WORDS.c.rowid)
        wordless = ~ITEMS.c.apart & ITEMS.c.id.not_in(worded)
        with self._db.reading() as connection:
            lacking = select(ITEMS.c.id).where(or_(ITEMS.c.id.not_in(filled), wordless))
            extra = select(WORDS.c.rowid).where(WORDS.c.rowid.not_in(_THERE))
            return sorted({*connection.scalars(lacking), *connection.scalars(extra)})

    def words_are_whole(self) -> bool:
        """Say whether the full-text index agrees with itself."""
        try:
            with self._db.writing() as connection:
                if connection.dialect.name == "postgresql":
                    from .fulltext.lexemes import words_add_up

                    return words_add_up(connection)
                connection.exec_driver_sql("INSERT INTO words(words) VALUES('integrity-check')")
        except StorageFailure as error:
            if "readonly" in error.reason:  # SQLite checks it for writers only
                return True
            if "malformed" not in error.reason and "corrupt" not in error.reason:
                raise
            return False
        return True

    def rebuild_words(self) -> None:
        """Make the full-text index anew from its rows."""
        with self._db.writing() as connection:
            if connection.dialect.name == "postgresql":
                from .fulltext.lexemes import count_words_again

                count_words_again(connection)
                return
            connection.exec_driver_sql("INSERT INTO words(words) VALUES('rebuild')")

    def derive_again(self, ids: Sequence[int]) -> None:
        """Make anew what is derived from items; ids that are gone lose it."""
        with self._db.writing() as connection:
            derive(connection, ids)

    # -- pictures ---------------------------------------------------------------------------------------

    def without_thumbnail(self) -> list[int]:
        """List the items with a picture whose thumbnail is not there or is no WebP file."""
        whole = select(THUMBNAILS.c.item_id).where(
            func.substr(THUMBNAILS.c.webp, 1, 4, type_=LargeBinary) == b"RIFF",
            func.substr(THUMBNAILS.c.webp, 9, 4, type_=LargeBinary) == b"WEBP",
        )
        pictured = select(EMBEDDINGS.c.item_id).where(EMBEDDINGS.c.kind == "image")
        with self._db.reading() as connection:
            wanted = select(ITEMS.c.id).where(ITEMS.c.id.in_(pictured), ITEMS.c.id.not_in(whole))
            return list(connection.scalars(wanted.order_by(ITEMS.c.id)))

    def keep_thumbnails(self, thumbnails: Mapping[int, bytes]) -> None:
        """Write thumbnails (WebP) in place of what is there."""
        with self._db.writing() as connection:
            for item_id, webp in thumbnails.items():
                connection.execute(delete(THUMBNAILS).where(THUMBNAILS.c.item_id == item_id))
                connection.execute(insert(THUMBNAILS).values(item_id=item_id, webp=webp))

    def files(self) -> Iterator[Named]:
        """Go through the items that name a file, by ascending id."""
        made = ITEMS.c.key.startswith("generated:").label("made")
        statement = select(ITEMS.c.id, ITEMS.c.path, made).where(ITEMS.c.path.is_not(None))
        with self._db.reading() as connection:
            ordered = statement.order_by(ITEMS.c.id)
            rows = connection.execute(ordered, execution_options={"yield_per": 1_000})
            for row in rows:
                yield Named(id=row.id, path=row.path, made=bool(row.made))


def _meta(key: str) -> Select[Any]:
    return select(META.c.value).where(META.c.key == key)


def _is_unit(vector: bytes, dim: int) -> bool:
    if len(vector) != 2 * dim:
        return False
    row = np.frombuffer(vector, "<f2").astype(np.float32)
    return bool(np.isfinite(row).all()) and abs(float(np.linalg.norm(row)) - 1) <= _UNIT


def _forget_content(connection: Connection, ids: Sequence[int]) -> None:
    forgotten = {"fingerprint": "", "image_sha256": None, "text_sha256": None}
    connection.execute(update(ITEMS).where(ITEMS.c.id.in_(ids)).values(**forgotten))


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
