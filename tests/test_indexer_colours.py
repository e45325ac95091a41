"""Every mode and profile becomes 8-bit sRGB that looks as it should."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from indexer.images.decode import decode_image
from tests.image_files import RED, WHITE, assert_same, chunk, encode, pixels, quarters


def gradient(dtype, top):
    return (np.linspace(0, 1, 64 * 16).reshape(16, 64) * top).astype(dtype)


def test_transparency_is_laid_on_white():
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 10, 10))
    picture = decode_image(encode(image), name="a")
    assert picture.image.getpixel((2, 2)) == RED
    assert picture.image.getpixel((15, 5)) == WHITE


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_palette_with_transparency(transparency):
    image = Image.new("P", (20, 10), 0)
    image.putpalette([*RED, 0, 0, 0])
    image.paste(1, (10, 0, 20, 10))
    picture = decode_image(encode(image, transparency=transparency), name="a")
    assert picture.image.getpixel((2, 2)) == RED
    assert picture.image.getpixel((15, 5)) == WHITE


@pytest.mark.parametrize("mode", ["LA", "L", "1", "P"])
def test_grey_and_one_bit_modes(mode):
    picture = decode_image(encode(Image.new("L", (8, 8), 255).convert(mode)), name="a")
    assert picture.image.mode == "RGB"
    assert picture.image.getpixel((4, 4)) == WHITE


def test_grey_with_half_transparency():
    picture = decode_image(encode(Image.new("LA", (8, 8), (0, 128))), name="a")
    assert abs(picture.image.getpixel((4, 4))[0] - 127) <= 2


def test_cmyk_jpeg():
    picture = decode_image(encode(quarters().convert("CMYK"), "JPEG", quality=95), name="a")
    assert_same(picture, quarters(), within=40)


def test_profile_is_converted_to_srgb():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    swapped = encode(quarters(), icc_profile=lab.tobytes())
    assert_same(decode_image(swapped, name="a"), quarters())  # a profile that does not fit is ignored
    assert_same(decode_image(encode(quarters(), icc_profile=b"junk" * 40), name="a"), quarters())
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_same(decode_image(encode(quarters(), icc_profile=srgb), name="a"), quarters(), within=0)


def test_wide_gamut_profile_changes_the_pixels():
    plain = decode_image(encode(quarters()), name="a")
    wide = decode_image(encode(quarters(), icc_profile=linear_profile()), name="a")
    assert np.abs(pixels(plain) - pixels(wide)).max() > 20


def linear_profile():
    """An sRGB profile whose tone curves are made linear, under another description."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for i in range(struct.unpack(">I", data[128:132])[0]):
        name, start, size = struct.unpack(">4sII", data[132 + 12 * i : 144 + 12 * i])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            data[start : start + size] = b"curv".ljust(size, b"\0")
        if name == b"desc":
            data[start : start + size] = data[start : start + size].replace(b"R\0G\0B", b"X\0Y\0Z")
    return bytes(data)


@pytest.mark.parametrize(
    ("dtype", "top"),
    [(np.uint16, 65535), (np.int32, 65535), (np.int32, 255), (np.float32, 1.0), (np.float32, 255.0)],
)
def test_wide_ranges_are_scaled_not_clipped(dtype, top):
    for kind in ["PNG", "TIFF"] if dtype is np.uint16 else ["TIFF"]:
        picture = decode_image(encode(Image.fromarray(gradient(dtype, top)), kind), name="a")
        expected = np.rint(gradient(np.float64, 255.0))
        assert np.abs(pixels(picture)[..., 0] - expected).max() <= 1


def test_dark_16_bit_picture_stays_dark():
    picture = decode_image(encode(Image.fromarray(gradient(np.uint16, 6553))), name="a")
    assert 24 <= pixels(picture).max() <= 27


@given(st.floats(-1e6, 1e6), st.floats(1.0, 1e6))
@settings(max_examples=20, deadline=None)
def test_float_tiff_of_any_range_uses_the_range(low, span):
    values = gradient(np.float32, span) + np.float32(low)
    values[0, 0] = np.nan
    picture = decode_image(encode(Image.fromarray(values), "TIFF"), name="a")
    assert picture.image.size == (64, 16)


def test_lab_tiff_is_converted_by_its_colour_model():
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    data = encode(ImageCms.applyTransform(quarters(), to_lab), "TIFF")
    assert_same(decode_image(data, name="a"), quarters(), within=16)


def test_16_bit_colour_png_is_not_washed_out():
    for kind, channels in [(2, 3), (6, 4), (4, 2)]:
        values = np.linspace(0, 65535, 32).astype(">u2").repeat(channels).reshape(1, 32, channels)
        if channels in (2, 4):
            values[..., -1] = 65535
        header = struct.pack(">IIBBBBB", 32, 1, 16, kind, 0, 0, 0)
        rows = zlib.compress(b"\0" + values.tobytes())
        body = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
        seen = pixels(decode_image(b"\x89PNG\r\n\x1a\n" + body, name="a"))[0, :, 0]
        assert np.abs(seen - np.linspace(0, 255, 32)).max() <= 1


def test_a_profile_does_not_tint_what_is_transparent():
    data = encode(Image.new("RGBA", (8, 8), (*RED, 0)), icc_profile=linear_profile())
    assert decode_image(data, name="a").image.getpixel((3, 3)) == WHITE


def cmyk_profile():
    """A press loaded with red ink where cyan should be: Lab (50, 60, 40)."""
    paper, red, black = bytes([255, 128, 128]), bytes([128, 188, 168]), bytes([0, 128, 128])
    grid = b"".join(black if corner & 1 else red if corner & 8 else paper for corner in range(16))
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    name = b"desc" + bytes(4) + struct.pack(">I", 6) + b"press\0" + bytes(78)
    start, entries, body = 128 + 4 + 3 * 12, b"", b""
    for tag, data in [(b"A2B0", table), (b"wtpt", white), (b"desc", name)]:
        entries += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = bytearray(128)
    struct.pack_into(
        ">I4sI4s4s4s", head, 0, start + len(body), b"lcms", 0x02100000, b"prtr", b"CMYK", b"Lab "
    )
    head[36:40] = b"acsp"
    struct.pack_into(">3i", head, 68, 63190, 65536, 54061)
    return bytes(head) + struct.pack(">I", 3) + entries + body


def test_cmyk_goes_through_its_own_profile():
    ink = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    plain = decode_image(encode(ink, "JPEG"), name="a")
    assert plain.image.getpixel((8, 8)) == (0, 255, 255)
    printed = decode_image(encode(ink, "JPEG", icc_profile=cmyk_profile()), name="a")
    red, green, blue = printed.image.getpixel((8, 8))
    assert red > 180
    assert max(green, blue) < 100
