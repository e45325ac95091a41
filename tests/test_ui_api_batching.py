"""Encoding for many at once: the same embeddings, fewer passes, and nobody pays for another's mistake."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import DeferredEncoder, encode_whole_texts
from tests.colour_encoder import COLOURS, ColourEncoder
from tests.colour_pictures import picture
from ui.api.batch_encoder import BatchingEncoder

NAMES = sorted(COLOURS)


class Slow(ColourEncoder):
    """Takes a while for each pass, however many inputs it has; refuses a picture of one pixel."""

    def __init__(self):
        super().__init__()
        self.passes = []

    def encode_images(self, images):
        self.passes.append(len(images))
        time.sleep(0.02)
        if any(image.size == (1, 1) for image in images):
            raise ValueError("too small")
        return super().encode_images(images)

    def encode_texts(self, texts):
        self.passes.append(len(texts))
        time.sleep(0.02)
        return super().encode_texts(texts)


def at_once(batching, work, inputs):
    """Ask for each input in a thread of its own, all at the same moment."""
    start = threading.Barrier(len(inputs))

    def run(value):
        with batching.asking():
            start.wait()
            return work(value)

    with ThreadPoolExecutor(len(inputs)) as pool:
        return [future.result() for future in [pool.submit(run, value) for value in inputs]]


def test_many_at_once_share_passes_and_get_their_own_rows():
    encoder = Slow()
    batching = BatchingEncoder(encoder, window_ms=50)
    texts = [f"{NAMES[i % len(NAMES)]} thing {i}" for i in range(24)]
    rows = at_once(batching, lambda text: batching.encode_texts([text])[0], texts)
    np.testing.assert_allclose(rows, ColourEncoder().encode_texts(texts), atol=1e-6)
    assert sum(encoder.passes) == 24
    assert len(encoder.passes) <= 3
    batching.close()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_asks_of_any_size_get_their_own_rows(sizes):
    batching = BatchingEncoder(ColourEncoder(), window_ms=5)
    asks = [[f"{NAMES[(i + j) % 7]} {i}" for j in range(size)] for i, size in enumerate(sizes)]
    for texts, rows in zip(asks, at_once(batching, batching.encode_texts, asks), strict=True):
        np.testing.assert_allclose(rows, ColourEncoder().encode_texts(texts), atol=1e-6)
    batching.close()


def test_pictures_and_texts_do_not_mix():
    batching = BatchingEncoder(ColourEncoder(), window_ms=20)

    def ask(number):
        if number % 2:
            return batching.encode_images([picture(NAMES[number % 7], number)])[0]
        return batching.encode_texts([NAMES[number % 7]])[0]

    rows = at_once(batching, ask, list(range(14)))
    plain = ColourEncoder()
    for number, row in enumerate(rows):
        name = NAMES[number % 7]
        expected = plain.encode_images([picture(name, number)]) if number % 2 else plain.encode_texts([name])
        np.testing.assert_allclose(row, expected[0], atol=1e-6)
    batching.close()


def test_only_whose_fault_it_is_gets_the_error():
    from PIL import Image

    batching = BatchingEncoder(Slow(), window_ms=50)
    images = [picture("red", 1), Image.new("RGB", (1, 1)), picture("blue", 2)]

    def ask(image):
        try:
            return batching.encode_images([image])[0]
        except ValueError as error:
            return str(error)

    first, second, third = at_once(batching, ask, images)
    assert second == "too small"
    np.testing.assert_allclose(
        [first, third], ColourEncoder().encode_images([images[0], images[2]]), atol=1e-6
    )
    with pytest.raises(ValueError, match="too small"):
        batching.encode_images([images[1]])
    batching.close()


def test_one_alone_never_waits():
    batching = BatchingEncoder(ColourEncoder(), window_ms=2_000)
    started = time.monotonic()
    for _ in range(3):
        with batching.asking():
            batching.encode_texts(["red"])
    batching.encode_texts(["red"])
    assert time.monotonic() - started < 1
    batching.close()


def test_who_is_asking_but_never_encodes_holds_nobody_up_for_longer_than_the_window():
    batching = BatchingEncoder(ColourEncoder(), window_ms=30)
    started = time.monotonic()
    with batching.asking(), batching.asking():
        batching.encode_texts(["red"])
    assert 0.02 < time.monotonic() - started < 1
    batching.close()


def test_it_stands_for_its_encoder():
    sizes = []
    batching = BatchingEncoder(ColourEncoder(), on_batch=sizes.append)
    assert batching.spec == ColourEncoder().spec
    assert batching.encode_texts([]).shape == (0, 32)
    assert batching.exceeds_context(["a", "b"]) == [False, False]
    np.testing.assert_array_equal(
        encode_whole_texts(batching, ["red"]), ColourEncoder().encode_texts(["red"])
    )
    batching.encode_texts(["red"] * 40)  # more than a batch: straight through
    assert sizes == [1]
    batching.close()


def test_a_model_that_cannot_be_loaded_is_told_to_everybody():
    def load():
        raise LookupError("no weights")

    batching = BatchingEncoder(DeferredEncoder(ColourEncoder().spec, load), window_ms=20)

    def ask(text):
        with pytest.raises(LookupError, match="no weights"):
            batching.encode_texts([text])
        return True

    assert all(at_once(batching, ask, ["a", "b", "c"]))
    batching.close()
