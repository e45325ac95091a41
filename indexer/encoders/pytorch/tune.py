"""Makes the image tower as fast as the machine allows without moving the embeddings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

import torch

from .fold_batchnorm import folded
from .gpu_memory import Tower

LEAST_COSINE = 0.999  # between tuned and plain float32; below that the tuning is not used
# Depthwise convolutions move much memory for little arithmetic; the activations of so few pictures stay in
# the processor's cache from layer to layer (measured: four at a time are 1.6 times as fast as sixteen).
_FEW = 4


def tuned_image_tower(model: Any, pictures: torch.Tensor, *, at_once: int) -> Tower:
    """Choose the quickest way to run an image tower that keeps its embeddings.

    Normalisation folded into the convolutions saves passes over memory, and channels-last layout suits the
    kernels: both in float32, for networks of convolutions. bfloat16 halves the memory traffic, and on some
    processors that have it, it is several times slower all the same. So each way is timed on a few pictures,
    on which it is also checked that the embeddings stay: deep convolutions often lose too much in bfloat16.
    A GPU is timed on as many pictures as it will get: with a few it only waits for the next thing to do.

    Args:
        model: an open_clip model; its image tower may be replaced by an equal one.
        pictures: (n, 3, size, size) float32, a few different ones, where the model is.
        at_once: how many it will get at a time.

    Returns:
        A function of (n, 3, size, size) float32 to (n, dim).
    """
    device, probe = pictures.device, pictures
    if device.type not in ("cpu", "cuda"):  # elsewhere nobody has measured
        return plain_image_tower(model)
    if device.type == "cuda":
        probe = pictures.repeat(-(-at_once // len(pictures)), 1, 1, 1)[:at_once]
    plain, original = plain_image_tower(model), model.visual
    expected = plain(probe).float()
    chosen, least = plain, _seconds(plain, probe)
    model.visual = folded(original, probe[:1]).to(memory_format=torch.channels_last)
    for tower in _candidates(model, device):
        with suppress(torch.OutOfMemoryError):
            cosine = torch.nn.functional.cosine_similarity(expected, tower(probe).float(), dim=-1)
            if float(cosine.min()) >= LEAST_COSINE and (seconds := _seconds(tower, probe)) < least:
                chosen, least = tower, seconds
    if chosen is plain:
        model.visual = original.to(memory_format=torch.contiguous_format)
    return chosen


def _seconds(tower: Tower, probe: torch.Tensor) -> float:
    """Time a tower that has run before, so that its kernels are chosen."""
    if probe.device.type == "cuda":
        torch.cuda.synchronize(probe.device)
    started = time.perf_counter()
    tower(probe)
    if probe.device.type == "cuda":
        torch.cuda.synchronize(probe.device)
    return time.perf_counter() - started


def plain_image_tower(model: Any) -> Tower:
    """Run an image tower as it comes, in float32: what tuning is measured against."""

    def plain(pixels: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = model.encode_image(pixels)
        return rows

    return plain


def _candidates(model: Any, device: torch.device) -> Iterator[Tower]:
    """Offer tuned towers."""
    for short in _short_dtypes(device):
        yield _channels_last(model, partial(torch.autocast, device.type, short))
    yield _channels_last(model, nullcontext)


def _channels_last(model: Any, precision: Callable[[], Any]) -> Tower:
    convolutions = any(
        isinstance(module, torch.nn.Conv2d) and module.groups > 1 for module in model.modules()
    )

    def tuned(pixels: torch.Tensor) -> torch.Tensor:
        chunk = _FEW if convolutions and pixels.device.type == "cpu" else max(1, len(pixels))
        laid_out = pixels.contiguous(memory_format=torch.channels_last)
        with precision():
            parts = [
                model.encode_image(laid_out[start : start + chunk]) for start in range(0, len(pixels), chunk)
            ]
        return torch.cat(parts)

    return tuned


def _short_dtypes(device: torch.device) -> tuple[torch.dtype, ...]:
    """Name the short float types that the device computes in natively."""
    if device.type == "cuda":  # float16 rounds less, but some towers exceed its range
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        return (torch.float16, torch.bfloat16) if able else (torch.float16,)
    able = torch.cpu.get_capabilities()
    return (torch.bfloat16,) if able.get("avx512_bf16") or able.get("amx_bf16") else ()
