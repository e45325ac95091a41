"""A collection: items, their embeddings, and the indexes over them, kept in step. One folder on disk."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np

from ..conditions.ast import Condition, names_origin
from ..encoders import Encoder, canary_embeddings, compare_canaries
from ..errors import CollectionBusy, CollectionNotFound, EncoderMismatch, ItemNotFound, StorageFailure
from ..images.decode import THUMBNAIL_SIDE
from ..indexes.base import Nearest
from ..indexes.files import FileIndexes
from ..indexes.manifest import Files
from ..items import KINDS, Embeddings, EncoderSpec, Ids, Item, Kind
from ..storage.database import Database
from ..storage.misses import Unanswered
from ..storage.store import Store
from .backends import VECTORS, indexes_at, is_collection, lock_of, open_database, open_indexes
from .server_address import address_of
from .shared_files import fetch_file, keep_file


class Collection:
    """Items searchable by their embeddings.

    The database is the truth; indexes follow it, so that a reader sees what another process has written. What
    was made here and not promoted stands apart: nothing looks at it unless it is asked to. Safe to use from
    several threads; one at a time may write (``writing``).
    """

    def __init__(self, folder: Path, database: Database, spec: EncoderSpec) -> None:
        self.folder = folder
        self.spec = spec
        self.store = Store(database)
        self._database = database
        self._indexes = open_indexes(folder, database, self.store, spec.dim)
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
                store.set_meta(id=uuid.uuid4().hex, spec=asdict(encoder.spec), canaries=canaries)
        made = cls(folder, database, EncoderSpec(**store.meta("spec")))
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
        spec = Store(database).meta("spec")
        if spec is None:  # the process that made it was killed before it said for which model
            database.close()
            raise CollectionNotFound(folder)
        return cls(folder, database, EncoderSpec(**spec))

    def close(self) -> None:
        """Close the database."""
        self._database.close()

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
            indexes = indexes_at(address, self.folder, self._database, self.store, self.spec.dim)
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

    # -- searching ------------------------------------------------------------------------------------

    def snapshot(self) -> AbstractContextManager[None]:
        """Let everything that this thread reads until the end be of one moment; many reads become quick."""
        return self._database.snapshot()

    def search(
        self,
        query: Embeddings,
        k: int,
        *,
        allowed: Ids | None = None,
        captions: bool = True,
        apart: bool = False,
    ) -> dict[Kind, Nearest]:
        """Find the items whose embeddings are nearest to a query, for each kind of embedding.

        Args:
            query: (dim,) float32 of length 1.
            k: how many of each kind, at least 0.
            allowed: (m,) int64, the only ids to consider; None for all.
            captions: compare with the texts of items that have a picture too.
            apart: also look at what stands apart.
        """
        return self._indexes.search(query, k, allowed=allowed, captions=captions, apart=apart)

    def select(self, condition: Condition, *, apart: bool = False) -> Ids:
        """Find the items that satisfy a condition, (m,) int64 ascending; fit for ``allowed``.

        Args:
            condition: what to satisfy.
            apart: whether what stands apart takes part; it does if the condition names the origin.
        """
        return self.store.select(condition, apart=apart or names_origin(condition))

    def embeddings(self, kind: Kind, ids: Ids) -> Embeddings:
        """Fetch the stored embeddings of one kind, (n, dim) float32 in the order of ``ids``.

        Raises:
            KeyError: an item has no embedding of this kind.
        """
        return self._indexes.embeddings(kind, ids)

    def present(self, kind: Kind, ids: Ids) -> tuple[Ids, Embeddings]:
        """Fetch the stored embeddings of one kind of those ids that have one: ids (m,) and rows (m, dim)."""
        return self._indexes.present(kind, ids)

    def count(self, kind: Kind, *, without: Ids | None = None) -> int:
        """Count the embeddings of one kind, but not those that stand apart, nor those of some items."""
        return self._indexes.count(kind, without=without)

    # -- the log of misses ----------------------------------------------------------------------------

    def log_miss(self, miss: Unanswered, at: datetime | None = None) -> bool:
        """Log a query that nothing here answers; say whether that was possible.

        It never waits and never fails: while somebody writes, or where nobody may, the miss is dropped.

        Args:
            miss: the query.
            at: when it was asked, with a time zone; None for now.
        """
        with suppress(CollectionBusy, StorageFailure):
            self.store.log_miss(miss, at)
            return True
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

    def writing(self, *, alone: bool = False) -> AbstractContextManager[None]:
        """Hold the right to write; it ends with the process, however that ends.

        Whoever holds it may take it again, in the same thread. Beside an SQLite file one process has it at a
        time; on a server many have it at once, unless one wants it alone.

        Raises:
            CollectionBusy: another process or thread holds it.
            StorageFailure: the folder cannot be written.
        """
        return self._writer.held(alone=alone)

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
