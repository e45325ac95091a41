"""Texts that exceed a model's context: split at natural borders, none of it lost, short ones untouched."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer import DeferredEncoder, encode_whole_texts
from indexer.encoders.long_texts import LONGEST_TEXT, LimitedContext, split_text
from tests.colour_encoder import ColourEncoder


class ShortSighted(ColourEncoder):
    """Reads six words of a text."""

    def encode_texts(self, texts):
        return super().encode_texts([" ".join(text.split()[:6]) for text in texts])

    def exceeds_context(self, texts):
        return [len(text.split()) > 6 for text in texts]


def words(limit):
    return lambda texts: [len(text.split()) > limit for text in texts]


def characters(limit):
    return lambda texts: [len(text) > limit for text in texts]


@given(st.text(), st.integers(1, 30))
def test_nothing_is_lost_but_white_space_and_every_piece_fits(text, limit):
    pieces = split_text(text, characters(limit))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= limit for piece in pieces)
    assert pieces == [text] or len(text) > limit


@example(["a,", "dog.", "b\n\n"], 1)
@given(st.lists(st.sampled_from(["red", "dog.", "a,", "b\n\n", "c!"]), max_size=60), st.integers(1, 9))
def test_words_stay_whole(some, limit):
    pieces = split_text(" ".join(some), words(limit))
    assert " ".join(pieces).split() == " ".join(some).split()


def test_texts_are_split_at_the_best_border_near_the_middle():
    text = "A red dog runs fast. A blue cat, the old one, sleeps in the sun all day."
    assert split_text(text, words(13)) == [
        "A red dog runs fast.",
        "A blue cat, the old one, sleeps in the sun all day.",
    ]
    assert split_text("One, two and three.\n\nFour. Five six seven.", words(6)) == [
        "One, two and three.",
        "Four. Five six seven.",
    ]
    assert split_text("红色的鞋子。蓝色的包。", characters(6)) == ["红色的鞋子。", "蓝色的包。"]
    assert split_text("x" * 9, characters(5)) == ["xxxx", "xxxxx"]


def test_a_text_that_never_fits_is_given_up_at_one_character():
    assert split_text("abc", lambda texts: [True] * len(texts)) == ["a", "b", "c"]


def test_short_texts_are_embedded_as_ever():
    encoder = ShortSighted()
    texts = ["red", "", "a blue dog and a cat", "\n"]
    np.testing.assert_array_equal(encode_whole_texts(encoder, texts), encoder.encode_texts(texts))
    assert encode_whole_texts(encoder, []).shape == (0, encoder.spec.dim)


def test_what_lies_beyond_the_context_counts():
    encoder = ShortSighted()
    text = "red red red red red red. blue blue blue blue blue blue."
    long, short = encode_whole_texts(encoder, [text, "red"])
    red, blue = encoder.encode_texts(["red red red red red red.", "blue blue blue blue blue blue."])
    expected = (red + blue) / np.linalg.norm(red + blue)
    np.testing.assert_allclose(long, expected, atol=1e-6)
    np.testing.assert_allclose(short, encoder.encode_texts(["red"])[0], atol=1e-6)


def test_opposite_pieces_have_no_mean_and_a_book_is_not_read_to_its_end():
    class Opposite(ShortSighted):
        def encode_texts(self, texts):
            self.seen = len(texts)
            sign = np.where(["white" in text for text in texts], -1, 1)[:, None]
            return (sign * np.eye(1, self.spec.dim)).astype(np.float32)

    encoder = Opposite()
    [row] = encode_whole_texts(encoder, ["black black black black. white white white white."])
    np.testing.assert_array_equal(row, np.eye(1, encoder.spec.dim)[0])
    encode_whole_texts(encoder, ["red shoes " * 1_000_000])
    assert encoder.seen < LONGEST_TEXT


def test_an_encoder_that_does_not_tell_reads_everything():
    encoder = ColourEncoder()
    assert not isinstance(encoder, LimitedContext)
    text = "red " * 500 + "blue"
    for one in (encoder, DeferredEncoder(encoder.spec, lambda: encoder)):
        np.testing.assert_allclose(encode_whole_texts(one, [text]), encoder.encode_texts([text]), atol=1e-6)


def test_a_long_text_is_indexed_whole(tmp_path):
    from indexer import Collection, index_sources, open_source

    encoder = ShortSighted()
    text = "red red red red red red. blue blue blue blue blue blue."
    (tmp_path / "note.txt").write_text(text)
    collection = Collection.create(tmp_path / "collection", encoder)
    index_sources(collection, encoder, [open_source(tmp_path / "note.txt")])
    stored = collection.embeddings("text", np.array([1]))[0]
    assert stored @ encode_whole_texts(encoder, [text])[0] > 0.999
    assert stored @ encoder.encode_texts([text])[0] < 0.99
    collection.close()


@pytest.fixture(scope="module")
def starter():
    from indexer import load_encoder

    return load_encoder("starter")


@pytest.mark.slow
def test_the_starter_knows_its_context(starter):
    assert isinstance(starter, LimitedContext)
    assert starter.exceeds_context(["", "red shoes", "word " * 120, "word " * 130, "w" * 4_000]) == [
        False,
        False,
        False,
        True,
        False,  # one unknown word is one token
    ]
    text = "word " * 100
    np.testing.assert_array_equal(encode_whole_texts(starter, [text]), starter.encode_texts([text]))


@pytest.mark.slow
def test_the_starter_finds_what_stands_at_the_end_of_a_long_text(starter):
    filler = "The box is on the table near the window of the old house. " * 14
    text = filler + "A cat sleeps on the sofa. " * 14
    [cat] = starter.encode_texts(["a cat sleeping"])
    assert encode_whole_texts(starter, [text])[0] @ cat > starter.encode_texts([text])[0] @ cat + 0.1


def test_clip_tokens_that_fill_the_context_are_told():
    """The classic CLIP tokenizer pads with 0 and ends with its end mark; SigLIP's pads with the end mark."""
    import torch
    from open_clip.tokenizer import SimpleTokenizer

    from indexer.encoders.pytorch.open_clip import _Context

    class Parts:
        tokenizer = staticmethod(SimpleTokenizer())

    context = _Context.of(Parts)
    assert context.width == 77
    filled = [context.is_filled(Parts.tokenizer(["word " * n])) for n in (0, 1, 74, 75, 76, 200)]
    assert filled == [False, False, False, True, True, True]  # 75 words and two marks just fit

    class Marked:
        @staticmethod
        def tokenizer(texts):
            rows = [[7] * min(len(text.split()), 9) for text in texts]
            return torch.tensor([row + [1] * (10 - len(row)) for row in rows])

    context = _Context.of(Marked)
    assert [context.is_filled(Marked.tokenizer(["w " * n])) for n in (0, 8, 9, 30)] == [
        False,
        False,
        True,
        True,
    ]
