"""From a picture to the numbers that an image tower reads, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LONGEST_STRIP = 8  # times the shorter side
_RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

Pixels = NDArray[np.float32]
"""(3, size, size) or (n, 3, size, size) float32, normalised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSettings:
    """How a model wants its pictures.

    Attributes:
        size: pixels of either side.
        mean: of red, green and blue, on a scale of 0 to 1.
        std: their standard deviation.
        interpolation: of resizing.
        resize: ``squash`` shows all of the picture, out of proportion; ``shortest`` its middle square.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bicubic", "bilinear"]
    resize: Literal["squash", "shortest"]


def to_pixels(image: Image.Image, settings: PixelSettings) -> Pixels:
    """Turn a picture into what an image tower reads, as torchvision's transforms do it.

    Args:
        image: of any mode and size.
        settings: of the model.

    Returns:
        (3, size, size) float32.
    """
    if settings.resize == "shortest":
        image = without_far_ends(image)
    side, resampling = settings.size, _RESAMPLING[settings.interpolation]
    picture = image.convert("RGB")
    if settings.resize == "squash":
        picture = picture.resize((side, side), resampling)
    else:
        shorter = min(picture.size)
        width, height = (side if edge == shorter else int(side * edge / shorter) for edge in picture.size)
        picture = picture.resize((width, height), resampling)
        left, top = round((width - side) / 2), round((height - side) / 2)
        picture = picture.crop((left, top, left + side, top + side))
    mean, std = (np.array(value, np.float32)[:, None, None] for value in (settings.mean, settings.std))
    values = np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))  # turned while it is one byte each
    pixels: Pixels = np.multiply(values, 1 / (255 * std), dtype=np.float32)
    pixels -= mean / std
    return pixels


def without_far_ends(image: Image.Image) -> Image.Image:
    """Cut a strip to its middle.

    Preprocessing that scales the shorter side to the model's size looks at the middle square only, but would
    first make gigabytes of pixels of a strip.
    """
    shorter, longer = sorted(image.size)
    spare = (longer - _LONGEST_STRIP * shorter) // 2
    if spare <= 0:
        return image
    width, height = image.size
    if width > height:
        return image.crop((spare, 0, width - spare, height))
    return image.crop((0, spare, width, height - spare))
