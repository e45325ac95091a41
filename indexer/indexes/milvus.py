"""Indexes on a Milvus server that many processes share, over a collection whose truth is its database."""

from __future__ import annotations

import netrc
import threading
from functools import partial
from urllib.parse import urlsplit

import numpy as np
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from ..errors import VectorsUnreachable
from ..items import KINDS, Kind
from ..storage.store import Store
from ..vectors import FaissIndex
from .base import Indexes, Standing
from .manifest import Files
from .milvus_search import MilvusBase, MilvusIndex

_CONNECT_TIMEOUT_S = 10


class MilvusIndexes(Indexes):
    """Indexes whose candidates come from Milvus.

    Whoever has written brings Milvus up to date (``save``); until then, and for all others, what has changed
    since is in an exact index in memory. So readers see every change at once, and Milvus is a cache that may
    be lost: with the next ``save`` it is filled anew.

    Args:
        store: of the collection.
        dim: width of its embeddings.
        address: of the server, such as ``http://localhost:19530``.

    Raises:
        VectorsUnreachable: the server does not answer, or does not let this user in.
    """

    def __init__(self, store: Store, dim: int, address: str) -> None:
        super().__init__(store, dim, threading.RLock())
        token = _token(address)
        try:
            client = MilvusClient(uri=address, token=token, timeout=_CONNECT_TIMEOUT_S)
        except MilvusException as error:  # which does not tell whether the password was wrong
            who = token.partition(":")[0] or "nobody, for there is no name"
            reason = f"{error.message} (asked as {who} in ~/.netrc)"
            raise VectorsUnreachable(address, reason) from error
        name = f"findmake_{store.meta('id')}"
        self._bases = {kind: MilvusBase(client, address, f"{name}_{kind}", dim) for kind in KINDS}

    def drift(self, kind: Kind) -> float | None:
        """Give None: Milvus keeps its graph up by itself."""
        return None

    def save(self) -> None:
        """Bring Milvus up to the last change.

        Raises:
            VectorsUnreachable: the server does not answer; the next run does it.
        """
        with self._lock:
            for kind, base in self._bases.items():
                current, before = self._store.change(), self._held_at(base)
                if before == current and before:
                    continue
                if before == 0 or before > current:  # new, lost, or of a database that was put back
                    base.create()
                    for ids, rows in self._store.embeddings_in_chunks(kind):
                        base.put(ids, rows)
                else:
                    base.drop(self._store.removed(kind, since=before))
                    base.put(*self._store.embeddings(kind, since=before))
                base.settle(current)
            self._now = None

    def replace(self, files: Files) -> None:
        """Refuse: there are no files to replace."""
        raise NotImplementedError("the indexes of a Milvus server are not files")

    def _catalogue(self) -> Standing:
        return self._remade(self._index)

    def _held_at(self, base: MilvusBase) -> int:
        """Tell the change that a base is of; 0 if it holds nothing, or embeddings of an encoder of before."""
        change = base.change()
        return change if change >= self._since else 0

    def _index(self, kind: Kind, current: int) -> MilvusIndex:
        base = self._bases[kind]
        before = self._held_at(base)
        fresh, ids = FaissIndex(self._dim), self._store.embedded_ids(kind)
        if before == 0 or before > current:
            for some, rows in self._store.embeddings_in_chunks(kind):
                fresh.add(some, rows)
            stale = ids
        else:
            some, rows = self._store.embeddings(kind, since=before)
            if len(some):
                fresh.add(some, rows)
            stale = np.concatenate([some, self._store.removed(kind, since=before)])
        fetch = partial(self._store.embeddings_of, kind)
        return MilvusIndex(base, fresh, stale=stale, ids=ids, fetch=fetch)


def _token(address: str) -> str:
    """Read name and password for a server from ``~/.netrc``; empty if it has none there.

    The address is kept in the collection, for all who use it to see: no place for a password.

    Raises:
        VectorsUnreachable: the address holds a password, or the file cannot be read.
    """
    url = urlsplit(address)
    host = url.hostname or ""
    if url.username is not None:
        plain = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
        entry = f"machine {host} login NAME password PASSWORD"
        raise VectorsUnreachable(plain, f"name and password belong into ~/.netrc, as the line: {entry}")
    try:
        known = netrc.netrc().authenticators(host)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, netrc.NetrcParseError) as error:
        raise VectorsUnreachable(address, f"~/.netrc cannot be read ({error})") from error
    return f"{known[0]}:{known[2]}" if known else ""
