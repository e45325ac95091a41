"""What every encoder can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from ..items import Embeddings, EncoderSpec

BATCH_SIZE = 32
"""Pictures at a time where nothing asks for more: few enough to lose little when a run is stopped."""
LARGEST_BATCH = 128
"""Pictures at a time that an encoder may ask for: some batches more wait decoded in the machine's memory."""


class Encoder(Protocol):
    """Turns pictures and texts into embeddings of one common space.

    Safe to call from several threads. Equal inputs give equal embeddings up to rounding (cosine at least
    0.999), whatever else is in the batch. One that is quickest with a certain number of pictures tells it by
    an attribute ``batch_size``, which may change once it has run.
    """

    @property
    def spec(self) -> EncoderSpec:
        """What identifies the embedding space."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures.

        Args:
            images: RGB pictures of any size.

        Returns:
            (n, dim) float32, rows of length 1, in the order given; (0, dim) for none.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts.

        Args:
            texts: any strings; what exceeds the model's context is cut off (see
                ``encode_whole_texts``).

        Returns:
            (n, dim) float32, rows of length 1, in the order given; (0, dim) for none.
        """
        ...


def batch_size(encoder: Encoder) -> int:
    """Give how many pictures to hand to an encoder at a time."""
    size: int = getattr(encoder, "batch_size", BATCH_SIZE)
    return size
