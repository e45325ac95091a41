"""Silence warnings in one thread for a while, without touching what other threads see.

``warnings.catch_warnings`` swaps the filters of the whole process and is documented as not thread-safe:
two threads that overlap can leave the process with the wrong ones for good. Here one filter is added that
matches only while the asking thread is inside ``quiet()``, and it never has to be taken away.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_state = threading.local()


class _ThisThread:
    """Stands in for the module pattern of a filter; ``warnings`` only ever calls ``match``."""

    def match(self, _module: str) -> bool:
        return getattr(_state, "depth", 0) > 0


_FILTER: Any = ("ignore", None, Warning, _ThisThread(), 0)


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore all warnings raised by this thread inside the block."""
    filters: Any = warnings.filters
    if not filters or filters[0] is not _FILTER:  # first use, or somebody put new filters on top
        filters.insert(0, _FILTER)
    _state.depth = getattr(_state, "depth", 0) + 1
    try:
        yield
    finally:
        _state.depth -= 1
