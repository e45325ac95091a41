"""Prompts: what a query says in words, the look of the nearest misses, and the room that there is."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generation import errors
from generation.fill import prompts
from indexer import Imported, Item
from search import Like, Picture, Query, Vector, parse_query

ITEM = Item(
    id=1,
    key="k",
    path=None,
    title="",
    text="",
    kinds=("image",),
    width=1,
    height=1,
    attributes={},
    provenance=Imported(source="s", at=datetime(2026, 1, 1, tzinfo=UTC)),
)


def items(*attributes):
    return [replace(ITEM, id=number, attributes=values) for number, values in enumerate(attributes, 1)]


def subject(text="teal armchair", avoided=()):
    return prompts.Subject(sought=text, avoided=avoided)


def test_words_and_named_items_are_the_subject_the_weightiest_first():
    query = parse_query(["handbag + 2:teal leather - floral - item:4 + item:7"])
    found = prompts.subject_of(query, {4: "Red purse", 7: "Oak  table"})
    assert found == prompts.Subject(
        sought="teal leather, handbag, Oak table", avoided=("floral", "Red purse")
    )


def test_pictures_and_embeddings_have_no_words():
    terms = (
        Picture(name="x.png", data=b"x"),
        Vector(embedding=np.ones(3, np.float32), name="v"),
        Like(item_id=9),
    )
    found = prompts.subject_of(Query(terms=terms, text="x.png"), {})
    assert found == prompts.Subject(sought="", avoided=())
    written = prompts.write_prompt(found, "product")
    assert written.text == "whole and centred, plain white background, soft studio light"


def test_style_is_what_most_of_the_nearest_misses_share_of_their_look():
    sport = {"usage": "Sports", "baseColour": "Black", "Season": "Summer", "articleType": "Shoes"}
    found = prompts.style_words(items(sport, sport, {"usage": "Casual", "season": "summer", "brand": "Nike"}))
    assert found == ("summer", "sports")
    assert prompts.style_words(items(sport)) == ()  # one item is no fashion
    assert (
        prompts.style_words(items({"style": 3}, {"style": 3}, {"style": "a b c d"}, {"style": "a b c d"}))
        == ()
    )
    assert prompts.style_words([]) == ()


@pytest.mark.parametrize("kind", prompts.PROMPT_KINDS)
def test_each_kind_has_its_template(kind):
    written = prompts.write_prompt(subject(avoided=("floral",)), kind, style=["sports"], avoid="wood")
    assert "teal armchair, sports, " in written.text
    assert written.negative.startswith("floral, wood, text, watermark")
    assert (written.kind, written.style, written.left_out) == (kind, ("sports",), ())


def test_what_the_subject_says_is_neither_repeated_nor_avoided():
    written = prompts.write_prompt(subject("Sports people"), "product", style=["sports", "summer"])
    assert written.style == ("summer",)
    assert "people" not in written.negative
    assert "watermark" in written.negative


def shot(border, size=(60, 80)):
    """A picture with a black thing in the middle."""
    image = Image.new("RGB", size, border)
    image.paste("black", (15, 20, 45, 60))
    return image


def test_the_kind_follows_words_and_else_the_nearest_pictures():
    white, green = shot("white"), shot("green")
    assert prompts.choose_kind(subject(), [white, white, green]) == "product"
    assert prompts.choose_kind(subject(), [white, green]) == "photo"
    assert prompts.choose_kind(subject(), []) == "photo"
    assert prompts.choose_kind(subject("a Sketch of a horse"), [white]) == "illustration"
    assert prompts.choose_kind(subject("sketchy horse"), [white]) == "product"


texts = st.lists(st.text("abcdefghijk 0123456789-é", min_size=1, max_size=12), min_size=1, max_size=12).map(
    " ".join
)


@given(texts, st.integers(8, 80), st.lists(st.text("abc ", max_size=9), max_size=4))
def test_a_prompt_never_exceeds_its_room_and_loses_the_least_important_parts(text, limit, style):
    asked = subject(" ".join(text.split()))
    try:
        written = prompts.write_prompt(asked, "product", style=style, limit=limit)
    except errors.BadRequest:
        first = "product"
        assert prompts.estimated_tokens(first) > limit
        return
    assert prompts.estimated_tokens(written.text) <= limit
    assert prompts.estimated_tokens(written.negative) <= limit or not written.negative
    whole = prompts.write_prompt(asked, "product", style=style)
    assert whole.text.startswith(written.text)
    assert bool(written.left_out) == (written.text != whole.text)


def test_no_room_at_all_is_said():
    with pytest.raises(errors.BadRequest, match="'product'"):
        prompts.write_prompt(subject(), "product", limit=3)


def test_tokens_are_never_underestimated():
    """Held against the real tokenizer of CLIP, which Stable Diffusion's text towers use."""
    from open_clip.tokenizer import SimpleTokenizer

    from search.verdict.phrase_bank import PHRASES

    tokenizer = SimpleTokenizer()
    odd = [
        "X7-993QZ",
        "Fila Men's Round Neck",
        "café crème",
        "12345678",
        "a_b__c",
        "!?...",
        "テスト",
        "zqxjkv",
    ]
    odd += [f"product photo of {phrase}, plain white background" for phrase in PHRASES]
    for text in odd:
        real = len(tokenizer.encode(text)) + 2
        assert real <= prompts.estimated_tokens(text), text
