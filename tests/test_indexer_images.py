"""Every format comes back upright, reduced where asked, and the same from any thread."""

import io
import sys
import threading
import warnings
from subprocess import run

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.images.decode import IMAGE_SUFFIXES, decode_image, load_image, thumbnail
from tests.image_files import (
    BLUE,
    GREEN,
    KINDS,
    RED,
    WHITE,
    assert_same,
    decodes,
    encode,
    pixels,
    plain_noise,
    quarters,
)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_comes_back(kind):
    exact = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    options = exact.get(kind, {})
    picture = decode_image(encode(quarters(), kind, **options), name="a")
    assert_same(picture, quarters(), within=25)
    assert (picture.width, picture.height) == (64, 32)


def test_heic_round_trip():
    buffer = io.BytesIO()
    pillow_heif.from_pillow(quarters()).save(buffer, quality=100)
    assert_same(decode_image(buffer.getvalue(), name="a.heic"), quarters(), within=40)


def test_heic_orientation_is_applied_once():
    exif = Image.Exif()
    exif[0x0112] = 6  # as telephones write it: the turn stands in EXIF and as a property of the image
    pillow_heif.register_heif_opener()
    data = encode(quarters().transpose(Image.Transpose.ROTATE_90), "HEIF", exif=exif.tobytes(), quality=100)
    picture = decode_image(data, name="a.heic")
    assert (picture.width, picture.height) == (64, 32)
    assert_same(picture, quarters(), within=40)


UNTURN = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", UNTURN)
@pytest.mark.parametrize("shorter_side", [None, 16])
def test_orientation_is_honoured(kind, orientation, shorter_side):
    stored = quarters(128, 64)
    if UNTURN[orientation] is not None:
        stored = stored.transpose(UNTURN[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind != "PNG" else {}
    picture = decode_image(encode(stored, kind, exif=exif, **options), name="a", shorter_side=shorter_side)
    assert (picture.width, picture.height) == (128, 64)
    w, h = picture.image.size
    assert w == 2 * h
    for (x, y), colour in {(1, 1): RED, (3, 1): GREEN, (1, 3): BLUE, (3, 3): WHITE}.items():
        seen = picture.image.getpixel((x * w // 4, y * h // 4))
        assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) < 40


def test_broken_exif_does_not_lose_the_picture():
    data = encode(quarters(), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\0\0")
    assert_same(decode_image(data, name="a"), quarters())


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (16, 16), c) for c in (RED, GREEN, BLUE)]
    for kind in ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"]:
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert_same(decode_image(data, name="a"), frames[0])


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 300), st.sampled_from(["JPEG", "PNG"]))
@settings(max_examples=40, deadline=None)
def test_reduced_size_keeps_the_shorter_side(width, height, shorter_side, kind):
    data = encode(Image.new("RGB", (width, height), RED), kind)
    picture = decode_image(data, name="a", shorter_side=shorter_side)
    assert (picture.width, picture.height) == (width, height)
    assert min(picture.image.size) >= min(shorter_side, width, height)
    assert min(picture.image.size) < 4 * shorter_side or picture.image.size == (width, height)


def test_reduced_decoding_is_deterministic_and_close_to_the_full_one():
    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8))
    data = encode(smooth.resize((1600, 1200), Image.Resampling.BICUBIC), "JPEG", quality=92)
    small = decode_image(data, name="a", shorter_side=224)
    again = decode_image(data, name="b", shorter_side=224)
    assert small.image.size == (400, 300)
    assert small.image.tobytes() == again.image.tobytes()
    full = decode_image(data, name="a").image.resize((400, 300), Image.Resampling.BICUBIC)
    assert np.abs(pixels(small) - np.asarray(full).astype(int)).mean() < 2


def test_file_and_bytes_give_the_same_pixels(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(plain_noise(900, 700), "JPEG"))
    from_file = load_image(path, shorter_side=224)
    from_bytes = decode_image(path.read_bytes(), name="x", shorter_side=224)
    assert from_file.image.tobytes() == from_bytes.image.tobytes()


def test_no_warning_escapes_even_where_warnings_are_shown(recwarn, monkeypatch):
    warnings.simplefilter("always")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)  # a GIF or TIFF of 2048 pixels would warn
    assert all(decodes(encode(quarters(), kind)) for kind in ["GIF", "TIFF", "PNG"])
    tiff = bytearray(encode(quarters(), "TIFF"))
    for i in range(len(tiff) - 60, len(tiff)):
        decodes(bytes(tiff[:i]))
    assert not recwarn.list
    warnings.warn("still heard", UserWarning, stacklevel=1)
    assert len(recwarn.list) == 1


def test_threads_get_the_same_pixels():
    data = [d for _, d in KINDS] * 3
    expected = [decode_image(d, name="a").image.tobytes() for d in data]
    results = [[] for _ in range(4)]

    def work(into):
        into.extend(decode_image(d, name="a").image.tobytes() for d in data)

    threads = [threading.Thread(target=work, args=(r,)) for r in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(r == expected for r in results)


def test_import_is_light_and_changes_nothing():
    code = (
        "import sys, warnings, numpy; from PIL import Image;"
        "before = Image.MAX_IMAGE_PIXELS, list(warnings.filters);"
        "import indexer.images.decode;"
        "assert before == (Image.MAX_IMAGE_PIXELS, list(warnings.filters));"
        "assert not {'torch', 'pyarrow', 'open_clip'} & set(sys.modules)"
    )
    run([sys.executable, "-c", code], check=True)


def test_suffixes_are_lower_case_with_a_dot():
    assert {".jpg", ".jfif", ".heic", ".avif", ".tif"} <= IMAGE_SUFFIXES
    assert all(s == s.lower() and s.startswith(".") for s in IMAGE_SUFFIXES)


@given(st.integers(1, 600), st.integers(1, 600))
@settings(max_examples=25, deadline=None)
def test_thumbnail_is_webp_within_the_side_and_never_larger(width, height):
    image = Image.new("RGB", (width, height), RED)
    data = thumbnail(image, 100)
    small = Image.open(io.BytesIO(data))
    assert small.format == "WEBP"
    assert max(small.size) == min(100, max(width, height))
    assert image.size == (width, height)
