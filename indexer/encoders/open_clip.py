"""Any open_clip model as an Encoder."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..items import Embeddings, EncoderSpec
from .canaries import CANARY_TEXTS
from .parts import Parts
from .pixels import without_far_ends
from .tuning import plain_image_tower, tuned_image_tower

BATCH_SIZE = 32  # the image tower's throughput is flat from here on, and memory is not
_PREPROCESS_THREADS = 4  # PIL releases the GIL while it resizes
_WORTH_TUNING = 8  # pictures: tuning costs about as much as these, which one query need not pay
_LONG = "word " * 1_000  # more than a text tower reads


class OpenClipEncoder:
    """Turns pictures and texts into embeddings by an open_clip model; see Encoder.

    Args:
        parts: what it is assembled from.
        name: what the person calls it.
        device: where it runs.
    """

    def __init__(self, parts: Parts, *, name: str, device: str) -> None:
        self.parts = parts
        self.device = device
        self._device = torch.device(device)
        # One call at a time: the model uses all cores by itself, and fast tokenizers are not thread-safe.
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_PREPROCESS_THREADS, thread_name_prefix="preprocess")
        self.spec = _spec(parts, name)
        self._model: Any = parts.model.to(self._device)
        self._image_tower = plain_image_tower(self._model)
        self._is_tuned = False
        self._context = _Context.of(parts)

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures; see Encoder."""
        with self._lock, torch.inference_mode():
            if not self._is_tuned and len(images) >= _WORTH_TUNING:
                self._image_tower = tuned_image_tower(self._model, self._device, self.parts.preprocess)
                self._is_tuned = True
            rows = []
            for start in range(0, len(images), BATCH_SIZE):
                batch = images[start : start + BATCH_SIZE]
                pixels = torch.stack(list(self._pool.map(self.preprocess, batch)))  # (b, 3, size, size)
                rows.append(_unit(self._image_tower(pixels.to(self._device))))
            return self._stacked(rows)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; see Encoder."""
        with self._lock, torch.inference_mode():
            rows = []
            for start in range(0, len(texts), BATCH_SIZE):
                tokens = self.parts.tokenizer(list(texts[start : start + BATCH_SIZE]))  # (b, context)
                rows.append(_unit(self._model.encode_text(tokens.to(self._device))))
            return self._stacked(rows)

    def exceeds_context(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text whether it fills the text tower's context, and so may be cut off."""
        with self._lock:
            return [self._context.is_filled(self.parts.tokenizer([text])) for text in texts]

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Turn a picture of any mode and size into what the image tower reads, (3, size, size) float32."""
        settings = getattr(self.parts.model.visual, "preprocess_cfg", {})
        if settings.get("resize_mode") == "shortest":
            image = without_far_ends(image)
        return self.parts.preprocess(image.convert("RGB"))

    def _stacked(self, rows: list[Embeddings]) -> Embeddings:
        return np.concatenate(rows) if rows else np.empty((0, self.spec.dim), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """How many tokens a text tower reads, and how to see that a text fills them.

    Attributes:
        width: in tokens.
        padding: the token behind a text that does not fill it.
        last: the place, from the end, of a text's last token that is not the end mark.
    """

    width: int
    padding: int
    last: int

    @classmethod
    def of(cls, parts: Parts) -> _Context:
        tokens = parts.tokenizer(["", _LONG])  # (2, width)
        padding = int(tokens[0, -1])
        last = -2 if int(tokens[1, -1]) == padding else -1  # some models pad with their end mark
        return cls(width=tokens.shape[1], padding=padding, last=last)

    def is_filled(self, tokens: torch.Tensor) -> bool:
        """Say whether one text's tokens (1, width or less) leave no room."""
        return tokens.shape[1] >= self.width and int(tokens[0, self.last]) != self.padding


def _unit(rows: torch.Tensor) -> Embeddings:
    """Bring rows (n, dim) to length 1, in float32 on the CPU."""
    unit: Embeddings = torch.nn.functional.normalize(rows.float(), dim=-1).cpu().numpy()
    return unit


def _spec(parts: Parts, name: str) -> EncoderSpec:
    state = parts.model.state_dict()
    weights = hashlib.sha256()
    for key in sorted(state):
        tensor = state[key].detach().cpu().contiguous()
        weights.update(f"{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
        weights.update(tensor.flatten().view(torch.uint8).numpy().data)
    tokens = parts.tokenizer(list(CANARY_TEXTS))  # tells vocabulary, case and context
    preprocessing = hashlib.sha256(f"{_pixel_settings(parts)} {tokens.tolist()}".encode())
    with torch.inference_mode():
        dim = parts.model.encode_text(tokens[-1:]).shape[-1]  # type: ignore[operator]
    return EncoderSpec(
        name=name,
        architecture=parts.architecture,
        pretrained=parts.pretrained,
        dim=int(dim),
        image_size=parts.image_size,
        preprocessing_sha256=preprocessing.hexdigest(),
        weights_sha256=weights.hexdigest(),
    )


def _pixel_settings(parts: Parts) -> str:
    """Write down how pictures become pixels, the same in every process."""
    settings = getattr(parts.model.visual, "preprocess_cfg", None)
    if settings:
        return str(sorted(settings.items()))
    # Transforms print their settings; functions among them print an address, which is not one.
    return re.sub(r" at 0x[0-9a-f]+", "", repr(parts.preprocess))
