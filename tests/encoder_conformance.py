"""What every encoder must do, as tests that any of them can be put through.

Subclass ``EncoderConformance`` in a test file, and give it an ``encoder`` fixture and, where the encoder is
loaded from somewhere, a ``reload`` fixture that loads it once more.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data
from PIL import Image

from indexer.encoders import agreement, canary_embeddings

SAME = 0.999  # equal up to rounding, as the protocol promises
TEXTS = ["a cup of coffee", "a cat", "a rocket on its way to the moon", "red shoes", "bicycle", "42"]


def photos():
    return [Image.fromarray(getattr(skimage.data, name)()) for name in ("astronaut", "chelsea", "coffee")]


def assert_embeddings(rows, n, dim):
    assert isinstance(rows, np.ndarray)
    assert rows.shape == (n, dim)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)


class EncoderConformance:
    def test_the_spec_is_complete(self, encoder):
        spec = encoder.spec
        assert spec.name
        assert spec.architecture
        assert spec.dim > 0
        assert spec.image_size > 0
        assert spec.preprocessing_sha256
        assert spec.weights_sha256

    def test_two_loads_have_one_spec_and_one_space(self, encoder, reload):
        again = reload()
        assert again.spec == encoder.spec
        for kind in ("image", "text"):
            stored, found = canary_embeddings(encoder, kind), canary_embeddings(again, kind)
            assert agreement(stored, found) > SAME

    def test_pictures_become_unit_rows(self, encoder):
        assert_embeddings(encoder.encode_images(photos()), 3, encoder.spec.dim)

    def test_texts_become_unit_rows(self, encoder):
        assert_embeddings(encoder.encode_texts(TEXTS), len(TEXTS), encoder.spec.dim)

    def test_nothing_gives_no_rows(self, encoder):
        assert_embeddings(encoder.encode_images([]), 0, encoder.spec.dim)
        assert_embeddings(encoder.encode_texts([]), 0, encoder.spec.dim)

    def test_pictures_keep_their_order_and_ignore_their_company(self, encoder):
        pictures = photos()
        alone = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
        crowd = [
            *reversed(pictures),
            *(Image.new("RGB", (40, 30), (number * 6, 90, 0)) for number in range(34)),
        ]
        together = encoder.encode_images(crowd)[2::-1]
        assert agreement(alone, together) >= SAME
        assert (alone @ together.T).argmax(axis=1).tolist() == [0, 1, 2]

    def test_texts_keep_their_order_and_ignore_their_company(self, encoder):
        alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
        crowd = [*reversed(TEXTS), *(f"number {number} " * number for number in range(34))]
        together = encoder.encode_texts(crowd)[len(TEXTS) - 1 :: -1]
        assert agreement(alone, together) >= SAME

    def test_any_sequence_will_do(self, encoder):
        assert encoder.encode_texts(tuple(TEXTS[:2])).shape[0] == 2
        assert encoder.encode_images(tuple(photos()[:1])).shape[0] == 1

    @pytest.mark.parametrize("size", [(1, 1), (1000, 3), (3, 1000), (1, 20_000), (2, 2)])
    def test_odd_sizes_have_embeddings(self, encoder, size):
        rows = encoder.encode_images([Image.new("RGB", size, (200, 30, 30))])
        assert_embeddings(rows, 1, encoder.spec.dim)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"])
    def test_other_colour_modes_have_embeddings(self, encoder, mode):
        picture = Image.new("L", (50, 40), 120)
        picture = Image.new(mode, (50, 40)) if mode in ("I;16", "HSV") else picture.convert(mode)
        assert_embeddings(encoder.encode_images([picture]), 1, encoder.spec.dim)

    def test_grey_is_grey_in_any_mode(self, encoder):
        grey = photos()[0].convert("L")
        rows = encoder.encode_images([grey, grey.convert("RGB"), grey.convert("RGBA")])
        assert agreement(rows[:2], rows[1:]) >= SAME

    def test_pictures_are_left_as_they_were(self, encoder):
        picture = photos()[1]
        before = picture.tobytes()
        encoder.encode_images([picture])
        assert (picture.mode, picture.tobytes()) == ("RGB", before)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "\n\t\x00",
            "word " * 5000,
            "x" * 20_000,
            "Ελληνικά 日本語 😀🚲",
            "<|endoftext|>[SEP]",
        ],
        ids=["empty", "blank", "control", "many-words", "one-long-word", "scripts", "special"],
    )
    def test_odd_texts_have_embeddings(self, encoder, text):
        assert_embeddings(encoder.encode_texts([text, "a cat"]), 2, encoder.spec.dim)

    def test_threads_do_not_disturb_each_other(self, encoder):
        pictures = photos()
        expected = encoder.encode_images(pictures[:1]), encoder.encode_texts(TEXTS)

        def both(_):
            return encoder.encode_images(pictures[:1]), encoder.encode_texts(TEXTS)

        with ThreadPoolExecutor(4) as pool:
            for images, texts in pool.map(both, range(4)):
                assert agreement(expected[0], images) >= SAME
                assert agreement(expected[1], texts) >= SAME
