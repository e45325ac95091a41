"""The dominant colour of a product before a plain background, by its pixels."""

from __future__ import annotations

import colorsys
from collections import Counter

import numpy as np
from PIL import Image

COLOURS = ("black", "white", "red", "blue", "green", "yellow", "pink", "brown")
_SIDE = 32
# Degrees of hue up to which a colour reaches; rules by eye, for the common names of clothes.
_HUES = (
    (14, "red"),
    (42, "orange"),
    (68, "yellow"),
    (168, "green"),
    (258, "blue"),
    (292, "purple"),
    (338, "pink"),
    (361, "red"),
)
_DIFFERENT = 24  # of 255, from the background, for a pixel to be the product's


def dominant_colour(picture: Image.Image) -> str:
    """Name the colour of most of a product's pixels, those of the middle half counting."""
    pixels = np.asarray(picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.int16)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = np.median(border, axis=0)
    middle = pixels[_SIDE // 4 : -_SIDE // 4, _SIDE // 4 : -_SIDE // 4].reshape(-1, 3)
    own = middle[np.abs(middle - ground).max(axis=1) > _DIFFERENT]
    if len(own) < len(middle) // 10:
        own = middle  # white on white: what differs is but its shadow
    return Counter(_name(*rgb) for rgb in own.tolist()).most_common(1)[0][0]


def _name(red: int, green: int, blue: int) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < 0.27 or (value < 0.4 and saturation < 0.25):
        return "black"
    if saturation < 0.13:
        return "white" if value > 0.75 else "grey"
    name = next(name for limit, name in _HUES if hue * 360 < limit)
    if name == "red" and value > 0.7 and saturation < 0.55:
        return "pink"
    return "brown" if name == "orange" and value < 0.8 else name
