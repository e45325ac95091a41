"""A collection: items, their embeddings, and the indexes over them, kept in step. One folder on disk."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np

from ..encoders import Encoder, canary_embeddings, compare_canaries, model_state
from ..errors import (
    CollectionBusy,
    CollectionNotFound,
    EncoderMismatch,
    ItemNotFound,
    StorageFailure,
)
from ..images.decode import THUMBNAIL_SIDE
from ..indexes.files import FileIndexes
from ..indexes.manifest import Files
from ..items import KINDS, Embeddings, EncoderSpec, Item, Kind
from ..storage.database import Database
from ..storage.misses import Unanswered
from ..storage.schema.new_embeddings import EMBEDDED_SINCE
from ..storage.store import Store
from .backends import VECTORS, indexes_at, is_collection, lock_of, open_database
from .searchable import SearchableCollection
from .server_address import address_of
from .shared_files import fetch_file, keep_file

MODEL_STATE = "model_state"
"""The fact that tells the state of the model's files for which its embeddings were compared; see there."""


class Collection(SearchableCollection):
    """Items searchable by their embeddings.

    The database is the truth; indexes follow it, so that a reader sees what another process has written. What
    was made here and not promoted stands apart: nothing looks at it unless it is asked to. Safe to use from
    several threads; one at a time may write (``writing``).
    """

    def __init__(self, folder: Path, database: Database, spec: EncoderSpec, *, since: int = 0) -> None:
        super().__init__(folder, database, spec, since=since)
        self._writer = lock_of(folder, database)
        self._verified: dict[Kind, Encoder] = {}

    @classmethod
    def create(cls, folder: Path, encoder: Encoder) -> Collection:
        """Make a collection for an encoder, or open the one that is there.

        Raises:
            EncoderMismatch: there is one, built with another model.
            EncoderDrift: the model of that name gives other embeddings now.
            CollectionBusy: another process is making it.
            StorageFailure: the folder cannot be written.
        """
        try:
            collection = cls.open(folder)
        except CollectionNotFound:
            collection = cls._make(folder, encoder)
        collection.verify(encoder)
        return collection

    @classmethod
    def _make(cls, folder: Path, encoder: Encoder) -> Collection:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailure(folder, error.strerror or str(error)) from error
        database = open_database(folder)
        with lock_of(folder, database).held(alone=True):
            database.migrate()
            canaries = {kind: canary_embeddings(encoder, kind).tolist() for kind in KINDS}
            store = Store(database)
            if is_ours := store.meta("spec") is None:  # another machine may have been quicker
                facts = {"spec": asdict(encoder.spec), MODEL_STATE: model_state(encoder.spec.name)}
                store.set_meta(id=uuid.uuid4().hex, canaries=canaries, **facts)
        made = cls._of(folder, database)
        made._verified = dict.fromkeys(KINDS if is_ours else (), encoder)
        return made

    @classmethod
    def open(cls, folder: Path) -> Collection:
        """Open a collection.

        Raises:
            CollectionNotFound: there is none in this folder.
            SchemaTooNew: a newer program wrote it.
            StorageFailure: its database cannot be read.
            ServerUnreachable: it is on a server that does not answer.
        """
        if not is_collection(folder):
            raise CollectionNotFound(folder)
        database = open_database(folder)
        if database.is_empty():  # a server, of which nobody has asked to hold one
            database.close()
            raise CollectionNotFound(folder)
        database.migrate()
        if Store(database).meta("spec") is None:  # who made it was killed before it said for which model
            database.close()
            raise CollectionNotFound(folder)
        return cls._of(folder, database)

    @classmethod
    def _of(cls, folder: Path, database: Database) -> Collection:
        with database.snapshot():
            store = Store(database)
            spec, since = EncoderSpec(**store.meta("spec")), int(store.meta(EMBEDDED_SINCE) or 0)
        return cls(folder, database, spec, since=since)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def use_vectors(self, address: str | None) -> None:
        """Let a Milvus server (``http://localhost:19530``) find candidates from now on; None for none.

        Raises:
            VectorsUnreachable: the server does not answer; everything stays as it was.
            MissingPackage: the client is not installed.
            CollectionBusy: another process is writing.
        """
        if address == self.store.meta(VECTORS):
            return
        with self.writing():  # saving drops index files that nothing names
            indexes = indexes_at(address, self.folder, self.database, self.store, self.spec.dim)
            indexes.save()
            self.store.set_meta(**{VECTORS: address})
            self._indexes = indexes

    @property
    def keeps_files(self) -> bool:
        """Whether its indexes are files in its folder."""
        return isinstance(self._indexes, FileIndexes)

    @property
    def server(self) -> str | None:
        """Address of the server that holds its rows and embeddings; None where they are in its folder."""
        return address_of(self.folder)

    def __len__(self) -> int:
        return self.store.count()

    # -- the encoder ----------------------------------------------------------------------------------

    def verify(self, encoder: Encoder, kinds: Sequence[Kind] = KINDS) -> None:
        """Make sure that an encoder gives the embeddings this collection was built with.

        The canaries of each kind are encoded again, once for an encoder.

        Args:
            encoder: the one to use.
            kinds: what it will be used for; none to look at its name and hashes only.

        Raises:
            EncoderMismatch: it is another model.
            EncoderDrift: it has the right name, but its embeddings differ.
        """
        if self.spec.name != encoder.spec.name and not self.spec.same_space(encoder.spec):
            raise EncoderMismatch(self.spec.name, encoder.spec.name)
        new = [kind for kind in kinds if self._verified.get(kind) is not encoder]
        if new:
            compare_canaries(encoder, self.canaries(), new)
            self._verified |= dict.fromkeys(new, encoder)

    def canaries(self) -> dict[Kind, Embeddings]:
        """Give the embeddings of the canaries, as the encoder gave them that made this collection."""
        stored = self.store.meta("canaries")
        return {kind: np.array(stored[kind], np.float32) for kind in KINDS}

    @property
    def picture_side(self) -> int:
        """Least pixels of the shorter side of a decoded picture."""
        return max(self.spec.image_size, THUMBNAIL_SIDE)

    def item(self, item_id: int) -> Item:
        """Fetch one item.

        Raises:
            ItemNotFound: there is no item with this id.
        """
        for item in self.store.items([item_id]):
            return item
        raise ItemNotFound(str(item_id))

    # -- the log of misses ----------------------------------------------------------------------------

    def log_miss(self, miss: Unanswered, at: datetime | None = None) -> bool:
        """Log a query that nothing here answers; say whether that was possible.

        It never waits and never fails: while somebody writes, or where nobody may, the miss is dropped.

        Args:
            miss: the query.
            at: when it was asked, with a time zone; None for now.
        """
        with suppress(CollectionBusy, StorageFailure):
            return self.store.log_miss(miss, at, since=self._since)
        return False

    def file(self, name: str) -> Path:
        """Give the path of a small file that belongs to the collection, up to date; it need not be there.

        Raises:
            StorageFailure: it is on a server, and cannot be brought here.
        """
        if self.server:
            fetch_file(self.store, self.folder, name)
        return self.folder / name

    def keep_file(self, name: str) -> None:
        """Tell that a file of the collection's folder was written; on a server, others have it then too.

        Raises:
            StorageFailure: the server cannot be written.
        """
        if self.server:
            keep_file(self.store, self.folder, name)

    # -- writing --------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[None]:
        """Hold the right to write; it ends with the process, however that ends.

        Whoever holds it may take it again, in the same thread. Beside an SQLite file one process has it at a
        time; on a server many have it at once, unless one wants it alone.

        Raises:
            CollectionBusy: another process or thread holds it.
            StorageFailure: the folder cannot be written.
            EncoderReplaced: the collection has got another encoder since it was opened.
        """
        with self._writer.held(alone=alone):
            self._must_be_current()
            yield

    def save_indexes(self) -> None:
        """Write the index files, unless those on disk are of the last change.

        Raises:
            StorageFailure: the disk is full; the old files stay.
        """
        self._indexes.save()

    def drift(self, kind: Kind) -> float | None:
        """Give the share of a large index that changed since it was built; None for an exact one."""
        return self._indexes.drift(kind)

    def use_files(self, files: Files) -> None:
        """Search with other index files from now on; see ``optimize``.

        Raises:
            StorageFailure: the disk is full; the old files stay in use.
        """
        self._indexes.replace(files)
