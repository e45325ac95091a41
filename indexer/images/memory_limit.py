"""How much memory this process may still take, and so how large a picture it may decode."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_FALLBACK_BYTES = 4 << 30
_BYTES_PER_PIXEL = 28  # measured: JPEG takes 8 to 12, PNG with alpha 20, WebP with alpha 28
_SHARE = 2  # the worst picture may take half; two such at once are rare
_LEAST_PIXELS = 16_000_000  # any telephone's photo, however small the machine
_MOST_PIXELS = 512_000_000

_MEMINFO = Path("/proc/meminfo")
_CGROUP_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def available_memory() -> int:
    """Return the bytes that can be taken now: the machine's, or the container's if that has less.

    Returns:
        Bytes, at least 0; 4 GiB where the system does not tell.
    """
    known = [n for n in (_machine_bytes(), *_container_bytes()) if n is not None]
    return max(0, min(known)) if known else _FALLBACK_BYTES


@cache
def pixel_cap() -> int:
    """Return how many pixels one picture may have, decided once per process.

    Half of the memory available at the first call, at 28 bytes a pixel, but never under 16 and never over
    512 megapixels: 8 GiB free allow 153 megapixels.

    Returns:
        The cap in pixels.
    """
    pixels = available_memory() // (_SHARE * _BYTES_PER_PIXEL)
    return min(max(pixels, _LEAST_PIXELS), _MOST_PIXELS)


def _machine_bytes() -> int | None:
    try:
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _container_bytes() -> list[int]:
    found = []
    for limit, usage in _CGROUP_LIMITS:
        try:
            found.append(int(limit.read_text()) - int(usage.read_text()))
        except (OSError, ValueError):  # no container, or no limit ("max")
            continue
    return found
