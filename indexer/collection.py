"""A collection: items, their embeddings, and the indexes over them, kept in step. One folder on disk."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock
import numpy as np

from .conditions import Condition
from .database import Database
from .encoders import Encoder, agreement, canary_embeddings
from .errors import (
    CollectionBusy,
    CollectionNotFound,
    EncoderDrift,
    EncoderMismatch,
    IndexCorrupt,
    ItemNotFound,
    StorageFailure,
)
from .items import KINDS, Embeddings, EncoderSpec, Ids, Item, Kind
from .snapshots import Snapshot, load_snapshot, save_snapshot
from .store import Store
from .vectors import FaissIndex, Scores

DATABASE = "findmake.sqlite"
_CANARY_AGREEMENT = 0.99  # float16 storage and bf16 arithmetic stay above 0.998; another model is far below
_SAMPLE = 1_000
THUMBNAIL_SIDE = 320  # pixels of the longest side


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The items whose embeddings of one kind are nearest to a query.

    Attributes:
        scores: (j,) float32 cosine, best first, equal scores by smaller id.
        ids: (j,) int64.
        background: (m,) float32 cosine of the query with a sample of the collection, m at most 1,000; it
            tells how high this query scores by chance.
    """

    scores: Scores
    ids: Ids
    background: Scores


