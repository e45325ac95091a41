"""Decode CBOR (RFC 8949), as far as C2PA assertions use it, within limits."""

from __future__ import annotations

import struct
from typing import Any

_MAX_DEPTH = 32
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}


class BadCbor(ValueError):
    """The bytes are not CBOR, or nest deeper than any assertion does."""


def decode(data: bytes) -> Any:
    """Decode one value.

    Args:
        data: the encoded value; bytes after it are ignored.

    Returns:
        None, bool, int, float, str, bytes, list or dict; tags are dropped.

    Raises:
        BadCbor: cut short, malformed or too deep.
    """
    return _Reader(data).value(0)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def value(self, depth: int) -> Any:
        first = self._take(1)[0]
        major, extra = first >> 5, first & 31
        if depth > _MAX_DEPTH:
            raise BadCbor("too deep")
        if major == 7:
            return self._simple(extra)
        if extra == 31:
            return self._endless(major, depth)
        return self._counted(major, self._count(extra), depth)

    def _counted(self, major: int, count: int, depth: int) -> Any:
        if major <= 1:
            return count if major == 0 else -1 - count
        if major in (2, 3):
            body = self._take(count)
            return body if major == 2 else body.decode("utf-8", "replace")
        if major == 4:
            return self._list(count, depth)
        if major == 5:
            return self._pairs(self._list(2 * count, depth))
        return self.value(depth + 1)  # a tagged value

    def _list(self, count: int, depth: int) -> list[Any]:
        if count > len(self._data) - self._place:  # each value takes a byte at least
            raise BadCbor("cut short")
        return [self.value(depth + 1) for _ in range(count)]

    def _endless(self, major: int, depth: int) -> Any:
        """Read values up to the break code."""
        values = []
        while self._data[self._place : self._place + 1] != b"\xff":
            values.append(self.value(depth + 1))
        self._take(1)
        if major == 4:
            return values
        if major == 5 and len(values) % 2 == 0:
            return self._pairs(values)
        if major == 3 and all(isinstance(value, str) for value in values):
            return "".join(values)
        if major == 2 and all(isinstance(value, bytes) for value in values):
            return b"".join(values)
        raise BadCbor("malformed")

    def _pairs(self, values: list[Any]) -> dict[Any, Any]:
        keys = values[::2]
        if not all(isinstance(key, str | int | bytes | None) for key in keys):
            raise BadCbor("a key that cannot be one")
        return dict(zip(keys, values[1::2], strict=True))

    def _simple(self, extra: int) -> bool | float | None:
        if extra in _FLOATS:
            number: float = struct.unpack(_FLOATS[extra], self._take(1 << (extra - 24)))[0]
            return number
        if extra not in _SIMPLE:
            raise BadCbor("malformed")
        return _SIMPLE[extra]

    def _count(self, extra: int) -> int:
        if extra < 24:
            return extra
        if extra > 27:
            raise BadCbor("malformed")
        return int.from_bytes(self._take(1 << (extra - 24)), "big")

    def _take(self, size: int) -> bytes:
        taken = self._data[self._place : self._place + size]
        if len(taken) < size:
            raise BadCbor("cut short")
        self._place += size
        return taken
