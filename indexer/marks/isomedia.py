"""Take HEIC and AVIF files apart as far as marks need it (ISO/IEC 14496-12 and 23008-12).

The metadata items are listed in ``iinf``; ``iloc`` tells where their bytes are. A C2PA manifest stands in a
top-level ``uuid`` box.
"""

from __future__ import annotations

from collections.abc import Iterator

from .base import Parts

_MAX_BOXES = 2_000
_MAX_ITEMS = 5_000
_MAX_PACKET = 16 << 20
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")

Span = tuple[int, int]


def iso_parts(data: bytes) -> Parts:
    """Find EXIF, XMP and C2PA in an ISO media file; damage gives fewer parts, never an error."""
    c2pa, exif, xmp = b"", b"", b""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"uuid" and data[start : start + 16] == _C2PA_UUID:
            c2pa = c2pa or _manifest(data[start + 16 : min(end, start + _MAX_PACKET)])
        elif kind == b"meta":
            inside = {kind: (first, last) for kind, first, last in _boxes(data, start + 4, end)}
            if b"iinf" in inside and b"iloc" in inside:
                names = _item_types(data, *inside[b"iinf"])
                places = _item_places(data, inside[b"iloc"], inside.get(b"idat", (0, 0)), set(names))
                for item, name in names.items():
                    body = b"".join(data[first:last] for first, last in places.get(item, ()))[:_MAX_PACKET]
                    if name == b"Exif":
                        exif = exif or body[4 + int.from_bytes(body[:4], "big") :]
                    else:
                        xmp = xmp or body
    return Parts(exif=exif, xmp=xmp, c2pa=c2pa)


def _boxes(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Give kind, start and end of the contents of each box."""
    end = min(end, len(data))
    for _ in range(_MAX_BOXES):
        if place + 8 > end:
            return
        size, kind, start = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8], 8
        if size == 1:
            size, start = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        elif size == 0:
            size = end - place
        if size < start:
            return
        yield kind, place + start, min(place + size, end)
        place += size


def _manifest(body: bytes) -> bytes:
    """Give what follows version, purpose and offset, where the box holds a manifest."""
    purpose, _, rest = body[4:].partition(b"\0")
    return rest[8:] if purpose == b"manifest" else b""


def _item_types(data: bytes, start: int, end: int) -> dict[int, bytes]:
    """Give the type of each item that is EXIF or XMP."""
    first = start + (6 if data[start : start + 1] == b"\0" else 8)  # past version, flags and count
    types: dict[int, bytes] = {}
    for kind, place, last in _boxes(data, first, end):
        version = data[place] if place < last else 0
        wide = 4 if version == 3 else 2
        if kind == b"infe" and version in (2, 3):
            item = int.from_bytes(data[place + 4 : place + 4 + wide], "big")
            name = data[place + 6 + wide : place + 10 + wide]
            rest = data[place + 10 + wide : last]
            if name == b"Exif" or (name == b"mime" and b"\0application/rdf+xml\0" in rest):
                types[item] = name
    return types


def _item_places(data: bytes, box: Span, idat: Span, wanted: set[int]) -> dict[int, list[Span]]:
    """Give where the bytes of each wanted item stand in the file."""
    read = _Numbers(data, *box)
    version = read(1)
    read(3)
    sizes = read(2)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    wide = 4 if version == 2 else 2
    places: dict[int, list[Span]] = {}
    for _ in range(min(read(wide), _MAX_ITEMS)):
        item = read(wide)
        method = read(2) & 15 if version in (1, 2) else 0
        read(2)
        start = read(base) + (idat[0] if method == 1 else 0)
        for _ in range(min(read(2), 64)):
            if version in (1, 2):
                read(index)
            first = start + read(offset)
            size = read(length)
            if item in wanted and method in (0, 1):
                places.setdefault(item, []).append((first, first + (size or len(data))))
        if read.done:
            break
    return places


class _Numbers:
    """Reads big-endian numbers one after another; 0 past the end."""

    def __init__(self, data: bytes, place: int, end: int) -> None:
        self._data, self._place, self._end = data, place, end

    def __call__(self, size: int) -> int:
        number = int.from_bytes(self._data[self._place : min(self._place + size, self._end)], "big")
        self._place += size
        return number

    @property
    def done(self) -> bool:
        return self._place >= self._end
