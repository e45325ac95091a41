"""The invisible watermark: found where it was put, also after what pictures go through, and nowhere else."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from generation.marks.watermark import (
    THRESHOLD,
    _around,
    _spectrum,
    _spread,
    _tile,
    add_watermark,
    detect_watermark,
)
from tests.image_files import plain_noise, quarters


def clouds(width=256, height=192, seed=0, slope=1.5):
    """Coloured noise with the spectrum of photos."""
    side = max(width, height)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
    noise = np.random.default_rng(seed).standard_normal((3, side, side))
    shaped = np.fft.irfft2(np.fft.rfft2(noise) * np.maximum(frequency, 1 / side) ** -slope, s=(side, side))
    levels = np.clip(128 + 40 * shaped / shaped.std(), 0, 255).astype(np.uint8)
    return Image.fromarray(levels.transpose(1, 2, 0)[:height, :width].copy())


def compressed(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def resized(image, share):
    return image.resize([round(side * share) for side in image.size]).resize(image.size)


PATTERN = [1.370618, 0.863969, 0.221852, -0.271297]
BINS = 866
PICTURES = [clouds(seed=1), clouds(512, 300, seed=2, slope=1), plain_noise(300, 200), quarters(200, 200)]
WAYS = {
    "unchanged": lambda image: image,
    "JPEG 75": lambda image: compressed(image, 75),
    "JPEG 50": lambda image: compressed(image, 50),
    "half and back": lambda image: resized(image, 0.5),
    "cropped": lambda image: image.crop((11, 7, image.width - 9, image.height - 13)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "grey": lambda image: image.convert("L"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("picture", PICTURES, ids=range(len(PICTURES)))
def test_it_is_found_again(picture, way):
    before, after = (detect_watermark(WAYS[way](each)) for each in (picture, add_watermark(picture)))
    assert after.found
    assert not before.found
    assert before.score < THRESHOLD - 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(32, 200), st.integers(32, 200), st.floats(0, 2.5))
def test_it_is_not_found_where_it_is_not(seed, width, height, slope):
    assert not detect_watermark(clouds(width, height, seed, slope)).found


@pytest.mark.parametrize("colour", ["white", "black", (1, 2, 3)])
def test_a_picture_of_one_colour_is_not_marked_until_it_is(colour):
    plain = Image.new("RGB", (256, 256), colour)
    assert not detect_watermark(plain).found
    assert detect_watermark(add_watermark(plain)).found


def test_it_does_not_show():
    for picture in PICTURES:
        changed = np.asarray(add_watermark(picture), float) - np.asarray(picture, float)
        assert 10 * np.log10(255**2 / np.mean(changed**2)) > 39.5
        assert np.abs(changed).max() <= 12


@pytest.mark.parametrize("size", [(31, 400), (1, 1), (400, 31)])
def test_a_picture_too_small_for_it_stays_as_it_is(size):
    tiny = plain_noise(*size)
    assert np.array_equal(np.asarray(add_watermark(tiny)), np.asarray(tiny))
    assert detect_watermark(tiny).score == 0


def test_any_mode_is_looked_at_and_the_same_picture_gets_the_same_marks():
    marked = add_watermark(clouds())
    assert np.array_equal(np.asarray(marked), np.asarray(add_watermark(clouds())))
    assert detect_watermark(marked.convert("RGBA")).found
    assert detect_watermark(marked.quantize(64)).found


def test_the_pattern_is_that_of_every_other_installation():
    """Pictures marked by one version must be found by the next: these numbers may never change."""
    assert _tile()[0, :4].round(6).tolist() == PATTERN
    assert np.count_nonzero(_spectrum()) == BINS


@given(st.integers(1, 30), st.integers(1, 30))
def test_surroundings_are_means_over_a_square(width, height):
    plane = np.random.default_rng(width).normal(size=(height, width))
    padded = np.pad(plane, 6, "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (13, 13))
    np.testing.assert_allclose(_around(plane), windows.mean(axis=(2, 3)), atol=1e-9)
    np.testing.assert_allclose(_spread(plane), windows.var(axis=(2, 3)), atol=1e-9)
