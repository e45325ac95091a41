"""Waiting for another process that writes to the collection: what was made has cost more than the wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from indexer import CollectionBusy

PATIENCE_S = 30.0
_PAUSE_S = 0.25

Written = TypeVar("Written")


def patiently(write: Callable[[], Written]) -> Written:
    """Write as soon as nobody else does.

    Raises:
        CollectionBusy: after half a minute somebody still does.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return write()
        except CollectionBusy:
            if time.monotonic() > end:
                raise
        time.sleep(_PAUSE_S)
