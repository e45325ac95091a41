"""A real, tiny encoder without weights: pictures by their mean colours, texts by the colours they name.

It obeys the Encoder protocol (see encoder_conformance.py), needs neither torch nor a model file, and starts
in milliseconds, so that a test can kill and restart an indexing process dozens of times.
"""

import hashlib

import numpy as np

from indexer.items import EncoderSpec

COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (220, 20, 20),
    "green": (20, 180, 20),
    "blue": (20, 20, 220),
    "yellow": (240, 220, 20),
    "grey": (128, 128, 128),
}
DIM = 32


class ColourEncoder:
    """Three colour channels of a 2 x 2 grid, through a fixed random rotation into 32 dimensions."""

    def __init__(self, name="colours", seed=0):
        self._rotation = np.random.default_rng(seed).normal(size=(12 + 16, DIM)).astype(np.float32)
        self.spec = EncoderSpec(
            name=name,
            architecture="colours",
            pretrained=str(seed),
            dim=DIM,
            image_size=32,
            preprocessing_sha256="colours",
            weights_sha256=hashlib.sha256(self._rotation.tobytes()).hexdigest(),
        )
        self.images_encoded = 0
        self.texts_encoded = 0

    def encode_images(self, images):
        self.images_encoded += len(images)
        rows = np.zeros((len(images), 28), np.float32)
        for row, image in zip(rows, images, strict=True):
            grid = np.asarray(image.convert("RGB").resize((2, 2), resample=4), np.float32)
            row[:12] = grid.ravel() / 127.5 - 1
            row[12] = 0.1
        return self._embed(rows)

    def encode_texts(self, texts):
        self.texts_encoded += len(texts)
        rows = np.zeros((len(texts), 28), np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = text.lower().replace(".", " ").replace(",", " ").split()
            named = [COLOURS[word] for word in words if word in COLOURS]
            if named:
                row[:12] = np.tile(np.mean(named, axis=0) / 127.5 - 1, 4)
            for word in words:
                if word not in COLOURS:
                    row[12 + hashlib.sha256(word.encode()).digest()[0] % 16] += 0.2
            row[12] += 0.1
        return self._embed(rows)

    def _embed(self, rows):
        embeddings = rows @ self._rotation
        return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
