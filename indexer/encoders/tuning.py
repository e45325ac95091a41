"""Makes the image tower as fast as the machine allows without moving the embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image

from .canaries import canary_pictures

LEAST_COSINE = 0.999  # between tuned and plain float32; below that the tuning is not used

Tower = Callable[[torch.Tensor], torch.Tensor]


def tuned_image_tower(
    model: Any, device: torch.device, preprocess: Callable[[Image.Image], torch.Tensor]
) -> Tower:
    """Choose the quickest way to run an image tower that keeps its embeddings.

    Channels-last layout suits the convolution kernels, and bfloat16 halves the memory traffic where the
    processor computes in it; where it does not, bfloat16 is emulated and slower than float32. Whether the
    embeddings stay is checked on a few pictures.

    Args:
        model: an open_clip model on ``device``.
        device: where it runs.
        preprocess: the model's own.

    Returns:
        A function of (n, 3, size, size) float32 to (n, dim).
    """

    def plain(pixels: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = model.encode_image(pixels)
        return rows

    dtype = _fast_dtype(device)
    if dtype is None:
        return plain
    probe = torch.stack([preprocess(picture) for picture in canary_pictures()]).to(device)
    expected = plain(probe)
    model.visual.to(memory_format=torch.channels_last)

    def tuned(pixels: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, dtype):
            return plain(pixels.contiguous(memory_format=torch.channels_last))

    cosine = torch.nn.functional.cosine_similarity(expected.float(), tuned(probe).float(), dim=-1)
    return tuned if float(cosine.min()) >= LEAST_COSINE else plain


def _fast_dtype(device: torch.device) -> torch.dtype | None:
    """Name the short float type that the device computes in natively; None if there is none."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        if able.get("avx512_bf16") or able.get("amx_bf16"):
            return torch.bfloat16
    return None
