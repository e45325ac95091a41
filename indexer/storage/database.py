"""The tables of a collection: how they are opened, migrated and written to, in an SQLite file or not."""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, exc, insert, select, update

from ..conditions.values import fold
from ..errors import CollectionBusy, SchemaTooNew, StorageFailure
from .migrations import MIGRATIONS, SCHEMA_VERSION
from .schema.tables import META

Counter = Literal["change", "tagging"]
"""What is counted among the facts: changes of embeddings, and of tags."""

_COUNTER = select(META.c.value).where(META.c.key == bindparam("name"))
_COUNTERS = select(META.c.key, META.c.value).where(META.c.key.in_(get_args(Counter)))
_BUSY_TIMEOUT_MS = 10_000  # a writer's transaction is one batch, so waiting this long means that it hangs


class Database(ABC):
    """Connections to the tables of a collection: readers never wait, transactions that write come one by one.

    Args:
        folder: of the collection; its absolute path is ``folder`` from then on.
        engine: that makes the connections.
    """

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder.absolute()
        self._engine = engine
        self._local = threading.local()

    @abstractmethod
    def reading_now(self) -> AbstractContextManager[Connection]:
        """Open a snapshot of this moment for reading, whatever snapshot this thread is in.

        Raises:
            StorageFailure: the tables cannot be read.
        """

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read from the snapshot that this thread is in, else open one.

        Raises:
            StorageFailure: the tables cannot be read.
        """
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            with self.reading_now() as connection:
                yield connection
        else:
            with self._translated():
                yield held.connection

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that this thread reads until the end be of one moment, over one connection.

        What takes many small reads becomes consistent, and several times as fast. What is written meanwhile,
        by whomever, is not seen.

        Raises:
            StorageFailure: the tables cannot be read.
        """
        if getattr(self._local, "held", None) is not None:
            yield
            return
        with self.reading_now() as connection:
            self._local.held = _Held(connection, {})
            try:
                yield
            finally:
                self._local.held = None

    def counter(self, name: Counter) -> int:
        """Read how often something was changed, of this thread's snapshot if it is in one.

        Raises:
            StorageFailure: the tables cannot be read.
        """
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            return self.counter_now(name)
        if not held.counters:
            with self.reading() as connection:
                held.counters.update({row.key: int(row.value) for row in connection.execute(_COUNTERS)})
        return held.counters.get(name, 0)

    def counter_now(self, name: Counter) -> int:
        """Read how often something was changed until this moment, whatever snapshot this thread is in.

        Raises:
            StorageFailure: the tables cannot be read.
        """
        with self.reading_now() as connection:
            return int(connection.scalar(_COUNTER, {"name": name}) or 0)

    @abstractmethod
    def _translated(self) -> AbstractContextManager[None]:
        """Turn what the driver raises into errors of ours."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction; all of it happens or none.

        Raises:
            CollectionBusy: another process has been writing for ten seconds.
            StorageFailure: the disk is full or read-only, or the file is broken.
        """

    @abstractmethod
    def attempting(self) -> AbstractContextManager[Connection]:
        """Open a transaction for what is not worth waiting for.

        Raises:
            CollectionBusy: another process is writing at this moment.
            StorageFailure: the disk is full or read-only, or the file is broken.
        """

    def is_empty(self) -> bool:
        """Say whether no table was made yet."""
        with self.reading() as connection:
            return self._version(connection) == 0

    def migrate(self) -> None:
        """Bring the tables to the schema of this program, step by step.

        Raises:
            SchemaTooNew: a newer program wrote them.
            StorageFailure: they cannot be written.
        """
        with self.reading() as connection:
            version = self._version(connection)
        if version > SCHEMA_VERSION:
            raise SchemaTooNew(version, SCHEMA_VERSION)
        for step in range(version, SCHEMA_VERSION):
            with self.writing() as connection:
                if self._version(connection) == step:  # another process may have been quicker
                    MIGRATIONS[step](connection)
                    _set_version(connection, step + 1)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @staticmethod
    def _version(connection: Connection) -> int:
        if not connection.dialect.has_table(connection, META.name):
            return 0
        found = connection.scalar(select(META.c.value).where(META.c.key == "schema_version"))
        return int(found or 0)


class _Held(NamedTuple):
    """The snapshot that a thread is in."""

    connection: Connection
    counters: dict[str, int]


class SqliteDatabase(Database):
    """Connections to one SQLite file in write-ahead mode.

    Args:
        path: of the file, in the folder of the collection.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path.parent, _engine(path))

    @contextmanager
    def reading_now(self) -> Iterator[Connection]:
        """Open a snapshot for reading; see ``Database.reading_now``."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    def counter_now(self, name: Counter) -> int:
        """Read a counter; see ``Database.counter_now``."""
        # By the driver, in a sixth of the time: each look-up begins so.
        with self._translated(), closing(self._engine.raw_connection()) as pooled:
            plain = pooled.driver_connection
            assert plain is not None
            row = plain.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
            return int(row[0]) if row else 0

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction; see ``Database.writing``."""
        with (
            self._translated(),
            self._engine.connect().execution_options(write=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def attempting(self) -> Iterator[Connection]:
        """Open a transaction for what is not worth waiting for; see ``Database.attempting``."""
        with self._translated(), self._engine.connect().execution_options(write=True) as connection:
            plain = connection.connection.driver_connection
            assert plain is not None
            plain.execute("PRAGMA busy_timeout=0")
            try:
                with connection.begin():
                    yield connection
            finally:
                plain.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (exc.DatabaseError, sqlite3.DatabaseError) as error:
            reason = str(getattr(error, "orig", error))
            if "locked" in reason:
                raise CollectionBusy(self.folder) from error
            raise StorageFailure(self.folder, reason) from error


def _set_version(connection: Connection, version: int) -> None:
    changed = connection.execute(
        update(META).where(META.c.key == "schema_version").values(value=version)
    ).rowcount
    if not changed:
        connection.execute(insert(META).values(key="schema_version", value=version))


def _fold(text: str | None) -> str | None:
    return None if text is None else fold(text)


def _address(path: Path) -> URL:
    """Write where SQLite finds a file; with it, that it must not be written to, where it cannot be.

    Readers of a file in write-ahead mode write beside it, too, unless nobody does: a copy on a disc or in a
    home that is another's is read as a file that does not change. If somebody is writing all the same, there
    is a log beside it, and SQLite looks after the rest.
    """
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return URL.create("sqlite", database=str(path))
    log = path.with_name(f"{path.name}-wal")
    fixed = {} if log.exists() and log.stat().st_size else {"immutable": "1"}
    return URL.create("sqlite", database=path.as_uri(), query={"mode": "ro", "uri": "true", **fixed})


def _engine(path: Path) -> Engine:
    address = _address(path.absolute())
    engine = create_engine(address, connect_args={"check_same_thread": False}, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, so that DDL is transactional too
        connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        if "mode" not in address.query:
            connection.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing; a power cut may lose the last batches, never the file.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.create_function("fold", 1, _fold, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A read that turns into a write can fail half-way with "locked"; a writer queues up at once.
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
