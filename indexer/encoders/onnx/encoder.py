"""An encoder that runs by onnxruntime: without torch, hence at once, and quicker on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image
from tokenizers import Tokenizer

from ...items import Embeddings, EncoderSpec
from ..base import BATCH_SIZE, LARGEST_BATCH
from ..devices import cores
from ..preprocess import Pixels, to_pixels
from . import cache
from .cache import ExportedFacts
from .clean_text import cleaned

_TEXTS, _PICTURES = 32, 8  # at a time
_MANY = 24  # inputs that come from indexing, not from people who ask at the same time
_ERRORS_ONLY = 3


class OnnxEncoder:
    """Turns pictures and texts into embeddings by a model that was exported to ONNX; see Encoder.

    A few inputs are encoded by all cores together, which is soonest; many are encoded side by side, each core
    its own share, which is quickest in all: cores that share one input wait for each other after every step.
    Towers are read when they are first needed, for either way by itself. Safe to call from several threads.

    Args:
        folder: of the exported model.
        facts: what it is.
        short: files to use in place of towers, by tower: their short forms. These round what comes through
            them by the largest number in a batch, so that one input at a time goes through.
    """

    def __init__(self, folder: Path, facts: ExportedFacts, short: Mapping[str, Path] | None = None) -> None:
        self._folder = folder
        self._facts = facts
        self._short = dict(short or {})
        self._tokenizer: Any = Tokenizer.from_file(str(folder / cache.TOKENIZER))
        self._tokenizer.enable_truncation(facts.context)
        self._tokenizer.no_padding()
        self._cores = cores()
        self._pool = ThreadPoolExecutor(self._cores, thread_name_prefix="encode")
        self._sessions: dict[tuple[str, int], Any] = {}
        self._asked: set[str] = set()  # towers that one input alone has come to, as queries do

    @property
    def spec(self) -> EncoderSpec:
        """What identifies the embedding space."""
        return self._facts.spec

    @property
    def batch_size(self) -> int:
        """Pictures to hand over at a time: some for each core, but not too many to wait in memory."""
        return min(max(BATCH_SIZE, _PICTURES * self._cores), LARGEST_BATCH)

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures; see Encoder."""
        return self._encode(cache.IMAGE_TOWER, images, self._pixels, most=_PICTURES)

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        """Embed pictures that were prepared already.

        Args:
            pixels: (n, 3, size, size) float32, as ``to_pixels`` makes them.

        Returns:
            (n, dim) float32, each of length 1.
        """
        return self._encode(cache.IMAGE_TOWER, pixels, lambda part: part, most=_PICTURES)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; see Encoder."""
        return self._encode(cache.TEXT_TOWER, texts, self._tokens, most=_TEXTS)

    def exceeds_context(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text whether it fills the text tower's context, and so may be cut off."""
        return [len(each.ids) >= self._facts.context for each in self._tokenized(texts)]

    def _tokenized(self, texts: Sequence[str]) -> list[Any]:
        found: list[Any] = self._tokenizer.encode_batch(
            [cleaned(text, self._facts.cleaning) for text in texts]
        )
        return found

    def _tokens(self, texts: Sequence[str]) -> Any:
        """Give token ids, (n, width) int64."""
        found = [each.ids for each in self._tokenized(texts)]
        width = max(map(len, found)) if self._facts.trims else self._facts.context
        tokens = np.full((len(found), width), self._facts.padding, np.int64)
        for row, ids in zip(tokens, found, strict=True):
            row[: len(ids)] = ids
        return tokens

    def _pixels(self, images: Sequence[Image.Image]) -> Pixels:
        return np.stack([to_pixels(image, self._facts.pixels) for image in images])

    def _encode(self, tower: str, inputs: Any, prepare: Callable[[Any], Any], *, most: int) -> Embeddings:
        """Prepare and encode inputs, at most so many at a time."""
        count = len(inputs)
        if not count:
            return np.empty((0, self.spec.dim), np.float32)
        apart = self._side_by_side(tower, count)
        share = 1 if tower in self._short else min(most, -(-count // self._cores) if apart else most)
        parts = [inputs[at : at + share] for at in range(0, count, share)]
        session = self._session(tower, threads=1 if apart else self._cores)

        def run(part: Any) -> Embeddings:
            rows: Embeddings = session.run(None, {session.get_inputs()[0].name: prepare(part)})[0]
            return rows

        return np.concatenate(list((self._pool.map if apart else map)(run, parts)))

    def _side_by_side(self, tower: str, count: int) -> bool:
        """Choose the way for so many inputs; a tower is not held for a way that nobody needs any more."""
        if count == 1:
            self._asked.add(tower)
            return False
        if (tower, 1) in self._sessions:
            return True
        if count < max(_MANY, self._cores):
            return False
        if tower not in self._asked:
            self._sessions.pop((tower, self._cores), None)  # only the canaries came to it
        return True

    def _session(self, tower: str, *, threads: int) -> Any:
        session = self._sessions.get((tower, threads))
        if session is None:
            path = self._short.get(tower, self._folder / tower)
            session = self._sessions[tower, threads] = _session(path, threads)
        return session


def _session(path: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    # Threads that wait by running would take the cores of whatever else answers between two queries.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
