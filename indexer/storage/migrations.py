"""The steps from each schema version to the next."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Table, inspect

from .derived_fields import derive_all
from .schema.tables import (
    EMBEDDINGS,
    FIELDS,
    ITEMS,
    META,
    MISSES,
    ROOTS,
    RUNS,
    TABLES,
    TAGS,
    THUMBNAILS,
    TOMBSTONES,
)

_WORDS = (
    "CREATE VIRTUAL TABLE words USING fts5(title, text, tags, attributes, name, "
    "tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3 4')"
)


def _create(connection: Connection, *tables: Table) -> None:
    TABLES.create_all(connection, tables=tables)


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _create_first_tables(connection: Connection) -> None:
    if _is_postgres(connection):
        from .schema.postgres import prepare_database

        prepare_database(connection)
    _create(connection, META, ITEMS, EMBEDDINGS, TOMBSTONES, THUMBNAILS, ROOTS, RUNS)


def _create_tags(connection: Connection) -> None:
    _create(connection, TAGS)


def _create_derived(connection: Connection) -> None:
    """Make what filters and full-text search look at, and fill it from the items that are there."""
    _create(connection, FIELDS)
    if _is_postgres(connection):
        from .schema.postgres import create_words

        create_words(connection)
    else:
        connection.exec_driver_sql(_WORDS)
    derive_all(connection)


def _create_shelf(connection: Connection) -> None:
    """Tell items that stand apart from the others; until now there were none. Make room for misses."""
    columns = {column["name"] for column in inspect(connection).get_columns("items")}
    if "apart" not in columns:  # in a new collection the first step has made it already
        connection.exec_driver_sql("ALTER TABLE items ADD COLUMN apart BOOLEAN DEFAULT 0 NOT NULL")
        connection.exec_driver_sql("CREATE INDEX items_apart ON items (apart) WHERE apart = 1")
    _create(connection, MISSES)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _create_first_tables,
    _create_tags,
    _create_derived,
    _create_shelf,
)
"""Step n brings a collection from schema version n to n + 1; each runs in one transaction."""

SCHEMA_VERSION = len(MIGRATIONS)
