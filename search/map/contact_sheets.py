"""Contact sheets: many small pictures in a few files, for a page that shows any of them at once."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from PIL import Image, UnidentifiedImageError

COLUMNS = 32
"""Of a sheet, which has as many rows at most."""
TILES = COLUMNS * COLUMNS
"""Of a full sheet."""

_QUALITY = 60
_SIDES = ((1_500, 96), (4_000, 64), (10_000, 48))  # so that all sheets together stay below some ten megabytes
_SMALLEST = 32


def side_for(count: int) -> int:
    """Choose how large the pictures can be, in pixels, if there are so many."""
    return next((side for most, side in _SIDES if count <= most), _SMALLEST)


def contact_sheets(pictures: Iterator[bytes | None], side: int) -> Iterator[bytes]:
    """Put pictures on sheets, row by row, each cut to its middle square.

    Args:
        pictures: encoded, in order; None and what cannot be read leave their place white.
        side: of a square, pixels.

    Yields:
        Sheets of ``TILES`` pictures as WebP, the last one with fewer rows.
    """
    few: list[bytes | None] = []
    for picture in pictures:
        few.append(picture)
        if len(few) == TILES:
            yield _sheet(few, side)
            few = []
    if few:
        yield _sheet(few, side)


def _sheet(pictures: Sequence[bytes | None], side: int) -> bytes:
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * side, rows * side), "white")
    for place, data in enumerate(pictures):
        square = None if data is None else _square(data, side)
        if square is not None:
            sheet.paste(square, (place % COLUMNS * side, place // COLUMNS * side))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


def _square(data: bytes, side: int) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            small = picture.convert("RGB")
    except (UnidentifiedImageError, OSError):  # our own thumbnails: one that is damaged is not worth a map
        return None
    edge = min(small.size)
    left, top = (small.width - edge) // 2, (small.height - edge) // 2
    return small.resize((side, side), Image.Resampling.BOX, (left, top, left + edge, top + edge))
