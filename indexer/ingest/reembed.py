"""Changing a collection's encoder in place: every embedding made anew beside the old ones, then one switch.

Until the switch, which is one transaction, the old embeddings answer; what was made before a run ended in
whatever way is kept beside them, and the next run for the same encoder goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from ..collection.collection import MODEL_STATE, Collection
from ..encoders import (
    Encoder,
    batch_size,
    canary_embeddings,
    encode_whole_texts,
    model_state,
)
from ..items import KINDS, Embeddings, Item, Kind
from ..storage.misses import Miss
from ..storage.new_embeddings import NewEmbeddings
from .originals import Originals, embedded_text
from .pipeline import READERS, OnProgress, Progress

EmbedQueries = Callable[[Sequence[str]], Sequence[Embeddings | None]]
"""Gives queries that were asked in words their embeddings, (dim,) float32; None for one that has none."""

_PAIRS = 4_000  # items that the way from the old embeddings to the new ones is learned from
_RIDGE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reembedded:
    """What came of embedding a collection again.

    Attributes:
        embedded: pictures and texts that went through the model in this run.
        kept: those that a run before, which had ended early, had made already.
        from_thumbnails: pictures of this run whose original could not be read, so that their small copy was.
        lost: pictures and texts that could not be read at all; the next run that finds them embeds them.
    """

    embedded: int
    kept: int
    from_thumbnails: int
    lost: int


def reembed(
    collection: Collection,
    encoder: Encoder,
    *,
    embed_queries: EmbedQueries | None = None,
    on_progress: OnProgress | None = None,
) -> Reembedded:
    """Give a collection another encoder; ids, tags, votes, misses and provenance stay.

    Pictures are read from their originals as when they are indexed, else from their thumbnails; texts are
    those that are stored. What stands apart, and what lies on a drive that is away, is embedded like all
    else. A miss that was asked in words is embedded again; where a picture was asked with, which nobody
    kept, its embedding is carried over by the linear map that fits the items' old and new embeddings best.

    The collection is of no use behind this: whoever has it open must open it again, and gets
    ``EncoderReplaced`` until then.

    Args:
        collection: whose encoder is to change.
        encoder: the new one.
        embed_queries: embeds the queries of the log of misses; None to embed each as one text.
        on_progress: called after each batch; what it raises ends the run, and the next one goes on.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full; the old embeddings stay in use.
    """
    with collection.writing(alone=True):
        state = model_state(encoder.spec.name)
        work = _Work(collection, encoder, on_progress)
        work.run()
        misses = _Misses(collection, work.new, embed_queries or _as_texts(encoder))
        facts = {
            "spec": asdict(encoder.spec),
            "canaries": {kind: canary_embeddings(encoder, kind).tolist() for kind in KINDS},
            MODEL_STATE: state,
        }
        lost = work.new.switch(facts, misses.embed)
    opened = Collection.open(collection.folder)
    try:
        with opened.writing():
            opened.save_indexes()
    finally:
        opened.close()
    return Reembedded(embedded=work.embedded, kept=work.kept, from_thumbnails=work.from_thumbnails, lost=lost)


def gathered_embeddings(collection: Collection) -> tuple[str, int] | None:
    """Tell to which model a change was begun that has not ended, and how many embeddings it has made."""
    begun = NewEmbeddings(collection.database).under_way()
    return None if begun is None else (str(begun[0]["name"]), begun[1])


class _Work:
    """Makes the embeddings that are not there yet, batch by batch.

    Attributes:
        new: where they are gathered.
        embedded, kept, from_thumbnails: see Reembedded.
    """

    def __init__(self, collection: Collection, encoder: Encoder, on_progress: OnProgress | None) -> None:
        self.new = NewEmbeddings(collection.database)
        self.embedded = self.from_thumbnails = 0
        self._images = 0
        self._store = collection.store
        self._encoder = encoder
        self._originals = Originals(collection, encoder.spec.image_size)
        self._on_progress = on_progress
        self.new.begin(asdict(encoder.spec))
        _, self.kept = self.new.under_way() or ({}, 0)
        self._total = self.kept + sum(self.new.count_waiting(kind) for kind in KINDS)
        self._done = self.kept

    def run(self) -> None:
        with ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool:
            try:
                for batch in self._read_ahead(pool):
                    self._take_pictures(batch)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        for items, contents in self._batches("text"):
            self._take_texts(items, contents)

    def _batches(self, kind: Kind) -> Iterator[tuple[list[Item], dict[int, str | None]]]:
        """Give the items that wait, and the checksums of their content by id."""
        last = -1
        while ids := self.new.waiting(kind, after=last, limit=batch_size(self._encoder)):
            known = self._store.known(ids)
            contents = {
                item_id: each.image_sha256 if kind == "image" else each.text_sha256
                for item_id, each in known.items()
            }
            yield self._store.items(ids), contents
            last = ids[-1]

    def _read_ahead(self, pool: ThreadPoolExecutor) -> Iterator[_Batch]:
        """Read and decode in threads, one batch ahead of the encoder."""
        coming: _Batch | None = None
        for items, contents in self._batches("image"):
            futures = [pool.submit(self._originals.picture, item, contents[item.id]) for item in items]
            if coming is not None:
                yield coming
            coming = _Batch(items=items, contents=contents, pictures=futures)
        if coming is not None:
            yield coming

    def _take_pictures(self, batch: _Batch) -> None:
        images: list[Image.Image] = []
        contents: dict[int, str | None] = {}
        for item, future in zip(batch.items, batch.pictures, strict=True):
            image, is_original = future.result()
            if image is not None:
                images.append(image)
                contents[item.id] = batch.contents[item.id]
                self.from_thumbnails += not is_original
        if images:
            self.new.keep("image", contents, self._encoder.encode_images(images))
        self._images += len(images)
        self._count(len(images), len(batch.items))

    def _take_texts(self, items: Sequence[Item], contents: Mapping[int, str | None]) -> None:
        words = {item.id: embedded_text(item, contents[item.id]) for item in items}
        words = {item_id: text for item_id, text in words.items() if text}
        if words:
            rows = encode_whole_texts(self._encoder, list(words.values()))
            self.new.keep("text", {item_id: contents[item_id] for item_id in words}, rows)
        self._count(len(words), len(items))

    def _count(self, embedded: int, looked_at: int) -> None:
        self.embedded += embedded
        self._done += looked_at
        if self._on_progress:
            self._on_progress(Progress(done=self._done, total=self._total, images=self._images))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Items whose pictures are being read."""

    items: list[Item]
    contents: dict[int, str | None]
    pictures: list[Future[tuple[Image.Image | None, bool]]]


