"""Take PNG, JPEG and WebP files apart, as far as marks need it, without decoding any pixel.

A damaged or hostile file gives fewer parts, never an error: each walk ends at the first thing that does not
fit, after a fixed number of steps, and inflates no more than a fixed number of bytes. Formats: PNG (Third
Edition), chapters 5 and 11; JPEG (ITU-T T.81), annex B; WebP container (RFC 9649).
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterator

from .base import MAX_TEXT, Parts
from .exif import fields_of
from .isomedia import iso_parts

_MAX_STEPS = 20_000  # chunks of a PNG: 160 MB at libpng's 8 KB each
_MAX_INFLATED = 2 * MAX_TEXT  # of all texts of one file together
_MAX_PACKET = 16 << 20
_SCANNED = 1 << 18  # bytes at either end of a file of another kind that are searched for an XMP packet
_KEYWORDS = frozenset(
    b"findmake parameters prompt workflow invokeai_metadata sd-metadata Dream fooocus_scheme "
    b"Title Description Software Source Comment".split()
)
_VISIBLE = frozenset(b"tRNS gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI eXIf acTL fcTL fdAT".split())
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_LONG_XMP_SEGMENT = b"http://ns.adobe.com/xmp/extension/\0"
_PROFILES = {
    b"Raw profile type exif": "exif",  # as ImageMagick puts foreign blocks into a PNG
    b"Raw profile type APP1": "exif",
    b"Raw profile type xmp": "xmp",
}
_XMP_TAG, _C2PA_TAG = 700, 0xCD41


def parts_of(data: bytes) -> Parts:
    """Take a picture file apart.

    Args:
        data: the file, whole or cut short.

    Returns:
        Its parts; none of them if the file is of no known kind.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp":
        return iso_parts(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        fields = fields_of(data)
        return Parts(exif=data, xmp=fields.get(_XMP_TAG, b""), c2pa=fields.get(_C2PA_TAG, b""))
    return Parts(xmp=_scanned(data))


def without_metadata(data: bytes) -> bytes:
    """Leave out of a PNG file what does not change how it looks.

    Pillow refuses a picture for a text that inflates to too much, and for any checksum that is wrong.

    Args:
        data: the file.

    Returns:
        The file without texts, foreign chunks and damaged chunks that a picture can do without; the same
        bytes if there are none.
    """
    kept, place = [], 0
    for kind, start, end in _chunks(data):
        needed = kind[:1].isupper()
        sound = zlib.crc32(kind + data[start:end]) == int.from_bytes(data[end : end + 4], "big")
        if not needed and not (kind in _VISIBLE and sound):
            kept.append(data[place : start - 8])
            place = end + 4
    return b"".join([*kept, data[place:]])


def _png(data: bytes) -> Parts:
    texts: dict[str, str] = {}
    blocks = {"exif": b"", "xmp": b"", "c2pa": b""}
    budget = _MAX_INFLATED
    for kind, start, end in _chunks(data):
        if kind == b"eXIf":
            blocks["exif"] = blocks["exif"] or data[start:end]
        elif kind == b"caBX":
            blocks["c2pa"] = blocks["c2pa"] or data[start:end]
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and budget > 0:
            keyword, body = _text(kind, data[start : min(end, start + _MAX_INFLATED)])
            budget -= len(body)
            if keyword in _KEYWORDS:
                encoding = "utf-8" if kind == b"iTXt" else "latin-1"
                texts.setdefault(keyword.decode(), body.decode(encoding, "replace"))
            elif keyword == _XMP_KEYWORD:
                blocks["xmp"] = blocks["xmp"] or body
            elif keyword in _PROFILES:
                name = _PROFILES[keyword]
                blocks[name] = blocks[name] or _profile(body)
    return Parts(texts=texts, **blocks)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give kind, start and end of the chunks that hold no pixels."""
    place, size = 8, len(data)
    for _ in range(_MAX_STEPS):
        start = place + 8
        kind = data[place + 4 : start]
        if start > size or kind == b"IEND":
            return
        end = start + int.from_bytes(data[place : place + 4], "big")
        if kind != b"IDAT":
            yield kind, start, end
        place = end + 4


def _text(kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Split a text chunk into keyword and text; keywords that no tool uses are not inflated."""
    keyword, _, rest = body[:200].partition(b"\0")
    wanted = keyword in _KEYWORDS or keyword in _PROFILES or keyword == _XMP_KEYWORD
    if not wanted:
        return b"", b""
    rest = body[len(keyword) + 1 :]
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # past language and translated keyword
    return keyword, _inflated(rest) if packed else rest[:MAX_TEXT]


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_TEXT)
    except zlib.error:
        return b""


