"""The graphs (HNSW) over the embeddings of a collection on a server: made once there are many."""

from __future__ import annotations

from sqlalchemy import Connection, text

from .items import Kind

GRAPH_FROM = 20_000
"""Embeddings of a kind from which a graph finds faster than comparing with all."""
_NEIGHBOURS, _BUILT_WITH = 16, 100
_MEMORY = "1GB"  # for building; what does not fit makes it slower, not wrong


def has_graph(connection: Connection, kind: Kind) -> bool:
    """Say whether there is a graph over the embeddings of a kind."""
    there = text("SELECT to_regclass(quote_ident(current_schema()) || :name) IS NOT NULL")
    return bool(connection.scalar(there, {"name": f".{_name(kind)}"}))


def make_graph(connection: Connection, kind: Kind, dim: int) -> None:
    """Make the graph over the embeddings of a kind; from then on the server keeps it up by itself."""
    connection.execute(text("SELECT set_config('maintenance_work_mem', :size, true)"), {"size": _MEMORY})
    connection.exec_driver_sql(
        f"CREATE INDEX IF NOT EXISTS {_name(kind)} ON embeddings "
        f"USING hnsw ((CAST(vector AS halfvec({dim}))) halfvec_ip_ops) "
        f"WITH (m = {_NEIGHBOURS}, ef_construction = {_BUILT_WITH}) WHERE kind = '{kind}'"
    )


def _name(kind: Kind) -> str:
    return f"embeddings_by_{kind}"
