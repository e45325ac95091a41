"""Connections to a collection in a PostgreSQL database, and the right to write to it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Connection, Engine, Integer, cast, create_engine, event, exc, func, literal, select

from ..errors import CollectionBusy, ServerUnreachable, StorageFailure
from .database import Database
from .schema.halfvec import ToSend

WIDTH = 100
"""Candidates that the graph follows, unless more are wanted (``hnsw.ef_search``)."""
# Every connection is set to this: a walk goes on until enough rows pass, however few do.
WALKING = (
    "SET hnsw.iterative_scan = 'relaxed_order'",
    f"SET hnsw.ef_search = {WIDTH}",
    "SET hnsw.max_scan_tuples = 40000",
)

_LOCK_TIMEOUT = "10s"  # as long as SQLite waits
_CONNECT_TIMEOUT_S = 5
_MOST_SPARE = 40  # connections beside five, for as many threads as a server of ours has
_TRANSACTION, _RIGHT, _BUILDING = 1, 2, 3  # what an advisory lock is for
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


class PostgresDatabase(Database):
    """Connections to one collection on a server: readers never wait, transactions that write come one by one.

    That they come one by one, by an advisory lock, keeps the numbers of changes in the order in which
    changes can be seen; who follows them misses nothing.

    Args:
        folder: that stands for the collection on this machine.
        address: of the server; a password comes from ``PGPASSWORD`` or ``~/.pgpass``.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self._address = address
        super().__init__(folder, _engine(address))
        weakref.finalize(self, self._engine.dispose)  # a server keeps a place for every open connection

    @contextmanager
    def reading_now(self) -> Iterator[Connection]:
        """Open a snapshot for reading; see ``Database.reading_now``."""
        with self._translated(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction; see ``Database.writing``."""
        with self._translated(), self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(*_key(_TRANSACTION))))
            yield connection

    @contextmanager
    def attempting(self) -> Iterator[Connection]:
        """Open a transaction for what is not worth waiting for; see ``Database.attempting``."""
        with self._translated(), self._engine.begin() as connection:
            if not connection.scalar(select(func.pg_try_advisory_xact_lock(*_key(_TRANSACTION)))):
                raise CollectionBusy(self.folder)
            yield connection

    @contextmanager
    def building(self) -> Iterator[Connection | None]:
        """Open a connection in no transaction, to build what takes minutes; None while another is at it."""
        outside = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with self._translated(), outside as connection, _locked(connection, _BUILDING) as is_mine:
            yield connection if is_mine else None

    def right_to_write(self) -> ServerLock:
        """Give the lock that writers hold from their first transaction to their last."""
        return ServerLock(self._engine, self.folder)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.DatabaseError as error:
            if isinstance(error.orig, _BUSY):
                raise CollectionBusy(self.folder) from error
            reason = str(error.orig).strip().partition("\n")[0]
            if isinstance(error, exc.OperationalError) and not error.connection_invalidated:
                raise ServerUnreachable(self._address, reason) from error
            raise StorageFailure(self.folder, reason) from error


class ServerLock:
    """The right to write, held on the server: many writers share it, or one has it alone.

    Whoever holds it may take it again, in the same thread. It ends with the process, however that ends.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._held = threading.local()

    @contextmanager
    def held(self, *, alone: bool = False) -> Iterator[None]:
        """Hold it.

        Raises:
            CollectionBusy: somebody has it alone, or somebody has it at all and it is wanted alone.
        """
        with self._session() as connection, _locked(connection, _RIGHT, alone=alone) as is_mine:
            if not is_mine:
                raise CollectionBusy(self._folder)
            yield

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        """Keep one connection as long as this thread holds the lock: it belongs to the connection."""
        connection = getattr(self._held, "connection", None)
        if connection is not None:
            yield connection
            return
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            self._held.connection = connection
            try:
                yield connection
            finally:
                self._held.connection = None


class _CleanText(StrDumperUnknown):
    """Text without the character NUL, which PostgreSQL cannot keep."""

    def dump(self, obj: str) -> Any:
        """Write a text in UTF-8."""
        return super().dump(obj.replace("\0", "\ufffd"))


class _Vector(Dumper):
    """Vectors in binary; the server knows by the column which type that is."""

    format = Format.BINARY

    def dump(self, obj: ToSend) -> Any:
        """Give the bytes as they are."""
        return obj


@contextmanager
def _locked(connection: Connection, purpose: int, *, alone: bool = True) -> Iterator[bool]:
    """Hold a lock that belongs to a connection; say whether it can be had at once."""
    suffix = "" if alone else "_shared"
    take = getattr(func, f"pg_try_advisory_lock{suffix}")
    give = getattr(func, f"pg_advisory_unlock{suffix}")
    if not connection.scalar(select(take(*_key(purpose)))):
        yield False
        return
    try:
        yield True
    finally:
        with suppress(exc.DatabaseError):  # a connection that is gone has given it up
            connection.execute(select(give(*_key(purpose))))


def _key(purpose: int) -> tuple[Any, Any]:
    """Name a lock of this collection: one database may hold a collection in each of its schemas."""
    return cast(func.hashtext(func.current_schema()), Integer), literal(purpose, Integer)


def _engine(address: str) -> Engine:
    engine = create_engine(
        address,
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "findmake"},
        pool_pre_ping=True,
        max_overflow=_MOST_SPARE,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: psycopg.Connection, _record: object) -> None:
        connection.adapters.register_dumper(str, _CleanText)
        connection.adapters.register_dumper(ToSend, _Vector)
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
            for setting in WALKING:
                cursor.execute(setting)
        connection.commit()

    return engine
