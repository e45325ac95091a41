"""The graphs (HNSW) over the embeddings of a collection on a server: made once there are many."""

from __future__ import annotations

from sqlalchemy import Connection, text

from ..items import Kind

GRAPH_FROM = 20_000
"""Embeddings of a kind from which a graph finds faster than comparing with all."""
_NEIGHBOURS, _BUILT_WITH = 16, 100
_MEMORY = "1GB"  # for building; what does not fit makes it slower, not wrong
_VALID = text(
    "SELECT indisvalid FROM pg_index WHERE indexrelid = "
    "to_regclass(quote_ident(current_schema()) || '.' || CAST(:name AS text))"
)


def has_graph(connection: Connection, kind: Kind) -> bool:
    """Say whether there is a whole graph over the embeddings of a kind."""
    return bool(connection.scalar(_VALID, {"name": _name(kind)}))


def make_graph(connection: Connection, kind: Kind, dim: int) -> None:
    """Make the graph over the embeddings of a kind, while others read and write; the server keeps it up then.

    Args:
        connection: in no transaction, for this takes one for each of its steps.
        kind: image or text.
        dim: width of the embeddings.
    """
    if has_graph(connection, kind):
        return
    for setting in (f"maintenance_work_mem = '{_MEMORY}'", "lock_timeout = 0"):
        connection.exec_driver_sql(f"SET {setting}")
    try:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {_name(kind)}")  # of a build that died
        connection.exec_driver_sql(
            f"CREATE INDEX CONCURRENTLY {_name(kind)} ON embeddings "
            f"USING hnsw ((CAST(vector AS halfvec({dim}))) halfvec_ip_ops) "
            f"WITH (m = {_NEIGHBOURS}, ef_construction = {_BUILT_WITH}) WHERE kind = '{kind}'"
        )
    finally:
        for setting in ("maintenance_work_mem", "lock_timeout"):
            connection.exec_driver_sql(f"RESET {setting}")


def _name(kind: Kind) -> str:
    return f"embeddings_by_{kind}"
