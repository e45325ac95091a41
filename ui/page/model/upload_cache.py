"""Where the pictures wait that people search with: in memory, for as long as there is room."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

_SHELF_BYTES = 64 << 20


class Shelf:
    """Query pictures by checksum, the least recently used going first; who knows a checksum may look."""

    def __init__(self, capacity: int = _SHELF_BYTES) -> None:
        self._capacity = capacity
        self._pictures: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, name: str, data: bytes) -> str:
        """Keep a picture; return its checksum."""
        checksum = hashlib.sha256(data).hexdigest()[:32]
        with self._lock:
            self._pictures[checksum] = name, data
            self._pictures.move_to_end(checksum)
            while self._held() > self._capacity and len(self._pictures) > 1:
                self._pictures.popitem(last=False)
        return checksum

    def get(self, checksum: str) -> tuple[str, bytes] | None:
        """Give back name and bytes; None if it is not here (any more)."""
        with self._lock:
            if checksum in self._pictures:
                self._pictures.move_to_end(checksum)
            return self._pictures.get(checksum)

    def _held(self) -> int:
        return sum(len(data) for _, data in self._pictures.values())
