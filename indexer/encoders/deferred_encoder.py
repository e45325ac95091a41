"""An encoder that is loaded when it is first asked for an embedding, and not before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from PIL import Image

from ..items import Embeddings, EncoderSpec
from .base import BATCH_SIZE, Encoder, batch_size
from .long_texts import LimitedContext


class DeferredEncoder:
    """Stands for a collection's encoder; see Encoder.

    A model takes seconds to load, but a run that finds nothing new, or a search for what is similar to an
    item, never needs it.

    Args:
        spec: what the encoder is expected to be; its real one once it is loaded.
        load: loads it.
    """

    def __init__(self, spec: EncoderSpec, load: Callable[[], Encoder]) -> None:
        self._expected = spec
        self._load = load
        self._loaded: Encoder | None = None
        self._lock = threading.Lock()

    @property
    def spec(self) -> EncoderSpec:
        """What identifies the embedding space."""
        return self._loaded.spec if self._loaded else self._expected

    @property
    def batch_size(self) -> int:
        """Pictures to hand over at a time, as far as that is known; the encoder is not loaded for it."""
        return batch_size(self._loaded) if self._loaded else BATCH_SIZE

    def load(self) -> Encoder:
        """Load the encoder, if it is not loaded yet.

        Raises:
            ModelUnavailable: its weights are not here and cannot be fetched.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures; see Encoder."""
        return self.load().encode_images(images)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; see Encoder."""
        return self.load().encode_texts(texts)

    def exceeds_context(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text whether the encoder would cut it off; see LimitedContext."""
        encoder = self.load()
        if isinstance(encoder, LimitedContext):
            return encoder.exceeds_context(texts)
        return [False] * len(texts)
