"""Pictures as the small generator sees them: square, small, numbers from -1 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""(n, side, side, 3) or (side, side, 3) uint8, RGB."""

_PLAIN = 12  # greatest deviation, of 255, along a border that counts as one colour


def squared(picture: Image.Image, side: int) -> Image.Image:
    """Make an RGB picture square: pad it where its border is of one colour, else cut out its middle.

    A product before a plain background stays whole; a photograph gets no bars.

    Args:
        picture: RGB of any size.
        side: pixels of the result.
    """
    longest = max(picture.size)
    colour = _border(picture)
    if colour is None:
        shortest = min(picture.size)
        left, top = (picture.width - shortest) // 2, (picture.height - shortest) // 2
        square = picture.crop((left, top, left + shortest, top + shortest))
    elif picture.width == picture.height:
        square = picture
    else:
        square = Image.new("RGB", (longest, longest), colour)
        square.paste(picture, ((longest - picture.width) // 2, (longest - picture.height) // 2))
    return square.resize((side, side), Image.Resampling.LANCZOS)


def _border(picture: Image.Image) -> tuple[int, int, int] | None:
    """Give the colour of the left and right (of a wide picture: upper and lower) border, if it has one."""
    pixels = np.asarray(picture, np.float32)
    edges = pixels[:, [0, -1]] if picture.height >= picture.width else pixels[[0, -1]]
    flat = edges.reshape(-1, 3)
    colour = np.median(flat, axis=0)
    if np.abs(flat - colour).mean(axis=1).mean() > _PLAIN:
        return None
    red, green, blue = (int(value) for value in colour)
    return red, green, blue


def enlarged(pixels: Pixels, side: int) -> Image.Image:
    """Turn (h, w, 3) pixels into a picture of ``side`` pixels, smoothly."""
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
