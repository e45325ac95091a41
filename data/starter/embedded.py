"""Embeddings of all sets by given heads, from cached features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import corpus
import numpy as np
import torch
from texts import Texts

from indexer import Embeddings
from indexer.encoders.starter import weights as starter_weights
from indexer.encoders.starter.gated_heads import GatedHeads
from search.query.paraphrase import paraphrases


def load_heads(path: Path) -> GatedHeads:
    """Read heads, with the packaged classifier."""
    heads = GatedHeads.load(path)
    classifier = starter_weights.load_classifier(starter_weights.locate().image)
    heads.image_input.set_classifier(classifier["classifier.weight"], classifier["classifier.bias"])
    return heads


class Embedded:
    """Pictures and texts as one encoder embeds them.

    Args:
        cache: folder of the features.
        heads: the encoder's.
        texts: features of texts.
    """

    def __init__(self, cache: Path, heads: GatedHeads, texts: Texts) -> None:
        self._cache, self.heads, self._texts = cache, heads, texts
        self.images = lru_cache(maxsize=None)(self._images)

    @torch.inference_mode()
    def _images(self, name: str) -> Embeddings:
        """Embed the plain view of a set's pictures, (n, dim) float32, rounded as collections store them."""
        features = corpus.features_of(self._cache, name)
        assert features is not None
        parts = torch.from_numpy(np.array(features)).split(2_048)
        rows: Embeddings = torch.cat([self.heads.embed_images(part.float()) for part in parts]).numpy()
        return rows.astype(np.float16).astype(np.float32)

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts as they are, (n, dim)."""
        numbers = self._texts.numbers(list(texts))
        self._texts.encode()
        rows: Embeddings = self.heads.embed_texts(self._texts.take(numbers)).numpy()
        return rows

    def meanings(self, texts: Sequence[str]) -> Embeddings:
        """Give the packaged text network's features, (n, 384) of length 1."""
        numbers = self._texts.numbers(list(texts))
        self._texts.encode()
        rows: Embeddings = self._texts.take(numbers).numpy()
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def asked(self, names: Sequence[str]) -> Embeddings:
        """Embed names as queries, (n, dim): the mean of their paraphrases."""
        ways = [paraphrases(name) for name in names]
        rows = self.texts([text for group in ways for text in group])
        ends = np.cumsum([0, *map(len, ways)])
        means = np.stack([rows[a:b].mean(axis=0) for a, b in pairwise(ends)])
        return means / np.linalg.norm(means, axis=1, keepdims=True)
