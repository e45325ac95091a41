"""Any open_clip model as an Encoder."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image

from ...items import Embeddings, EncoderSpec
from ..base import BATCH_SIZE
from ..canaries import CANARY_TEXTS, canary_pictures
from ..devices import cores
from ..parts import Parts
from ..preprocess import without_far_ends
from .gpu_memory import enough_memory, images_at_once, to_device
from .tune import plain_image_tower, tuned_image_tower

_PREPROCESS_THREADS = max(4, cores())  # PIL releases the GIL while it resizes
_WORTH_TUNING = 8  # pictures: tuning costs about as much as these, which one query need not pay
_LONG = "word " * 1_000  # more than a text tower reads

T = TypeVar("T")


class OpenClipEncoder:
    """Turns pictures and texts into embeddings by an open_clip model; see Encoder.

    Args:
        parts: what it is assembled from.
        name: what the person calls it.
        device: where it runs.

    Raises:
        ModelUnavailable: the device has too little memory.
    """

    def __init__(self, parts: Parts, *, name: str, device: str) -> None:
        self.parts = parts
        self.device = device
        self._device = torch.device(device)
        # One call at a time: the model uses all cores by itself, and fast tokenizers are not thread-safe.
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_PREPROCESS_THREADS, thread_name_prefix="preprocess")
        self.spec = _spec(parts, name)
        with enough_memory(name, self._device):
            self._model: Any = parts.model.to(self._device)
        self._image_tower = plain_image_tower(self._model)
        self._at_once = BATCH_SIZE  # pictures
        self._is_tuned = False
        self._context = _Context.of(parts)

    @property
    def batch_size(self) -> int:
        """Pictures to hand over at a time: for a GPU two batches, one made ready while the other is there."""
        return self._at_once * (2 if self._device.type == "cuda" else 1)

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed pictures; see Encoder.

        Raises:
            ModelUnavailable: the device has too little memory left for a single picture.
        """
        with self._lock, torch.inference_mode(), enough_memory(self.spec.name, self._device):
            if not self._is_tuned and len(images) >= _WORTH_TUNING:
                self._tune()
            rows = self._within_memory(self._embedded, images)
            if not np.isfinite(rows).all():  # a number has left the range of float16, as in no canary
                self._image_tower = plain_image_tower(self._model)
                rows = self._within_memory(self._embedded, images)
            return rows

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; see Encoder.

        Raises:
            ModelUnavailable: the device has too little memory left for a single text.
        """
        with self._lock, torch.inference_mode(), enough_memory(self.spec.name, self._device):
            return self._within_memory(self._read, texts)

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

    def _within_memory(self, embed: Callable[[Sequence[T]], Embeddings], inputs: Sequence[T]) -> Embeddings:
        """Embed, with half as many at a time from now on where others have taken the memory meanwhile."""
        while True:
            try:
                return embed(inputs)
            except torch.OutOfMemoryError:
                if self._at_once == 1:
                    raise
            # Not within the handler: while an error is handled, it holds on to what had been computed.
            self._at_once //= 2
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def _embedded(self, images: Sequence[Image.Image]) -> Embeddings:
        return self._gathered([_unit(self._image_tower(pixels)) for pixels in self._pixels(images)])

    def _read(self, texts: Sequence[str]) -> Embeddings:
        rows, most = [], min(self._at_once, BATCH_SIZE)
        for start in range(0, len(texts), most):
            tokens = self.parts.tokenizer(list(texts[start : start + most]))  # (b, context)
            rows.append(_unit(self._model.encode_text(tokens.to(self._device))))
        return self._gathered(rows)

    def _tune(self) -> None:
        pictures = to_device([self.preprocess(picture) for picture in canary_pictures()], self._device)
        self._at_once = images_at_once(self._image_tower, pictures)
        self._is_tuned = True
        with suppress(torch.OutOfMemoryError):  # then it stays as it is: folding holds two of it for a while
            self._image_tower = tuned_image_tower(self._model, pictures, at_once=self._at_once)

    def _pixels(self, images: Sequence[Image.Image]) -> Iterator[torch.Tensor]:
        """Give pictures as (b, 3, size, size) on the device; the next are made ready while these are used."""
        coming: deque[list[Future[torch.Tensor]]] = deque()
        try:
            for start in range(0, len(images), self._at_once):
                part = images[start : start + self._at_once]
                coming.append([self._pool.submit(self.preprocess, image) for image in part])
                if len(coming) > 1:
                    yield self._arrived(coming[0])
                    coming.popleft()
            while coming:
                yield self._arrived(coming[0])
                coming.popleft()
        finally:
            for each in chain.from_iterable(coming):
                each.cancel()

    def _arrived(self, part: list[Future[torch.Tensor]]) -> torch.Tensor:
        return to_device([each.result() for each in part], self._device)

    def _gathered(self, rows: list[torch.Tensor]) -> Embeddings:
        """Fetch embeddings, (n, dim): from a GPU all at once, as it would have to be waited for each time."""
        if not rows:
            return np.empty((0, self.spec.dim), np.float32)
        found: Embeddings = torch.cat(rows).cpu().numpy()
        return found


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


def _unit(rows: torch.Tensor) -> torch.Tensor:
    """Bring rows (n, dim) to length 1, in float32."""
    return torch.nn.functional.normalize(rows.float(), dim=-1)


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
