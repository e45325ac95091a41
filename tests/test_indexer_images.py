"""Any file becomes an upright sRGB picture, or an UnreadableImage with a reason; nothing else happens."""

import io
import struct
import sys
import threading
import warnings
import zlib
from subprocess import run

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from indexer import memory
from indexer.errors import UnreadableImage
from indexer.images import IMAGE_SUFFIXES, Picture, decode_image, load_image, thumbnail

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


def gradient(dtype, top):
    return (np.linspace(0, 1, 64 * 16).reshape(16, 64) * top).astype(dtype)


def plain_noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


# ---- formats and modes


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


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (16, 16), c) for c in (RED, GREEN, BLUE)]
    for kind in ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"]:
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert_same(decode_image(data, name="a"), frames[0])


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


# ---- reduced decoding


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


# ---- bad files


def test_wrong_suffix_does_not_matter(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encode(quarters(), "PNG"))
    assert_same(load_image(path), quarters())


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"just some words", "text"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<?xml?><svg xmlns=''/>", "SVG"),
        (b"%!PS-Adobe-3.0 EPSF\n", "not a picture"),
        (b"\x80\x04\x95" + bytes(20), "not a picture"),
        (bytes(1000), "not a picture"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"BMW and other cars", "BMP"),
        (b"\0\0\0\x18ftypheic" + bytes(12), "HEIC"),
        (b"\0\0\0\x18ftypavif" + bytes(12), "AVIF"),
    ],
)
def test_not_a_picture_has_a_reason(data, word):
    with pytest.raises(UnreadableImage) as caught:
        decode_image(data, name="x.jpg")
    assert caught.value.path == "x.jpg"
    assert word in caught.value.reason


def all_kinds():
    photo = plain_noise(48, 40)
    yield from ((k, encode(photo, k)) for k in ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
    yield "TIFF", encode(photo, "TIFF", compression="tiff_lzw")
    yield "JPEG", encode(photo, "JPEG", progressive=True)
    buffer = io.BytesIO()
    pillow_heif.from_pillow(photo).save(buffer)
    yield "HEIC", buffer.getvalue()


KINDS = list(all_kinds())


@pytest.mark.parametrize(("kind", "data"), KINDS, ids=[f"{k}{i}" for i, (k, _) in enumerate(KINDS)])
def test_truncation_anywhere(kind, data):
    step = max(1, len(data) // 150)
    cuts = [*range(min(64, len(data))), *range(64, len(data), step), *range(len(data) - 16, len(data))]
    refused = sum(not decodes(data[:cut]) for cut in cuts)
    assert refused > len(cuts) // 2
    assert decodes(data)


def test_half_a_photo_is_said_to_be_cut_short():
    data = encode(plain_noise(300, 300), "JPEG")
    with pytest.raises(UnreadableImage, match="cut short"):
        decode_image(data[: len(data) // 2], name="x.jpg")


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


@given(st.sampled_from(KINDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12))
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_give_a_picture_or_a_reason(entry, changes):
    data = bytearray(entry[1])
    for where, value in changes:
        data[int(where * (len(data) - 1))] = value
    decodes(bytes(data))


HEADS = [b"", *sorted({data[:12] for _, data in KINDS})]


@given(st.sampled_from(HEADS), st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_a_picture_or_a_reason(head, tail):
    decodes(head + tail)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width=100_000, height=100_000):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_decompression_bomb_is_refused_from_its_header():
    with pytest.raises(UnreadableImage) as caught:
        decode_image(bomb(), name="bomb.png")
    assert "10000.0 megapixels" in caught.value.reason
    assert "cap" in caught.value.reason


def test_pixel_cap_is_exact_and_above_pillows_own_limit(monkeypatch):
    data = encode(Image.new("RGB", (40, 50)))
    assert decode_image(data, name="a", max_pixels=2000).width == 40
    with pytest.raises(UnreadableImage, match="cap on this machine"):
        decode_image(data, name="a", max_pixels=1999)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert decode_image(data, name="a", max_pixels=2000).width == 40


def test_pixel_cap_follows_the_memory(monkeypatch):
    for free, expected in [(8 << 30, 153_391_689), (1 << 20, 16_000_000), (1 << 40, 512_000_000)]:
        monkeypatch.setattr(memory, "available_memory", lambda free=free: free)
        memory.pixel_cap.cache_clear()
        assert memory.pixel_cap() == expected
    memory.pixel_cap.cache_clear()


def test_memory_of_a_container_counts(monkeypatch, tmp_path):
    (tmp_path / "max").write_text("3000000\n")
    (tmp_path / "now").write_text("1000000\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", ((tmp_path / "max", tmp_path / "now"),))
    assert memory.available_memory() == 2_000_000
    (tmp_path / "max").write_text("max\n")
    assert memory.available_memory() > 2_000_000


@pytest.mark.parametrize("name", ["missing.jpg", ".", "nul\0.jpg"])
def test_paths_that_are_no_files(tmp_path, name):
    with pytest.raises(UnreadableImage):
        load_image(tmp_path / name)


def test_too_many_bytes_are_refused_unread(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(2 << 30)  # sparse
    with pytest.raises(UnreadableImage, match="2048 MiB"):
        load_image(path)


# ---- manners


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
        "import indexer.images;"
        "assert before == (Image.MAX_IMAGE_PIXELS, list(warnings.filters));"
        "assert not {'torch', 'pyarrow', 'open_clip'} & set(sys.modules)"
    )
    run([sys.executable, "-c", code], check=True)


def test_suffixes_are_lower_case_with_a_dot():
    assert {".jpg", ".jfif", ".heic", ".avif", ".tif"} <= IMAGE_SUFFIXES
    assert all(s == s.lower() and s.startswith(".") for s in IMAGE_SUFFIXES)


# ---- thumbnails


@given(st.integers(1, 600), st.integers(1, 600))
@settings(max_examples=25, deadline=None)
def test_thumbnail_is_webp_within_the_side_and_never_larger(width, height):
    image = Image.new("RGB", (width, height), RED)
    data = thumbnail(image, 100)
    small = Image.open(io.BytesIO(data))
    assert small.format == "WEBP"
    assert max(small.size) == min(100, max(width, height))
    assert image.size == (width, height)
