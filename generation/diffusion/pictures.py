"""Pictures on their way into and out of a pipeline: sizes, masks, and what latents look like."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from ..errors import BadRequest

Map = NDArray[np.float64]

_FIT_PICTURES, _FIT_SIDE, _FIT_PATCHES = 8, 64, 6  # pictures of so many patches a side, and their pixels


def check_side(name: str, side: int, multiple: int) -> int:
    """Make sure that a model can make a picture of this width or height; give it back.

    Raises:
        BadRequest: it is not a multiple of what the model needs.
    """
    if side % multiple:
        below = max(side // multiple, 1) * multiple
        raise BadRequest(f"{name} {side}", f"a multiple of {multiple}, such as {below} or {below + multiple}")
    return side


def size_like(start: Image.Image, pixels: int, multiple: int) -> tuple[int, int]:
    """Choose a size of a picture's proportions that a model can make.

    Args:
        start: the picture.
        pixels: how many the model makes by default, which it does best.
        multiple: what width and height must be multiples of.

    Returns:
        Width and height; the longer side is at most four times the shorter.
    """
    ratio = min(max(start.width / start.height, 0.25), 4.0)
    height = math.sqrt(pixels / ratio)
    width, height = (max(round(side / multiple), 1) * multiple for side in (height * ratio, height))
    return width, height


def resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Give an RGB copy of a picture in another size; what would be squeezed is cut off evenly instead."""
    from PIL import ImageOps

    return ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS)


def resized_mask(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Give a mask of black and white alone in another size, cut as ``resized`` cuts its picture.

    Raises:
        BadRequest: nothing of it is white, so that nothing would be painted.
    """
    from PIL import ImageOps

    fitted = ImageOps.fit(mask.convert("L"), size, Image.Resampling.BILINEAR)
    binary = fitted.point(lambda value: 255 if value >= 128 else 0)
    if binary.getbbox() is None:
        raise BadRequest("a mask without any white", "white where the picture is to be painted anew")
    return binary


def painted_in(start: Image.Image, made: Image.Image, mask: Image.Image) -> Image.Image:
    """Put what was made into the start picture where the mask is white; the rest keeps its very pixels.

    A pipeline passes the whole picture through its autoencoder, which changes a little everywhere.
    """
    return Image.composite(made, start, mask)


def is_black(picture: Image.Image) -> bool:
    """Say whether a picture is black all over."""
    return ImageChops.invert(picture.convert("L")).getextrema() == (255, 255)


class LatentPreview:
    """Draws latents by the linear map to colours that comes nearest to undoing the model's own encoder.

    Fitted by least squares on a few small pictures of random patches and what the model's encoder makes of
    them: enough to tell shapes and colours, and drawn in a millisecond.
    """

    def __init__(self, vae: Any) -> None:
        self._channels = vae.config.latent_channels
        self._map = _fit(vae)  # (channels + 1, 3)

    @classmethod
    def of(cls, pipeline: Any) -> LatentPreview | None:
        """Fit to a pipeline; None where its latents are no grid of few channels."""
        vae = getattr(pipeline, "vae", None)
        channels = getattr(getattr(vae, "config", None), "latent_channels", 0)
        return cls(vae) if 0 < channels <= 16 else None

    def can_draw(self, latents: Any) -> bool:
        """Say whether latents are of the shape that was fitted on, (n, channels, height, width)."""
        return bool(latents.ndim == 4 and latents.shape[1] == self._channels)

    def draw(self, latents: Any, size: tuple[int, int]) -> Image.Image:
        """Draw the first of some latents (n, channels, height, width), enlarged to a size."""
        rows = latents[0].float().cpu().numpy().reshape(self._channels, -1).T  # (cells, channels)
        # Early latents are mostly noise, and some samplers' of up to 15 times the range.
        rows = rows / max(1.0, float(rows.std()))
        colours = np.hstack([rows, np.ones((len(rows), 1), rows.dtype)]) @ self._map
        pixels = np.clip(np.nan_to_num(colours) * 127.5 + 127.5, 0, 255).astype(np.uint8)
        grid = pixels.reshape(*latents.shape[2:], 3)
        return Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)


def _fit(vae: Any) -> Map:
    """Fit colours from -1 to 1 as a linear function of a latent's channels, (channels + 1, 3)."""
    import torch

    generator = torch.Generator().manual_seed(0)
    patches = torch.rand((_FIT_PICTURES, 3, _FIT_PATCHES, _FIT_PATCHES), generator=generator) * 2 - 1
    pictures = torch.nn.functional.interpolate(patches, size=_FIT_SIDE, mode="bilinear")
    with torch.inference_mode():
        encoded = vae.encode(pictures.to(vae.device, vae.dtype))
        latents = encoded.latent_dist.mean if hasattr(encoded, "latent_dist") else encoded.latents
        latents = latents.float().cpu() - (getattr(vae.config, "shift_factor", None) or 0.0)
        latents = latents * vae.config.scaling_factor
        colours = torch.nn.functional.adaptive_avg_pool2d(pictures, latents.shape[2:])
    cells = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1]).double().numpy()
    cells = np.hstack([np.nan_to_num(cells), np.ones((len(cells), 1))])
    wanted = colours.permute(0, 2, 3, 1).reshape(-1, 3).double().numpy()
    found: Map = np.linalg.lstsq(cells, wanted, rcond=None)[0]
    return found
