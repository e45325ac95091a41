"""Where a collection keeps its rows and embeddings: an SQLite file with FAISS beside it, or a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import filelock

from ..errors import CollectionBusy, MissingPackage, StorageFailure
from ..indexes.base import Indexes
from ..indexes.files import FileIndexes
from ..storage.database import Database, SqliteDatabase
from ..storage.store import Store
from .server_address import SERVER_FILE, address_of

DATABASE = "findmake.sqlite"
VECTORS = "vectors"
"""The fact that tells the address of the Milvus server of a collection; none if it has none."""


class WriterLock(Protocol):
    """The right to write to a collection."""

    def held(self, *, alone: bool = False) -> AbstractContextManager[None]:
        """Hold it; see ``Collection.writing``."""
        ...


def is_collection(folder: Path) -> bool:
    """Say whether a folder is a collection, or stands for one on a server."""
    return (folder / DATABASE).is_file() or (folder / SERVER_FILE).is_file()


def open_database(folder: Path) -> Database:
    """Open the database of a collection; nothing is read yet.

    Raises:
        StorageFailure: the file that names its server cannot be read.
        MissingPackage: the driver for its server is not installed.
    """
    address = address_of(folder)
    if address is None:
        return SqliteDatabase(folder / DATABASE)
    try:
        from ..storage.postgres import PostgresDatabase
    except ImportError as error:
        raise MissingPackage("psycopg", "postgres") from error
    return PostgresDatabase(folder, address)


def open_indexes(folder: Path, database: Database, store: Store, dim: int) -> Indexes:
    """Open the indexes over a collection's embeddings.

    Raises:
        VectorsUnreachable: they are on a Milvus server that does not answer.
        MissingPackage: they are on one, and its client is not installed.
    """
    return indexes_at(store.meta(VECTORS), folder, database, store, dim)


def indexes_at(address: str | None, folder: Path, database: Database, store: Store, dim: int) -> Indexes:
    """Open the indexes on the Milvus server at an address; without one, those that belong to the database."""
    if address:
        try:
            from ..indexes.milvus import MilvusIndexes
        except ImportError as error:
            raise MissingPackage("pymilvus", "milvus") from error
        return MilvusIndexes(store, dim, address)
    if isinstance(database, SqliteDatabase):
        return FileIndexes(folder, store, dim)
    from ..indexes.postgres import ServerIndexes
    from ..storage.postgres import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    return ServerIndexes(database, store, dim)


def lock_of(folder: Path, database: Database) -> WriterLock:
    """Give the right to write to a collection, not held yet."""
    if isinstance(database, SqliteDatabase):
        return _FolderLock(folder)
    from ..storage.postgres import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    return database.right_to_write()


class _FolderLock:
    """The right to write to the files of a folder, for one process or thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = filelock.FileLock(folder / ".writing.lock")

    @contextmanager
    def held(self, *, alone: bool = False) -> Iterator[None]:
        """Hold it, always alone.

        Raises:
            CollectionBusy: another process or thread holds it.
            StorageFailure: the folder cannot be written.
        """
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise CollectionBusy(self._folder) from error
        except OSError as error:
            raise StorageFailure(self._folder, error.strerror or str(error)) from error
        try:
            yield
        finally:
            self._lock.release()


def list_collections(root: Path) -> list[Path]:
    """List the folders of the collections that lie directly in a folder, by name; hidden ones are left out.

    Args:
        root: where to look; if there is no such folder, there are none.

    Raises:
        StorageFailure: it cannot be looked into.
    """
    try:
        if not root.is_dir():
            return []
        folders = [each for each in root.iterdir() if not each.name.startswith(".")]
        return sorted(each for each in folders if is_collection(each))
    except OSError as error:
        raise StorageFailure(root, error.strerror or str(error)) from error
