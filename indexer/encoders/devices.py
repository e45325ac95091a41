"""Where a model runs."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import FindmakeError, ModelUnavailable

_DEVICES = ("cpu", "cuda", "mps")


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve_device(
    device: str, *, model: str, unavailable: Callable[[str, str, str], FindmakeError] = ModelUnavailable
) -> str:
    """Turn ``auto`` into the best device here, and check any other.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; one of several as ``cuda:1``.
        model: what is to run there, for the message.
        unavailable: makes the error from the model, the reason and a hint.

    Raises:
        ModelUnavailable: torch cannot use that device on this machine; or what ``unavailable`` makes.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        if torch.device(device).type not in _DEVICES:
            raise RuntimeError(f"expected {', '.join(_DEVICES)} or auto")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = f"the device {device!r} cannot be used here ({str(error).splitlines()[0]})"
        raise unavailable(model, reason, "Use --device auto or --device cpu.") from error
    return device
