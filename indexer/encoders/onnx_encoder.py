"""An encoder that runs by onnxruntime: without torch, hence at once, and quicker on a CPU."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image
from tokenizers import Tokenizer

from ..items import Embeddings, EncoderSpec
from . import onnx_files
from .cleaning import cleaned
from .onnx_files import ExportedFacts
from .pixels import Pixels, to_pixels

_TEXTS, _PICTURES = 32, 8  # at a time
_PREPROCESS_THREADS = 4  # PIL releases the GIL while it resizes
_ERRORS_ONLY = 3


class OnnxEncoder:
    """Turns pictures and texts into embeddings by a model that was exported to ONNX; see Encoder.

    Each tower is read when it is first needed. Safe to call from several threads.

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
        self._tokenizer: Any = Tokenizer.from_file(str(folder / onnx_files.TOKENIZER))
        self._tokenizer.enable_truncation(facts.context)
        self._tokenizer.no_padding()
        self._pool = ThreadPoolExecutor(_PREPROCESS_THREADS, thread_name_prefix="preprocess")
        self._sessions: dict[str, Any] = {}

    @property
    def spec(self) -> EncoderSpec:
        """What identifies the embedding space."""
        return self._facts.spec

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures; see Encoder."""
        rows = []
        for start in range(0, len(images), _PICTURES):
            batch = images[start : start + _PICTURES]
            pixels = np.stack(list(self._pool.map(lambda one: to_pixels(one, self._facts.pixels), batch)))
            rows.append(self.encode_pixels(pixels))
        return self._stacked(rows)

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        """Embed pictures that were prepared already.

        Args:
            pixels: (n, 3, size, size) float32, as ``to_pixels`` makes them.

        Returns:
            (n, dim) float32, each of length 1.
        """
        size = self._at_once(onnx_files.IMAGE_TOWER, _PICTURES)
        batches = range(0, len(pixels), size)
        return self._stacked([self._run(onnx_files.IMAGE_TOWER, pixels[at : at + size]) for at in batches])

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; see Encoder."""
        size = self._at_once(onnx_files.TEXT_TOWER, _TEXTS)
        batches = range(0, len(texts), size)
        return self._stacked(
            [self._run(onnx_files.TEXT_TOWER, self._tokens(texts[at : at + size])) for at in batches]
        )

    def _at_once(self, tower: str, most: int) -> int:
        return 1 if tower in self._short else most

    def exceeds_context(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text whether it fills the text tower's context, and so may be cut off."""
        return [len(each.ids) >= self._facts.context for each in self._encoded(texts)]

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        found: list[Any] = self._tokenizer.encode_batch(
            [cleaned(text, self._facts.cleaning) for text in texts]
        )
        return found

    def _tokens(self, texts: Sequence[str]) -> Any:
        """Give token ids, (n, width) int64."""
        found = [each.ids for each in self._encoded(texts)]
        width = max(map(len, found)) if self._facts.trims else self._facts.context
        tokens = np.full((len(found), width), self._facts.padding, np.int64)
        for row, ids in zip(tokens, found, strict=True):
            row[: len(ids)] = ids
        return tokens

    def _run(self, tower: str, values: Any) -> Embeddings:
        session = self._sessions.get(tower)
        if session is None:
            session = self._sessions[tower] = _session(self._short.get(tower, self._folder / tower))
        rows: Embeddings = session.run(None, {session.get_inputs()[0].name: values})[0]
        return rows

    def _stacked(self, rows: list[Embeddings]) -> Embeddings:
        return np.concatenate(rows) if rows else np.empty((0, self.spec.dim), np.float32)


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _cores()
    options.log_severity_level = _ERRORS_ONLY
    # Threads that wait by running would take the cores of whatever else answers between two queries.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
