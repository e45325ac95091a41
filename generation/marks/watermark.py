"""An invisible watermark: a faint pattern in the pixels that says that findmake made the picture.

One tile of band-limited noise, the same for every picture, is added all over the picture, stronger where
there is texture to hide it. To detect it, the picture is whitened and its tiles are laid over one another;
then the known tile is sought at every offset at once, by phase-only correlation, so that a cropped picture is
no harder. The payload is fixed, the name of the pattern: it tells nothing about who made the picture, or how.
Anyone who reads this can find, forge or remove it.

After Kalker, Depovere, Haitsma and Maes, "A video watermarking system for broadcast monitoring" (SPIE 3657,
1999: a repeated tile, correlation at all offsets), and Cox, Kilian, Leighton and Shamoon, "Secure spread
spectrum watermarking for multimedia" (IEEE Transactions on Image Processing 6, 1997). What survives what is
measured by data/evaluation/watermark.py and told in docs/provenance.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THRESHOLD = 7.0
"""Score from which a picture counts as watermarked."""

_PAYLOAD = b"findmake watermark 1"
_TILE = 128  # pixels
_BAND = (0.04, 0.20)  # cycles a pixel: above most of a picture's energy, below what JPEG and halving drop
_AXES = 2 / _TILE  # edges of frames and shelves lie on the axes
_STRENGTH = 2.0  # grey levels, where there is texture enough
_LEAST_SIDE = 32
_REACH = 6  # pixels around each that count as its surroundings

Plane = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Whether the watermark is there.

    Attributes:
        score: how far the best offset stands above all offsets, in their standard deviations. About 4 for a
            picture without the watermark.
        found: the score is at least ``THRESHOLD``.
    """

    score: float
    found: bool


def add_watermark(image: Image.Image, *, strength: float = 1.0) -> Image.Image:
    """Put the watermark into a picture.

    Args:
        image: RGB; not changed. At least 32 pixels each way, else it is given back as it is.
        strength: 1 for what was measured; more survives more and shows more.

    Returns:
        A new RGB picture of the same size.
    """
    pixels = np.asarray(image.convert("RGB"), np.float64)
    height, width = pixels.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return image.copy()
    texture = np.sqrt(_spread(pixels.mean(axis=2)))
    amplitude = strength * _STRENGTH * np.clip(0.5 + texture / 12, 0.5, 1.25)
    rows, columns = (np.arange(side) % _TILE for side in (height, width))
    added = amplitude * _tile()[np.ix_(rows, columns)]
    return Image.fromarray(np.clip(np.rint(pixels + added[..., None]), 0, 255).astype(np.uint8))


def detect_watermark(image: Image.Image) -> Detection:
    """Look for the watermark; takes a few milliseconds per hundred thousand pixels.

    Args:
        image: any mode, in the size in which it was made, or cropped from it.

    Returns:
        The score and what it means; score 0 for a picture under 32 pixels.
    """
    grey = np.asarray(image.convert("RGB"), np.float64).mean(axis=2)
    if min(grey.shape) < _LEAST_SIDE:
        return Detection(score=0.0, found=False)
    flat = (grey - _around(grey)) / (np.sqrt(_spread(grey)) + 1.0)
    spectrum = np.fft.rfft2(_folded(np.clip(flat, -2.5, 2.5)))
    size = np.abs(spectrum)
    whitened = np.divide(spectrum, size, out=np.zeros_like(spectrum), where=size > 1e-9)
    agreement = np.fft.irfft2(whitened * np.conj(_spectrum()), s=(_TILE, _TILE))
    deviation = float(agreement.std())
    score = float(agreement.max()) / deviation if deviation > 0 else 0.0
    return Detection(score=round(score, 3), found=score >= THRESHOLD)


def _folded(plane: Plane) -> Plane:
    """Lay the tiles of a plane over one another."""
    height, width = (-(-side // _TILE) * _TILE for side in plane.shape)
    padded = np.zeros((height, width))
    padded[: plane.shape[0], : plane.shape[1]] = plane
    tiles: Plane = padded.reshape(height // _TILE, _TILE, width // _TILE, _TILE).sum(axis=(0, 2))
    return tiles


def _spread(plane: Plane) -> Plane:
    """Return the variance around each pixel."""
    return np.maximum(_around(plane**2) - _around(plane) ** 2, 0.0)


def _around(plane: Plane) -> Plane:
    """Return the mean around each pixel, by a running sum along each axis."""
    for axis in (0, 1):
        side = plane.shape[axis]
        padded = np.pad(plane, [(_REACH + 1, _REACH) if each == axis else (0, 0) for each in (0, 1)], "edge")
        sums = np.cumsum(padded, axis=axis)
        late, early = (np.take(sums, range(start, start + side), axis) for start in (2 * _REACH + 1, 0))
        plane = (late - early) / (2 * _REACH + 1)
    return plane


@cache
def _spectrum() -> NDArray[np.complex128]:
    """Return the pattern in frequencies: (128, 65), of size 1 in the band and 0 elsewhere.

    Its phases come from a hash, not from a random generator, whose numbers may change with its version.
    """
    down, across = np.meshgrid(np.fft.fftfreq(_TILE), np.fft.rfftfreq(_TILE), indexing="ij")
    radius = np.hypot(down, across)
    band = (radius >= _BAND[0]) & (radius <= _BAND[1]) & (abs(down) >= _AXES) & (across >= _AXES)
    drawn = hashlib.shake_256(_PAYLOAD).digest(2 * band.size)
    phases = np.frombuffer(drawn, ">u2").reshape(band.shape) / 65536 * 2 * np.pi
    spectrum: NDArray[np.complex128] = np.where(band, np.exp(1j * phases), 0)
    return spectrum


@cache
def _tile() -> Plane:
    """Return the pattern in pixels: (128, 128), mean 0, deviation 1."""
    tile: Plane = np.fft.irfft2(_spectrum(), s=(_TILE, _TILE))
    tile /= tile.std()
    return tile
