"""Any open_clip model as an Encoder."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..errors import ModelUnavailable
from ..items import Embeddings, EncoderSpec
from .parts import Parts
from .tuning import tuned_image_tower

BATCH_SIZE = 32  # the image tower's throughput is flat from here on, and memory is not
_PREPROCESS_THREADS = 4  # PIL releases the GIL while it resizes


class OpenClipEncoder:
    """Turns pictures and texts into embeddings by an open_clip model; see Encoder."""

    def __init__(self, parts: Parts, *, name: str, device: str) -> None:
        self._parts = parts
        self._device = torch.device(device)
        # One call at a time: the model uses all cores by itself, and fast tokenizers are not thread-safe.
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_PREPROCESS_THREADS, thread_name_prefix="preprocess")
        self._image_tower: Callable[[torch.Tensor], torch.Tensor] | None = None
        self.spec = _spec(parts, name)
        self._model: Any = parts.model.to(self._device)

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures; see Encoder."""
        with self._lock, torch.inference_mode():
            if self._image_tower is None:  # tuning costs a moment that a search by words need not pay
                self._image_tower = tuned_image_tower(self._model, self._device, self._parts.preprocess)
            rows = []
            for start in range(0, len(images), BATCH_SIZE):
                batch = images[start : start + BATCH_SIZE]
                pixels = torch.stack(list(self._pool.map(self._preprocess, batch)))  # (b, 3, size, size)
                rows.append(_unit(self._image_tower(pixels.to(self._device))))
            return self._stacked(rows)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; see Encoder."""
        with self._lock, torch.inference_mode():
            rows = []
            for start in range(0, len(texts), BATCH_SIZE):
                tokens = self._parts.tokenizer(list(texts[start : start + BATCH_SIZE]))  # (b, context)
                rows.append(_unit(self._model.encode_text(tokens.to(self._device))))
            return self._stacked(rows)

    def _preprocess(self, image: Image.Image) -> torch.Tensor:
        return self._parts.preprocess(image.convert("RGB"))

    def _stacked(self, rows: list[Embeddings]) -> Embeddings:
        return np.concatenate(rows) if rows else np.empty((0, self.spec.dim), np.float32)


def resolve_device(device: str) -> str:
    """Turn ``auto`` into the best device here, and check any other.

    Raises:
        ModelUnavailable: torch cannot use that device on this machine.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = f"the device {device!r} cannot be used here ({str(error).splitlines()[0]})"
        raise ModelUnavailable("", reason, "Use --device auto or --device cpu.") from error
    return device


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
    # Transforms print their settings; functions among them print an address, which is not one.
    pixels = re.sub(r" at 0x[0-9a-f]+", "", repr(parts.preprocess))
    tokens = (type(parts.tokenizer).__name__, getattr(parts.tokenizer, "context_length", None))
    with torch.inference_mode():
        dim = parts.model.encode_text(parts.tokenizer(["a"])).shape[-1]  # type: ignore[operator]
    return EncoderSpec(
        name=name,
        architecture=parts.architecture,
        pretrained=parts.pretrained,
        dim=int(dim),
        image_size=parts.image_size,
        preprocessing_sha256=hashlib.sha256(f"{pixels} {tokens}".encode()).hexdigest(),
        weights_sha256=weights.hexdigest(),
    )
