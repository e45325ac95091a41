"""Any bytes become a picture, or an UnreadableImage with a reason; never anything else."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import UnreadableImage
from indexer.images import memory_limit
from indexer.images.decode import decode_image, load_image
from tests.image_files import KINDS, assert_same, chunk, decodes, encode, plain_noise, quarters


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
        monkeypatch.setattr(memory_limit, "available_memory", lambda free=free: free)
        memory_limit.pixel_cap.cache_clear()
        assert memory_limit.pixel_cap() == expected
    memory_limit.pixel_cap.cache_clear()


def test_memory_of_a_container_counts(monkeypatch, tmp_path):
    (tmp_path / "max").write_text("3000000\n")
    (tmp_path / "now").write_text("1000000\n")
    monkeypatch.setattr(memory_limit, "_CGROUP_LIMITS", ((tmp_path / "max", tmp_path / "now"),))
    assert memory_limit.available_memory() == 2_000_000
    (tmp_path / "max").write_text("max\n")
    assert memory_limit.available_memory() > 2_000_000


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