class Collection:
    """Items searchable by their embeddings.

    SQLite is the truth. The indexes live in memory, start from the files on disk where those are usable, and
    catch up with the database before each search, so that a reader sees what another process has written.
    Safe to use from several threads; one process at a time may write (``writing``).
    """

    def __init__(self, folder: Path, database: Database, spec: EncoderSpec) -> None:
        self.folder = folder
        self.spec = spec
        self.store = Store(database)
        self._database = database
        self._lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        self._change_on_disk: int | None = None
        self._verified: dict[Kind, Encoder] = {}
        self._samples: dict[Kind, tuple[int, Embeddings]] = {}

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
        with _exclusive(folder):
            database = Database(folder / DATABASE)
            database.migrate()
            canaries = {kind: canary_embeddings(encoder, kind).tolist() for kind in KINDS}
            Store(database).set_meta(id=uuid.uuid4().hex, spec=asdict(encoder.spec), canaries=canaries)
        return cls(folder, database, encoder.spec)

    @classmethod
    def open(cls, folder: Path) -> Collection:
        """Open a collection.

        Raises:
            CollectionNotFound: there is none in this folder.
            SchemaTooNew: a newer program wrote it.
            StorageFailure: its database cannot be read.
        """
        if not (folder / DATABASE).is_file():
            raise CollectionNotFound(folder)
        database = Database(folder / DATABASE)
        database.migrate()
        spec = Store(database).meta("spec")
        if spec is None:  # the process that made it was killed before it said for which model
            database.close()
            raise CollectionNotFound(folder)
        return cls(folder, database, EncoderSpec(**spec))

    def close(self) -> None:
        """Close the database."""
        self._database.close()

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
        for kind in kinds:
            if self._verified.get(kind) is not encoder:
                cosine = self._agreement(encoder, kind)
                if cosine < _CANARY_AGREEMENT:
                    raise EncoderDrift(self.spec.name, cosine)
                self._verified[kind] = encoder

    def _agreement(self, encoder: Encoder, kind: Kind) -> float:
        stored = np.array(self.store.meta("canaries")[kind], np.float32)
        found = canary_embeddings(encoder, kind)
        return agreement(stored, found) if stored.shape == found.shape else -1.0

    @property
    def picture_side(self) -> int:
        """Pixels that the shorter side of a picture is decoded at, at least, for embedding and thumbnail."""
        return max(self.spec.image_size, THUMBNAIL_SIDE)

    def item(self, item_id: int) -> Item:
        """Fetch one item.

        Raises:
            ItemNotFound: there is no item with this id.
        """
        found = self.store.items([item_id])
        if not found:
            raise ItemNotFound(str(item_id))
        return found[0]

    def search(
        self, query: Embeddings, k: int, *, allowed: Ids | None = None, captions: bool = True
    ) -> dict[Kind, Nearest]:
        """Find the items whose embeddings are nearest to a query, for each kind of embedding.

        Args:
            query: (dim,) float32 of length 1.
            k: how many of each kind, at least 0.
            allowed: (m,) int64, the only ids to consider; None for all.
            captions: compare with the texts of items that have a picture too.
        """
        with self._lock:
            found = {}
            indexes = self._indexes()
            for kind, index in indexes.items():
                wanted = allowed
                if kind == "text" and not captions:
                    wanted = index.ids() if allowed is None else allowed
                    wanted = wanted[~indexes["image"].holds(wanted)]
                scores, ids = index.search(query, k, wanted)
                background = np.vecdot(self._sample(kind, index), query)
                found[kind] = Nearest(scores=scores, ids=ids, background=background)
            return found

    def select(self, condition: Condition) -> Ids:
        """Find the items that satisfy a condition, (m,) int64 ascending; fit for ``allowed``."""
        return self.store.select(condition)

    def embeddings(self, kind: Kind, ids: Ids) -> Embeddings:
        """Fetch the stored embeddings of one kind, (n, dim) float32 in the order of ``ids``.

        Raises:
            KeyError: an item has no embedding of this kind.
        """
        with self._lock:
            return self._indexes()[kind].embeddings(ids)

    def present(self, kind: Kind, ids: Ids) -> tuple[Ids, Embeddings]:
        """Fetch the stored embeddings of one kind of those ids that have one: ids (m,) and rows (m, dim)."""
        with self._lock:
            index = self._indexes()[kind]
            some = ids[index.holds(ids)]
            return some, index.embeddings(some)

    def _sample(self, kind: Kind, index: FaissIndex) -> Embeddings:
        """Take up to 1,000 embeddings, evenly spread over the ids, once for each change."""
        change = self._snapshot.change if self._snapshot else 0
        cached = self._samples.get(kind)
        if cached is None or cached[0] != change:
            ids = index.ids()
            spread = ids[:: -(-len(ids) // _SAMPLE) or 1]
            cached = self._samples[kind] = (change, index.embeddings(spread))
        return cached[1]

    def count(self, kind: Kind) -> int:
        """Count the embeddings of one kind."""
        with self._lock:
            return len(self._indexes()[kind])

    def _indexes(self) -> dict[Kind, FaissIndex]:
        """Bring the indexes up to the last change in the database."""
        current = self.store.change()
        snapshot = self._snapshot or self._load()
        if snapshot.change > current:  # an older database was put in its place
            snapshot = self._empty()
        if snapshot.change < current:
            snapshot = self._caught_up(snapshot, current)
        self._snapshot = snapshot
        return dict(snapshot.indexes)

    def _caught_up(self, snapshot: Snapshot, change: int) -> Snapshot:
        for kind, index in snapshot.indexes.items():
            if snapshot.change:
                index.remove(self.store.removed(kind, since=snapshot.change))
            ids, embeddings = self.store.embeddings(kind, since=snapshot.change)
            if len(ids):
                index.add(ids, embeddings)
        return Snapshot(change=change, indexes=snapshot.indexes)

    def _load(self) -> Snapshot:
        try:
            loaded = load_snapshot(self.folder, str(self.store.meta("id")), self.spec.dim)
        except IndexCorrupt:
            loaded = None  # the embeddings are all in SQLite
        self._change_on_disk = loaded.change if loaded else None
        return loaded or self._empty()

    def _empty(self) -> Snapshot:
        return Snapshot(change=0, indexes={kind: FaissIndex(self.spec.dim) for kind in KINDS})

    def writing(self) -> AbstractContextManager[None]:
        """Hold the right to write; it ends with the process, however that ends.

        Raises:
            CollectionBusy: another process holds it.
            StorageFailure: the folder cannot be written.
        """
        return _exclusive(self.folder)

    def save_indexes(self) -> None:
        """Write the index files, unless those on disk are of the last change.

        Raises:
            StorageFailure: the disk is full; the old files stay.
        """
        with self._lock:
            self._indexes()
            if self._snapshot is not None and self._snapshot.change != self._change_on_disk:
                save_snapshot(self.folder, self._snapshot, str(self.store.meta("id")))
                self._change_on_disk = self._snapshot.change


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to a folder; see ``Collection.writing``."""
    lock = filelock.FileLock(folder / ".writing.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise CollectionBusy(folder) from error
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()