def _profile(body: bytes) -> bytes:
    """Read a block in ImageMagick's hexadecimal form: a name, a length, and lines of digits."""
    lines = body.split(None, 2)
    try:
        return binascii.unhexlify(b"".join(lines[2].split())) if len(lines) == 3 else b""
    except binascii.Error:
        return b""


def _jpeg(data: bytes) -> Parts:
    texts: dict[str, str] = {}
    exif, xmp, more = b"", b"", []
    boxes: dict[bytes, list[tuple[int, bytes]]] = {}
    for marker, start, end in _segments(data):
        body = data[start:end]
        if marker == 0xE1 and body.startswith(b"Exif\0"):
            exif = exif or body
        elif marker == 0xE1 and body.startswith(_XMP_SEGMENT):
            xmp = xmp or body[len(_XMP_SEGMENT) :]
        elif marker == 0xE1 and body.startswith(_LONG_XMP_SEGMENT):
            more.append(body[len(_LONG_XMP_SEGMENT) + 40 :])  # past digest, full length and offset
        elif marker == 0xEB and body.startswith(b"JP") and len(body) > 16:
            boxes.setdefault(body[2:4], []).append((int.from_bytes(body[4:8], "big"), body[8:]))
        elif marker == 0xFE:
            texts.setdefault("Comment", body.decode("utf-8", "replace"))
    return Parts(texts=texts, exif=exif, xmp=b"".join([xmp, *more])[:_MAX_PACKET], c2pa=_joined(boxes))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Give marker, start and end of the segments before the pixels."""
    place, size = 2, len(data)
    for _ in range(_MAX_STEPS):
        if place + 4 > size or data[place] != 0xFF:
            return
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in (0xDA, 0xD9):
            return
        yield marker, place + 4, end
        place = max(end, place + 4)


def _joined(boxes: dict[bytes, list[tuple[int, bytes]]]) -> bytes:
    """Put boxes together that were spread over segments, each of which repeats the box's own head."""
    whole = b""
    for pieces in boxes.values():
        pieces.sort(key=lambda piece: piece[0])
        whole += pieces[0][1] + b"".join(piece[8:] for _, piece in pieces[1:])
    return whole[:_MAX_PACKET]


def _webp(data: bytes) -> Parts:
    found: dict[bytes, bytes] = {}
    place = 12
    for _ in range(_MAX_STEPS):
        if place + 8 > len(data):
            break
        kind, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if kind in (b"EXIF", b"XMP ", b"C2PA"):
            found.setdefault(kind, data[place + 8 : place + 8 + length])
        place += 8 + length + length % 2
    return Parts(
        exif=found.get(b"EXIF", b""), xmp=found.get(b"XMP ", b""), c2pa=found.get(b"C2PA", b"")[:_MAX_PACKET]
    )


def _scanned(data: bytes) -> bytes:
    """Look for an XMP packet by its own first and last words, as the XMP specification allows."""
    for near in (data[:_SCANNED], data[-_SCANNED:]):
        start = near.find(b"<x:xmpmeta")
        if start >= 0:
            end = near.find(b"</x:xmpmeta>", start)
            return near[start:end] if end >= 0 else near[start:]
    return b""
