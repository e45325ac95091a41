"""Routes that give pictures: by id, with caching, and in parts where a client asks for parts."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi import Path as InPath
from starlette.responses import Response, StreamingResponse

from indexer import Item
from ui.services import operations

from ..problems import ApiError
from ..schemas.base import LARGEST_ID
from ..service import Here, Service

router = APIRouter(tags=["pictures"])
_CHUNK = 1 << 16
_CACHING = "private, max-age=300, stale-while-revalidate=86400"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"GIF8", "image/gif", ".gif"),
    (b"BM", "image/bmp", ".bmp"),
    (b"II", "image/tiff", ".tif"),
    (b"MM", "image/tiff", ".tif"),
)

ItemId = Annotated[int, InPath(ge=1, le=LARGEST_ID, examples=[1])]
NoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=500)]
_PICTURE = {"description": "The picture.", "content": {"image/*": {"schema": {"type": "string"}}}}
_PART = {"description": "The part that was asked for.", "content": _PICTURE["content"]}
_SAME = {"description": "The copy that the client has is still good.", "content": {}}
_BEYOND = {"description": "The part lies beyond the end.", "content": {}}


def kind_of(head: bytes) -> tuple[str, str]:
    """Tell media type and suffix of a picture by its first bytes, whatever its name says."""
    for magic, media_type, suffix in _MAGIC:
        if head.startswith(magic):
            return media_type, suffix
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp", ".webp"
    if head[4:8] == b"ftyp":
        return ("image/heic", ".heic") if head[8:12] in _HEIF_BRANDS else ("image/avif", ".avif")
    return "application/octet-stream", ".bin"


@router.get(
    "/items/{item_id}/thumbnail",
    operation_id="thumbnail",
    response_class=Response,
    responses={200: _PICTURE, 304: _SAME},
)
async def thumbnail(here: Here, item_id: ItemId, if_none_match: NoneMatch = None) -> Response:
    """A small copy of an item's picture, WebP, at most 320 pixels on its longer side."""
    data = await here.do(_thumbnail, here, item_id)
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return _whole(data, "image/webp", etag, if_none_match)


@router.get(
    "/items/{item_id}/image",
    operation_id="image",
    response_class=Response,
    responses={200: _PICTURE, 206: _PART, 304: _SAME, 416: _BEYOND},
)
async def image(
    here: Here,
    item_id: ItemId,
    side: Annotated[
        int | None, Query(ge=32, le=4_096, description="A WebP of at most so many pixels instead.")
    ] = None,
    if_none_match: NoneMatch = None,
    part: Annotated[str | None, Header(alias="Range", max_length=200, examples=["bytes=0-1023"])] = None,
) -> Response:
    """An item's own picture, byte for byte; or a copy of it that any browser shows."""
    file = await here.do(_file, here, item_id)
    if side is None:
        return _original(file, if_none_match, part)
    etag = f'"{file.etag}-{side}"'
    if _has(if_none_match, etag):
        return _not_modified(etag)
    data = await here.do(partial(operations.show_item, file.item, longest_side=side))
    return _whole(data, "image/webp", etag, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A picture's file: where it is, how large, and what tells one state of it from another."""

    item: Item
    path: Path
    size: int
    etag: str
    media_type: str


def _thumbnail(here: Service, item_id: int) -> bytes:
    here.collection.item(item_id)
    data = here.collection.store.thumbnail(item_id)
    if data is None:
        raise ApiError(404, f"Item {item_id} has no picture. Ask for the thumbnails that answers name.")
    return data


def _file(here: Service, item_id: int) -> _File:
    item = here.collection.item(item_id)
    if item.path is None or "image" not in item.kinds:
        raise ApiError(404, f"Item {item_id} has no picture file of its own. Ask for its thumbnail.")
    path = Path(item.path)
    try:
        status = path.stat()
        with path.open("rb") as stream:
            head = stream.read(32)
    except OSError as error:
        detail = f"The file of item {item_id} is gone or cannot be read. Ask for its thumbnail."
        raise ApiError(404, detail) from error
    if not stat.S_ISREG(status.st_mode):
        raise ApiError(404, f"The file of item {item_id} is no file any more. Ask for its thumbnail.")
    etag = hashlib.sha256(f"{item_id} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:32]
    return _File(item=item, path=path, size=status.st_size, etag=etag, media_type=kind_of(head)[0])


def _original(file: _File, if_none_match: str | None, part: str | None) -> Response:
    etag = f'"{file.etag}"'
    if _has(if_none_match, etag):
        return _not_modified(etag)
    wanted = parse_range(part, file.size)
    headers = _headers(etag) | {"Accept-Ranges": "bytes"}
    if wanted is None:
        headers["Content-Length"] = str(file.size)
        return StreamingResponse(_bytes(file.path, 0, file.size), 200, headers, file.media_type)
    start, end = wanted
    if start >= end:
        range_headers = {"Content-Range": f"bytes */{file.size}"}
        raise ApiError(
            416, f"The picture has {file.size:,} bytes. Ask for a part of it.", headers=range_headers
        )
    headers |= {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{file.size}"}
    return StreamingResponse(_bytes(file.path, start, end), 206, headers, file.media_type)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Read a Range header (RFC 9110, 14.2).

    Args:
        header: as sent.
        size: of the whole, in bytes.

    Returns:
        Start and end (exclusive); start at or beyond end if there is no such part; None for the whole: there
        is no header, or one that cannot be read or asks for several parts, which a server may ignore.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last so many
        last = int(match[2])
        return max(size - last, 0) if last else size, size
    start, last = int(match[1]), int(match[2]) if match[2] else size - 1
    return None if last < start and match[2] else (start, min(last + 1, size))


def _bytes(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(start)
        while start < end and (chunk := stream.read(min(_CHUNK, end - start))):
            start += len(chunk)
            yield chunk


def _whole(data: bytes, media_type: str, etag: str, if_none_match: str | None) -> Response:
    if _has(if_none_match, etag):
        return _not_modified(etag)
    return Response(data, media_type=media_type, headers=_headers(etag))


def _not_modified(etag: str) -> Response:
    return Response(status_code=304, headers=_headers(etag))


def _headers(etag: str) -> dict[str, str]:
    """Headers of every picture; a browser must show it as a picture or not at all."""
    return {
        "ETag": etag,
        "Cache-Control": _CACHING,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def _has(if_none_match: str | None, etag: str) -> bool:
    """Say whether the client holds this very state (RFC 9110, 13.1.2; weak comparison)."""
    if if_none_match is None:
        return False
    held = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in held or etag in held