def _as_texts(encoder: Encoder) -> EmbedQueries:
    return lambda texts: list(encode_whole_texts(encoder, texts))


class _Misses:
    """Gives the log of misses its new embeddings: most before the switch, the last ones within it.

    Args:
        collection: with the log.
        new: the new embeddings of its items.
        embed_queries: embeds queries that were asked in words.
    """

    def __init__(self, collection: Collection, new: NewEmbeddings, embed_queries: EmbedQueries) -> None:
        self._embed_queries = embed_queries
        self._known: dict[str, Embeddings | None] = {}
        self._map = _linear_map(new)
        self.embed(collection.store.misses())

    def embed(self, misses: Sequence[Miss]) -> list[Embeddings | None]:
        """Give each miss its embedding, (dim,) float32 of length 1; None for one that has none."""
        worded = dict.fromkeys(miss.text for miss in misses if miss.kind == "text")
        texts = [text for text in worded if text not in self._known]
        if texts:
            self._known.update(zip(texts, self._embed_queries(texts), strict=True))
        rows = (self._known[miss.text] if miss.kind == "text" else None for miss in misses)
        return [
            self._carried(miss.embedding) if row is None else row
            for miss, row in zip(misses, rows, strict=True)
        ]

    def _carried(self, row: Embeddings) -> Embeddings | None:
        if self._map is None or len(row) != len(self._map):
            return None
        carried = row @ self._map
        length = float(np.linalg.norm(carried))
        return (carried / length).astype(np.float32) if length > 1e-6 else None


def _linear_map(new: NewEmbeddings) -> Embeddings | None:
    """Fit the map from old embeddings to new ones, (old dim, new dim), by ridge regression; None without any.

    Hoerl and Kennard, *Ridge regression*, Technometrics 1970.
    """
    pairs = (new.pairs(kind, _PAIRS) for kind in KINDS)  # pictures if there are any, else texts
    old, wanted = next((pair for pair in pairs if len(pair[0])), (None, None))
    if old is None or wanted is None:
        return None
    normal = old.T @ old + _RIDGE * len(old) * np.eye(old.shape[1], dtype=np.float32)
    fitted: Embeddings = np.linalg.solve(normal, old.T @ wanted).astype(np.float32)
    return fitted
