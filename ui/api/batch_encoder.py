"""Encoding for many at once: requests that come at about the same time share one pass through the model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from PIL import Image

from indexer import Embeddings, Encoder, EncoderSpec, batch_size

_MOST = 32  # inputs in one batch: what the towers take at a time

OnBatch = Callable[[int], None]
"""Called with the number of inputs of each batch."""


class _Batch:
    """Inputs that will be encoded together; ``result`` gives the rows of all of them, in order."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []
        self.asks = 0
        self.grown = threading.Condition()
        self.result: Future[Embeddings]

    def add(self, inputs: Sequence[Any]) -> slice:
        """Take inputs in; return where their rows will be."""
        with self.grown:
            start = len(self.inputs)
            self.inputs += inputs
            self.asks += 1
            self.grown.notify_all()
            return slice(start, len(self.inputs))

    def look_again(self) -> None:
        """Somebody is not asking any more: perhaps nobody is left to wait for."""
        with self.grown:
            self.grown.notify_all()


class BatchingEncoder:
    """Gives a collection's encoder in batches what several threads ask of it; see Encoder.

    A batch is open from the first ask until the model is free and either everybody who is asking has joined,
    or the window is over, which is as long as there are others. So one person alone never waits, two wait a
    moment, and where many ask, whose searches keep the processor busy anyway, batches grow. Where a batch
    fails, each ask is tried by itself: nobody gets an error for somebody else's picture.

    Args:
        encoder: the real one.
        window_ms: how long a batch stays open, once the model is free, for each other who is asking.
        on_batch: told of each batch.
    """

    def __init__(self, encoder: Encoder, *, window_ms: float = 4.0, on_batch: OnBatch | None = None) -> None:
        self._encoder = encoder
        self._window_s = window_ms / 1e3
        self._on_batch = on_batch or (lambda _size: None)
        self._lock = threading.Lock()
        self._open: dict[Callable[..., Embeddings], _Batch] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._asking = 0

    @property
    def spec(self) -> EncoderSpec:
        """What identifies the embedding space."""
        return self._encoder.spec

    @property
    def batch_size(self) -> int:
        """Pictures to hand over at a time, where many are to be indexed."""
        return batch_size(self._encoder)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Tell that somebody is about to ask, so that batches know whom they may wait for."""
        with self._lock:
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1
                for batch in self._open.values():
                    batch.look_again()

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures; see Encoder."""
        return self._encode(self._encoder.encode_images, images)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; see Encoder."""
        return self._encode(self._encoder.encode_texts, texts)

    def exceeds_context(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text whether the encoder would cut it off; see ``encode_whole_texts``."""
        exceeds = getattr(self._encoder, "exceeds_context", None)
        return exceeds(texts) if exceeds else [False] * len(texts)

    def close(self) -> None:
        """Finish what was asked, and stop."""
        self._worker.shutdown()

    def _encode(self, encode: Callable[..., Embeddings], inputs: Sequence[Any]) -> Embeddings:
        if len(inputs) == 0 or len(inputs) >= _MOST or not self._window_s:
            return encode(inputs)
        batch, place = self._join(encode, inputs)
        if batch.result.exception() is not None and batch.asks > 1:
            return encode(inputs)  # whose fault it was shows now
        return batch.result.result()[place]

    def _join(self, encode: Callable[..., Embeddings], inputs: Sequence[Any]) -> tuple[_Batch, slice]:
        with self._lock:
            batch = self._open.get(encode)
            if batch is None or len(batch.inputs) + len(inputs) > _MOST:
                batch = self._open[encode] = _Batch()
                batch.result = self._worker.submit(self._run, encode, batch)
            return batch, batch.add(inputs)

    def _run(self, encode: Callable[..., Embeddings], batch: _Batch) -> Embeddings:
        with batch.grown:
            window = self._window_s * max(self._asking - 1, 0)
            batch.grown.wait_for(lambda: self._is_complete(batch), timeout=window)
        with self._lock:
            if self._open.get(encode) is batch:
                del self._open[encode]
        self._on_batch(len(batch.inputs))
        return encode(batch.inputs)

    def _is_complete(self, batch: _Batch) -> bool:
        return batch.asks >= self._asking or len(batch.inputs) >= _MOST
