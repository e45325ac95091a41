"""Image files of every kind for the decoding tests, and what to expect of them."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image

from indexer.errors import UnreadableImage
from indexer.images.decode import Picture, decode_image

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 200, 30), (30, 30, 200), (255, 255, 255)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quarters(width=64, height=32):
    """Red, green / blue, white: every orientation looks different."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def pixels(picture):
    return np.asarray(picture.image).astype(int)


def assert_same(picture, image, within=12):
    assert picture.image.mode == "RGB"
    assert picture.image.size == image.size
    assert np.abs(pixels(picture) - np.asarray(image.convert("RGB")).astype(int)).max() <= within


def plain_noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def all_kinds():
    photo = plain_noise(48, 40)
    yield from ((k, encode(photo, k)) for k in ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
    yield "TIFF", encode(photo, "TIFF", compression="tiff_lzw")
    yield "JPEG", encode(photo, "JPEG", progressive=True)
    buffer = io.BytesIO()
    pillow_heif.from_pillow(photo).save(buffer)
    yield "HEIC", buffer.getvalue()


KINDS = list(all_kinds())


def decodes(data):
    try:
        picture = decode_image(data, name="x", max_pixels=1_000_000)
    except UnreadableImage as error:
        if not error.reason:
            raise AssertionError("refused without a reason") from error
        return False
    assert isinstance(picture, Picture)
    assert picture.image.mode == "RGB"
    return True


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
