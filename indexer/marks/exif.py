"""The few EXIF fields in which generators leave words, out of a TIFF structure (TIFF 6.0, EXIF 3.0)."""

from __future__ import annotations

from .base import MAX_TEXT

DESCRIPTION, MAKE, MODEL, SOFTWARE, USER_COMMENT = 0x010E, 0x010F, 0x0110, 0x0131, 0x9286
_EXIF_DIRECTORY = 0x8769
_WANTED = frozenset({DESCRIPTION, MAKE, MODEL, SOFTWARE, USER_COMMENT, 700, 0xCD41})  # and XMP, C2PA
_MAX_ENTRIES = 500
_BYTE_TYPES = (1, 2, 7)  # BYTE, ASCII, UNDEFINED: one byte each


def fields_of(data: bytes) -> dict[int, bytes]:
    """Read the fields of the first directory and of its EXIF directory that marks are found in.

    Args:
        data: a TIFF structure, with or without the ``Exif`` prefix of JPEG, whole or damaged.

    Returns:
        Raw bytes by tag; what does not fit the data is left out.
    """
    if data.startswith(b"Exif\0"):
        data = data[6:]
    if data[:2] not in (b"II", b"MM"):
        return {}
    order = "little" if data[:2] == b"II" else "big"

    def number(place: int, size: int) -> int:
        return int.from_bytes(data[place : place + size], order)  # type: ignore[arg-type]

    fields: dict[int, bytes] = {}
    waiting, seen = [number(4, 4)], set[int]()
    while waiting and len(seen) < 2:
        directory = waiting.pop()
        if directory in seen or directory + 2 > len(data):
            continue
        seen.add(directory)
        for entry in range(min(number(directory, 2), _MAX_ENTRIES)):
            place = directory + 2 + 12 * entry
            tag, kind, count = number(place, 2), number(place + 2, 2), number(place + 4, 4)
            if tag == _EXIF_DIRECTORY:
                waiting.append(number(place + 8, 4))
            elif tag in _WANTED and kind in _BYTE_TYPES:
                start = place + 8 if count <= 4 else number(place + 8, 4)
                fields.setdefault(tag, data[start : start + min(count, MAX_TEXT)])
    return fields


def words(raw: bytes) -> str:
    """Decode a field of ASCII type, which in practice holds UTF-8."""
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


def comment(raw: bytes) -> str:
    """Decode a UserComment, whose first eight bytes name its encoding."""
    code, body = raw[:8], raw[8:]
    if code != b"UNICODE\0":
        return (body if code in (b"ASCII\0\0\0", bytes(8)) else raw).decode("utf-8", "replace").strip("\0")
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    # Writers do not agree whether the byte order is the file's or always big: Latin letters give it away.
    big = body[0::2].count(0) >= body[1::2].count(0)
    return body.decode("utf-16-be" if big else "utf-16-le", "replace").strip("\0")
