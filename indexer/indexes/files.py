"""Indexes in this process's memory, which start from files and follow the database."""

from __future__ import annotations

import threading
from pathlib import Path

from ..errors import IndexCorrupt
from ..items import Kind
from ..storage.store import Store
from ..vectors import FaissIndex, IvfIndex
from .base import Indexes, Standing, empty_indexes
from .manifest import Files, open_indexes, read_manifest, write_index, write_manifest


class FileIndexes(Indexes):
    """Indexes of the catalogue in memory.

    They start from the files on disk where these are usable, and catch up with the database before each use,
    so that a reader sees what another process has written.

    Args:
        folder: of the collection.
        store: of the collection.
        dim: width of its embeddings.
    """

    def __init__(self, folder: Path, store: Store, dim: int) -> None:
        super().__init__(store, dim, threading.RLock())
        self._folder = folder
        self._files: Files = {}

    def drift(self, kind: Kind) -> float | None:
        """Give the share of an inverted file that was added or removed since; None for an exact index."""
        with self._lock:
            index = self._catalogue().indexes[kind]
            return index.drift if isinstance(index, IvfIndex) else None

    def save(self) -> None:
        """Write the files of exact indexes that are of an older change; inverted files stay as they are.

        Raises:
            StorageFailure: the disk is full; the old files stay.
        """
        with self._lock:
            self._name(self._written({}))

    def replace(self, files: Files) -> None:
        """Use other index files from now on, which were written beside those in use.

        Raises:
            StorageFailure: the disk is full; the old files stay in use.
            IndexCorrupt: a file cannot be read.
        """
        with self._lock:
            self._name(self._written(files))
            self._now = self._opened(self._files)

    def _written(self, others: Files) -> Files:
        """Write the exact indexes that are newer than their files, but for the kinds that others are for."""
        now = self._catalogue()
        files = {**self._files, **others}
        for kind, index in now.indexes.items():
            if not isinstance(index, FaissIndex) or kind in others:
                continue
            if kind not in files or files[kind].change != now.change or files[kind].type != "exact":
                files[kind] = write_index(
                    self._folder, kind, now.change, index.write, count=len(index), type="exact"
                )
        return files

    def _name(self, files: Files) -> None:
        if files != self._files:
            write_manifest(self._folder, files, str(self._store.meta("id")))
            self._files = files

    # -- keeping up ------------------------------------------------------------------------------------

    def _catalogue(self) -> Standing:
        """Bring the indexes up to the last change in the database."""
        current = self._store.change()
        now = self._now or self._load()
        if self._outlived(now, current):
            self._files, now = {}, self._empty()
        if now.change < current:
            now = self._caught_up(self._renewed(now), current)
        self._now = now
        return now

    def _renewed(self, now: Standing) -> Standing:
        """Open the files of another process instead, if it has built larger ones meanwhile."""
        try:
            files = self._named()
            if any(file.type == "ivf" and file != self._files.get(kind) for kind, file in files.items()):
                return self._opened(files)
        except IndexCorrupt:
            pass  # perhaps it is at it right now; what is in memory is as good
        return now

    def _caught_up(self, now: Standing, change: int) -> Standing:
        for kind, index in now.indexes.items():
            assert isinstance(index, FaissIndex | IvfIndex)  # as they were opened or made here
            if now.change:
                index.remove(self._store.removed(kind, since=now.change))
                ids, embeddings = self._store.embeddings(kind, since=now.change)
                if len(ids):
                    index.add(ids, embeddings)
            else:
                for ids, embeddings in self._store.embeddings_in_chunks(kind):
                    index.add(ids, embeddings)
        return Standing.at(change, now.indexes)

    def _load(self) -> Standing:
        try:
            files = self._named()
            return self._opened(files) if files else self._empty()
        except IndexCorrupt:
            return self._empty()  # the embeddings are all in the database

    def _named(self) -> Files:
        """Read which files there are; none, if they are of the embeddings of an encoder of before."""
        files = read_manifest(self._folder, str(self._store.meta("id"))) or {}
        since = self._since
        return {} if any(file.change < since for file in files.values()) else files

    def _opened(self, files: Files) -> Standing:
        indexes = open_indexes(self._folder, files, self._dim)
        self._files = files
        return Standing.at(min(file.change for file in files.values()), indexes)

    def _empty(self) -> Standing:
        return Standing.at(0, empty_indexes(self._dim))
