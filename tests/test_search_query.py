"""The query language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import BadQuery, EmptyQuery, Like, Picture, Words, parse_query
from tests.colour_pictures import encoded


@pytest.fixture
def bag(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bag.jpg"
    path.write_bytes(encoded(form="JPEG"))
    return path


def terms(*arguments):
    return parse_query(arguments).terms


def test_words_stay_together(bag):
    assert terms("red running shoes") == (Words(text="red running shoes"),)
    assert terms("red", "running", "shoes") == (Words(text="red running shoes"),)


def test_signs_and_weights(bag):
    expected = (
        Words(text="handbag", weight=2.0),
        Picture(name="bag.jpg", path=bag.relative_to(bag.parent)),
        Words(text="floral print", weight=-0.5),
    )
    assert terms("2:handbag + bag.jpg - .5:floral print") == expected
    assert terms("2:handbag", "+", "bag.jpg", "-", ".5:floral", "print") == expected


def test_a_leading_sign_counts():
    assert terms("- floral + red") == (Words(text="floral", weight=-1.0), Words(text="red"))
    assert terms("+ red") == (Words(text="red"),)


def test_hyphens_inside_words_are_letters():
    assert terms("t-shirt 50-60 cm") == (Words(text="t-shirt 50-60 cm"),)


def test_items_and_pictures(bag):
    assert terms("item:17 - leather") == (Like(item_id=17), Words(text="leather", weight=-1.0))
    assert terms("item:17", "+", "2:bag.jpg") == (
        Like(item_id=17),
        Picture(name="bag.jpg", path=bag.relative_to(bag.parent), weight=2.0),
    )


def test_a_file_may_be_called_anything(bag):
    odd = bag.parent / "a + b - 2:c.png"
    bag.rename(odd)
    assert terms(str(odd)) == (Picture(name=str(odd), path=odd),)
    assert terms("red", str(odd)) == (Words(text="red"), Picture(name=str(odd), path=odd))


def test_a_web_address_is_not_a_weight():
    assert terms("2://x") == (Words(text="2://x"),)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["red +"], "nothing follows"),
        (["red + - blue"], "follows another sign"),
        (["0:red"], "weight is 0"),
        (["2:"], "followed by a term"),
        (["missing.jpg"], "no such picture file"),
    ],
)
def test_what_cannot_be_understood_is_told(arguments, reason):
    with pytest.raises(BadQuery, match=reason):
        parse_query(arguments)


@pytest.mark.parametrize("arguments", [[], [""], ["  "], ["", " "]])
def test_nothing_is_not_a_query(arguments):
    with pytest.raises(EmptyQuery):
        parse_query(arguments)


@pytest.mark.parametrize("bad", [{"k": 0}, {"k": -3}, {"offset": -1}])
def test_k_and_offset_are_checked(bad):
    with pytest.raises(BadQuery):
        parse_query(["red"], **bad)


WORD = st.from_regex(r"[a-z]{1,8}(-[a-z]{1,4})?", fullmatch=True)
TERM = st.tuples(
    st.lists(WORD, min_size=1, max_size=4).map(" ".join),
    st.sampled_from([0.5, 1.0, 2.0, 3.25]),
    st.booleans(),
)


@given(st.lists(TERM, min_size=1, max_size=5))
def test_what_is_written_is_what_is_read(written):
    text = " ".join(f"{'-' if minus else '+'} {weight:g}:{words}" for words, weight, minus in written)
    expected = tuple(
        Words(text=words, weight=-weight if minus else weight) for words, weight, minus in written
    )
    assert parse_query([text]).terms == expected
    assert parse_query(text.split(" ")).terms == expected


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_sentence(text):
    try:
        query = parse_query([text])
    except (BadQuery, EmptyQuery):
        return
    assert query.terms
