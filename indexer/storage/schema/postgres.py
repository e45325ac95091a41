"""What a PostgreSQL database needs before it can hold a collection: extensions, functions, and its words."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table
from sqlalchemy.dialects.postgresql import TSVECTOR

from ...errors import UnfitServer
from ...items import KINDS

LEXEMES = Table(
    "words",
    MetaData(),
    Column("rowid", BigInteger, primary_key=True, autoincrement=False),
    Column("lexemes", TSVECTOR, nullable=False),
    Column("tokens", Integer, nullable=False),  # of the whole document, as BM25 counts them
)
"""The full-text index; derived from items and tags, its rowid is the item's id."""

_CASEFOLD_SINCE = 18  # casefold() and the collation with Unicode's full case mapping
_EXTENSIONS = ("vector", "citext")
# SQLite's GLOB: * and ? and [classes]; all else stands for itself.
_GLOB = r"""
CREATE OR REPLACE FUNCTION glob(pattern text, value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value ~ ('^' || replace(replace(
        regexp_replace(pattern, '([.^$+(){}|\\])', '\\\1', 'g'), '*', '.*'), '?', '.') || '$')
$$
"""
_FOLD = """
CREATE OR REPLACE FUNCTION fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT {folded} COLLATE "C" $$
"""
_FULL = "normalize(casefold(normalize(value) COLLATE pg_unicode_fast))"
_SIMPLE = "normalize(lower(normalize(value)))"  # of letters such as ß only the case, and no more


def prepare_database(connection: Connection) -> None:
    """Add extensions, and functions under the names that SQLite has for them.

    ``fold`` is ours (``values.fold``): before PostgreSQL 18, which has no ``casefold``, letters that fold
    into several (``ß``) stay as they are.

    Raises:
        UnfitServer: the server lacks an extension, or the database is not in UTF-8.
    """
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise UnfitServer(f"its encoding is {encoding}, and not UTF8")
    have = set(connection.exec_driver_sql("SELECT name FROM pg_available_extensions").scalars())
    for name in _EXTENSIONS:
        if name not in have:
            raise UnfitServer(f"its server lacks the extension {name}")
        connection.exec_driver_sql(f"CREATE EXTENSION IF NOT EXISTS {name}")
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar() or 0) // 10_000
    connection.exec_driver_sql(_GLOB.replace("%", "%%"))
    folded = _FULL if version >= _CASEFOLD_SINCE else _SIMPLE
    connection.exec_driver_sql(_FOLD.format(folded=folded))


def graph_name(kind: str) -> str:
    """Name the graph (HNSW) over the embeddings of one kind."""
    return f"embeddings_by_{kind}"


def drop_graphs(connection: Connection) -> None:
    """Drop the graphs over embeddings: one holds rows of one width, and takes long to change as a whole."""
    for kind in KINDS:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {graph_name(kind)}")


def create_words(connection: Connection) -> None:
    """Make the full-text index."""
    LEXEMES.create(connection)
    connection.exec_driver_sql("CREATE INDEX words_by_lexeme ON words USING gin (lexemes)")
