"""What a collection answers: the nearest items, what satisfies a condition, stored embeddings."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from ..conditions.ast import Condition, names_origin
from ..errors import EncoderReplaced
from ..indexes.base import Nearest
from ..items import Embeddings, EncoderSpec, Ids, Kind
from ..storage.database import Database
from ..storage.schema.new_embeddings import EMBEDDED_SINCE
from ..storage.store import Store
from .backends import open_indexes


class SearchableCollection:
    """The part of a collection that searches.

    An answer is of one encoder, whoever changes it meanwhile: what was opened before refuses afterwards.

    Args:
        folder: of the collection.
        database: of it, open.
        spec: of its encoder.
        since: the change at which all embeddings were replaced for the last time; 0 if they never were.

    Attributes:
        folder, database, spec: as given.
        store: the rows of the database.
    """

    def __init__(self, folder: Path, database: Database, spec: EncoderSpec, *, since: int) -> None:
        self.folder = folder
        self.database = database
        self.spec = spec
        self.store = Store(database)
        self._indexes = open_indexes(folder, database, self.store, spec.dim)
        self._since = since
        self._seen = -1  # the change up to which they were not replaced again

    @property
    def is_current(self) -> bool:
        """Whether its embeddings are still those of the encoder that it was opened with."""
        change = self.store.change()
        if change != self._seen:  # any replacement counts as a change
            if int(self.store.meta(EMBEDDED_SINCE) or 0) != self._since:
                return False
            self._seen = change
        return True

    def _must_be_current(self) -> None:
        if not self.is_current:
            raise EncoderReplaced(self.spec.name, self.store.meta("spec")["name"])

    def snapshot(self) -> AbstractContextManager[None]:
        """Let everything that this thread reads until the end be of one moment; many reads become quick."""
        return self.database.snapshot()

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
        self._must_be_current()
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
        self._must_be_current()
        return self._indexes.embeddings(kind, ids)

    def present(self, kind: Kind, ids: Ids) -> tuple[Ids, Embeddings]:
        """Fetch the stored embeddings of one kind of those ids that have one: ids (m,) and rows (m, dim)."""
        self._must_be_current()
        return self._indexes.present(kind, ids)

    def count(self, kind: Kind, *, without: Ids | None = None) -> int:
        """Count the embeddings of one kind, but not those that stand apart, nor those of some items."""
        self._must_be_current()
        return self._indexes.count(kind, without=without)
