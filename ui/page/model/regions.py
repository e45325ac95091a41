"""The part of a picture that is searched with, as the URL writes it."""

from __future__ import annotations

import re

from PIL import Image, ImageDraw

from indexer import decode_image, thumbnail
from search import BadQuery, Region

SMALLEST = 5
"""Per cent of a side that a part has at least."""

Borders = tuple[tuple[float, float], tuple[float, float]]
"""Left and right, and upper and lower border, in per cent."""

_NUMBER = r"(\d{1,3}(?:\.\d{1,4})?)"
_SIDES = re.compile(",".join([_NUMBER] * 4), re.ASCII)
_FRAME = (15, 118, 110)


def read_region(text: str) -> Region | None:
    """Read ``x,y,width,height`` in per cent; None for all of the picture.

    Raises:
        BadQuery: it is not written like this, or reaches over the border.
    """
    if not text:
        return None
    found = _SIDES.fullmatch(text)
    if found is None:
        raise BadQuery(text, "a part of the picture is given as x,y,width,height in per cent, as 10,20,50,60")
    x, y, width, height = map(float, found.groups())
    return Region(x=x, y=y, width=width, height=height, percent=True)


def write_region(across: tuple[float, float], down: tuple[float, float]) -> str:
    """Write the part between two borders each way, in per cent; empty for all of the picture.

    A part that is too narrow is widened to 5 %.
    """
    (left, right), (upper, lower) = (_widened(*sorted(ends)) for ends in (across, down))
    if (left, right, upper, lower) == (0, 100, 0, 100):
        return ""
    return ",".join(
        f"{side:.4f}".rstrip("0").rstrip(".") for side in (left, upper, right - left, lower - upper)
    )


def borders(region: Region | None) -> Borders:
    """Give the borders of a part; None stands for all of the picture."""
    if region is None:
        return (0.0, 100.0), (0.0, 100.0)
    return (region.x, region.x + region.width), (region.y, region.y + region.height)


def marked_picture(data: bytes, region: Region | None, *, name: str, longest_side: int = 420) -> bytes:
    """Draw a picture with the part that counts in a frame and the rest dimmed, as a WebP.

    Raises:
        UnreadableImage: it is not a picture, or damaged.
    """
    image = decode_image(data, name=name, shorter_side=longest_side).image.convert("RGB")
    image.thumbnail((longest_side, longest_side))
    if region is not None:
        left, upper, right, lower = region.box(100, 100)
        box = (
            round(left * image.width),
            round(upper * image.height),
            max(round(right * image.width), round(left * image.width) + 1),
            max(round(lower * image.height), round(upper * image.height) + 1),
        )
        dimmed = Image.blend(image, Image.new("RGB", image.size, "white"), 0.65)
        dimmed.paste(image.crop(box), box[:2])
        ImageDraw.Draw(dimmed).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), outline=_FRAME, width=3)
        image = dimmed
    return thumbnail(image, longest_side)


def _widened(low: float, high: float) -> tuple[float, float]:
    low, high = min(max(low, 0.0), 100.0), min(max(high, 0.0), 100.0)
    if high - low >= SMALLEST:
        return low, high
    low = min(low, 100.0 - SMALLEST)
    return low, low + SMALLEST
