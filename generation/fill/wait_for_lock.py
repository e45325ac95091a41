"""Waiting for another process that writes to the collection: what was made has cost more than the wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from indexer import CollectionBusy

PATIENCE_S = 30.0
_PAUSE_S = 0.25

Written = TypeVar("Written")


def patiently(write: Callable[[], Written], *, seconds: float | None = None) -> Written:
    """Write as soon as nobody else does.

    Args:
        write: raises CollectionBusy as long as somebody does, and then has changed nothing.
        seconds: to wait at most; None for half a minute.

    Raises:
        CollectionBusy: after that time somebody still does.
    """
    end = time.monotonic() + (PATIENCE_S if seconds is None else seconds)
    while True:
        try:
            return write()
        except CollectionBusy:
            if time.monotonic() > end:
                raise
        time.sleep(_PAUSE_S)
