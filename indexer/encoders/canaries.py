"""A few fixed inputs whose embeddings are stored with a collection, to notice when a model has changed.

The same name can stand for other numbers: another activation, other preprocessing, re-trained weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from ..errors import EncoderDrift
from ..items import Embeddings, Kind
from .base import Encoder

_LEAST_AGREEMENT = 0.99  # float16 storage and bf16 arithmetic stay above 0.998; another model is far below

CANARY_TEXTS = (
    "a photo of a red bicycle",
    "two dogs running on a beach",
    "men's leather shoes, size 42",
    "42",
)
_SIDE = 96


def canary_pictures() -> list[Image.Image]:
    """Draw the pictures: a gradient, stripes, a disc, and coloured blocks with noise; RGB, 96 x 96."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    disc = (x - 48) ** 2 + (y - 48) ** 2 < 900
    blocks = np.random.default_rng(7).integers(0, 256, (6, 6, 3)).repeat(16, 0).repeat(16, 1)
    drawings = (
        np.stack([x * 2, y * 2, 255 - x - y], -1),
        np.where((x // 8 % 2 == 0)[..., None], (200, 30, 30), (240, 240, 240)),
        np.where(disc[..., None], (30, 90, 200), (250, 220, 60)),
        blocks,
    )
    return [Image.fromarray(np.clip(drawing, 0, 255).astype(np.uint8)) for drawing in drawings]


def canary_embeddings(encoder: Encoder, kind: Kind) -> Embeddings:
    """Embed the canaries of one kind, (4, dim) float32."""
    if kind == "text":
        return encoder.encode_texts(CANARY_TEXTS)
    return encoder.encode_images(canary_pictures())


def agreement(stored: Embeddings, found: Embeddings) -> float:
    """Compare two sets of embeddings (n, dim) row by row; give the lowest cosine, -1 for no number."""
    cosine = float(np.vecdot(stored, found).min())
    return -1.0 if np.isnan(cosine) else cosine


def compare_canaries(encoder: Encoder, stored: Mapping[Kind, Embeddings], kinds: Sequence[Kind]) -> None:
    """Make sure that an encoder gives the canaries the embeddings that they had.

    Raises:
        EncoderDrift: it does not.
    """
    for kind in kinds:
        found = canary_embeddings(encoder, kind)
        cosine = agreement(stored[kind], found) if stored[kind].shape == found.shape else -1.0
        if cosine < _LEAST_AGREEMENT:
            raise EncoderDrift(encoder.spec.name, cosine)
