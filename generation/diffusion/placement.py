"""Where a pipeline runs, in which precision, and what is given up when memory is short."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from indexer import available_memory

from ..errors import OutOfMemory

if TYPE_CHECKING:
    import torch

Thrift = Literal["none", "slices", "offload"]
"""What is done to save memory: nothing; attention in slices; each part on the device only while it works."""

_ROOM = 4 << 30  # bytes beside the weights that a 1024 x 1024 picture takes at ease
_TIGHT_ROOM = 3 << 29  # and with attention in slices
_ALLOCATOR = ("out of memory", "can't allocate memory", "not enough memory")  # how torch words it


def choose_dtype(device: str, *, has_unet: bool) -> torch.dtype:
    """Choose the precision of weights and arithmetic.

    The models with a UNet are published for float16, the newer transformers for bfloat16, whose range they
    need. A CPU computes neither faster than float32.
    """
    import torch

    if device == "cpu":
        return torch.float32
    if has_unet or device == "mps" or not torch.cuda.is_bf16_supported():
        return torch.float16
    return torch.bfloat16


def check_memory(name: str, device: str, weights: int, size: tuple[int, int]) -> None:
    """Refuse a model whose weights do not even fit into this machine's memory.

    Args:
        name: of the model.
        device: where it is to run; weights pass through the machine's memory in any case.
        weights: bytes, in the precision that they are going to have.
        size: of a picture, for the message.

    Raises:
        OutOfMemory: they do not fit.
    """
    if device == "cpu" and weights > available_memory():
        raise OutOfMemory(name, f"{size[0]} x {size[1]}")


def choose_thrift(device: str, weights: int) -> Thrift:
    """Choose how to save memory.

    Args:
        device: where the pipeline is to run.
        weights: bytes of the weights there.
    """
    free = _free_bytes(device)
    if free >= weights + _ROOM:
        return "none"
    if device == "cpu" or free >= weights + _TIGHT_ROOM:
        return "slices"  # there is nowhere to offload to from the CPU
    return "offload"


def place(pipeline: Any, device: str, thrift: Thrift) -> None:
    """Put a pipeline where it is to run, thriftily."""
    if thrift != "none":
        pipeline.enable_attention_slicing()
        if hasattr(pipeline.vae, "enable_slicing"):
            pipeline.vae.enable_slicing()
    if thrift == "offload":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.to(device)


@contextmanager
def memory_errors(model: str, size: tuple[int, int]) -> Iterator[None]:
    """Turn what torch raises when memory runs out into OutOfMemory, and give back what was taken.

    Raises:
        OutOfMemory: memory ran out inside the block.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in _ALLOCATOR):
            raise
        failed = OutOfMemory(model, f"{size[0]} x {size[1]}")
        error.__traceback__ = None  # its frames hold the tensors that did fit
        _give_back()
        raise failed from error


def _free_bytes(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory()


def _give_back() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
