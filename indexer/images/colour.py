"""Turn a decoded picture of any mode into 8-bit sRGB, without clipping, tinting or losing what is seen."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_FULL_RANGES = (1.0, 255.0, 65535.0)
_MAX_PROFILE_BYTES = 4 << 20


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit sRGB: profiles applied, transparency laid on white, wide ranges scaled.

    Args:
        image: decoded, of any mode that Pillow knows; not changed.

    Returns:
        The same picture in mode RGB.

    Raises:
        ValueError: the mode cannot be converted.
    """
    profile = image.info.get("icc_profile")
    if image.mode in _WIDE_MODES:
        image = _to_eight_bits(image)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode in ("P", "1"):
        image = image.convert("RGB")
    if image.mode != "RGBA":
        return _to_srgb(image, profile)
    paper = Image.new("RGB", image.size, "white")
    paper.paste(_to_srgb(image.convert("RGB"), profile), mask=image.getchannel("A"))
    return paper


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale by the range the numbers were meant for, so that a dark picture stays dark."""
    values = np.asarray(image).astype(np.float32)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = _meant_range(image.mode, values)
    values -= low  # in place from here on: these arrays may be the largest in the process
    values *= 255.0 / max(high - low, 1e-12)
    np.clip(np.rint(values, out=values), 0, 255, out=values)
    return Image.fromarray(values.astype(np.uint8))


def _meant_range(mode: str, values: NDArray[np.float32]) -> tuple[float, float]:
    """Return black and white: 16 bits for 16-bit modes, else the smallest usual range that holds all."""
    if mode.startswith("I;16"):
        return 0.0, 65535.0
    low, high = float(values.min()), float(values.max())
    ranges = _FULL_RANGES if mode == "F" else _FULL_RANGES[1:]
    fitting = (top for top in ranges if low >= 0 and high <= top)
    top = next(fitting, None)
    return (low, high) if top is None else (0.0, top)


def _to_srgb(image: Image.Image, profile: Any) -> Image.Image:
    """Apply the embedded profile if it is there and sound; otherwise take the numbers as they are."""
    if image.mode == "LAB":
        return _apply(image, _lab_transform())
    transform = None
    if isinstance(profile, bytes) and 0 < len(profile) <= _MAX_PROFILE_BYTES:
        transform = _transform(profile, image.mode)
    return image.convert("RGB") if transform is None else _apply(image, transform)


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:  # only for in-place use, which is not asked for
        raise ValueError(f"no colour conversion from {image.mode}")
    return converted


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the way from a profile to sRGB; None if it is sRGB already, broken, or does not fit the mode."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        return ImageCms.buildTransform(source, _srgb(), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb(), "LAB", "RGB")


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
