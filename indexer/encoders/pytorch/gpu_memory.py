"""What the memory of a GPU holds, and how pictures get there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from ...errors import ModelUnavailable
from ..base import BATCH_SIZE, LARGEST_BATCH

_PROBED = 8

Tower = Callable[[torch.Tensor], torch.Tensor]


def images_at_once(tower: Tower, pixels: torch.Tensor) -> int:
    """Choose how many pictures a tower embeds at a time on the device where it is.

    What each takes is measured on a few, and half of the free memory is left to others.

    Args:
        tower: of (n, 3, size, size) to (n, dim).
        pixels: (n, 3, size, size) of any pictures, on the device.

    Returns:
        A power of two up to 128 on a GPU of NVIDIA or AMD; 32 on any other device.
    """
    device = pixels.device
    if device.type != "cuda":
        return BATCH_SIZE
    probe = pixels[:1].expand(_PROBED, -1, -1, -1)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    try:
        tower(probe)
    except torch.OutOfMemoryError:
        return 1
    taken = torch.cuda.max_memory_allocated(device) - before
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, unused
    return fitting(free + kept, each=taken / _PROBED)


def fitting(memory: float, *, each: float) -> int:
    """Give the power of two of pictures, from 1 to 128, that take at most half of so much memory.

    Args:
        memory: that is free, in bytes.
        each: bytes that a picture takes.
    """
    most = max(int(memory / 2 / max(each, 1)), 1)
    return min(1 << (most.bit_length() - 1), LARGEST_BATCH)


def to_device(rows: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
    """Stack tensors of one shape, and bring them to a device.

    To a GPU they go from memory that is pinned: the copy is faster, and is waited for by the GPU alone.
    """
    if device.type != "cuda":
        return torch.stack(list(rows)).to(device)
    pinned = torch.empty((len(rows), *rows[0].shape), dtype=rows[0].dtype, pin_memory=True)
    return torch.stack(list(rows), out=pinned).to(device, non_blocking=True)


@contextmanager
def enough_memory(model: str, device: torch.device) -> Iterator[None]:
    """Tell in a sentence that a device has too little memory.

    Raises:
        ModelUnavailable: it had.
    """
    try:
        yield
    except RuntimeError as error:  # pinned memory that is short comes as another kind than the GPU's own
        if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
            raise
        reason = f"the memory of the device {str(device)!r} does not hold it"
        hint = "Close what else uses that memory, take a smaller model, or use --device cpu."
        raise ModelUnavailable(model, reason, hint) from error
