"""The query language."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import (
    BadQuery,
    EmptyQuery,
    Like,
    Picture,
    Query,
    Region,
    SearchError,
    Vector,
    Words,
    parse_query,
    parse_terms,
    write_terms,
)
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
    assert terms("2: handbag + bag.jpg - .5: floral print") == expected


def test_a_leading_sign_counts():
    assert terms("- floral + red") == (Words(text="floral", weight=-1.0), Words(text="red"))
    assert terms("+ red") == (Words(text="red"),)


def test_hyphens_and_inches_inside_words_are_letters():
    assert terms("t-shirt 50-60 cm") == (Words(text="t-shirt 50-60 cm"),)
    assert terms('19" monitor or 24" monitor') == (Words(text='19" monitor or 24" monitor'),)


def test_a_phrase_is_words_whatever_is_in_it(bag):
    assert terms('"black - and + 2:white" + bag.jpg') == (
        Words(text="black - and + 2:white"),
        Picture(name="bag.jpg", path=Path("bag.jpg")),
    )
    assert terms('2:"a - b" - "item:17"') == (
        Words(text="a - b", weight=2.0),
        Words(text="item:17", weight=-1.0),
    )
    assert terms('"bag.jpg"') == (Words(text="bag.jpg"),)
    assert terms('"https://example.org/x.jpg"') == (Words(text="https://example.org/x.jpg"),)
    assert terms('red "polka - dot" dress') == (Words(text="red polka - dot dress"),)
    assert terms(r'"say \"hi\" \\ C:\dir"') == (Words(text='say "hi" \\ C:\\dir'),)


def test_a_phrase_may_be_spread_over_arguments_of_the_command_line():
    assert terms('"red', "-", 'blue"', "+", "shoe") == (Words(text="red - blue"), Words(text="shoe"))
    assert terms('"red - blue" + shoe') == terms('"red', "-", 'blue"', "+", "shoe")


def test_items_and_pictures(bag):
    assert terms("item:17 - leather") == (Like(item_id=17), Words(text="leather", weight=-1.0))
    assert terms("item:17", "+", "2:bag.jpg") == (
        Like(item_id=17),
        Picture(name="bag.jpg", path=bag.relative_to(bag.parent), weight=2.0),
    )
    assert terms("red item:17 bag") == (Words(text="red"), Like(item_id=17), Words(text="bag"))


def test_pictures_by_their_address():
    url = "https://example.org/a+b/c:d.jpg?x=1&y=-2"
    assert terms(url) == (Picture(name=url, url=url),)
    assert terms(f"red - 2:{url}") == (Words(text="red"), Picture(name=url, url=url, weight=-2.0))
    assert terms(f"red {url} blue") == (Words(text="red"), Picture(name=url, url=url), Words(text="blue"))
    assert terms("HTTP://[::1]") == (Picture(name="HTTP://[::1]", url="HTTP://[::1]"),)


def test_regions(bag):
    pixels, percent = (
        Region(x=1, y=2, width=3, height=4),
        Region(x=10, y=20.5, width=50, height=50, percent=True),
    )
    path, url = Path("bag.jpg"), "https://example.org/shoe.jpg"
    assert terms("bag.jpg[1,2,3,4]") == (Picture(name="bag.jpg", path=path, region=pixels),)
    assert terms("bag.jpg[ 1, 2, 3, 4 ]") == (Picture(name="bag.jpg", path=path, region=pixels),)
    assert terms("red", "2:bag.jpg[10%,20.5%,50%,50%]") == (
        Words(text="red"),
        Picture(name="bag.jpg", path=path, region=percent, weight=2.0),
    )
    assert terms(f"{url}[1,2,3,4] - red") == (
        Picture(name=url, url=url, region=pixels),
        Words(text="red", weight=-1.0),
    )
    assert terms("item:17[10%,20.5%,50%,50%]") == (Like(item_id=17, region=percent),)
    assert terms("word[1,2,3,4]") == (Words(text="word[1,2,3,4]"),)


def test_a_file_may_be_called_anything(bag):
    odd = bag.parent / "a + b - 2:c.png"
    bag.rename(odd)
    assert terms(str(odd)) == (Picture(name=str(odd), path=odd),)
    assert terms("red", str(odd)) == (Words(text="red"), Picture(name=str(odd), path=odd))
    region = Region(x=0, y=0, width=5, height=5)
    assert terms(f"3:{odd}[0,0,5,5]") == (Picture(name=str(odd), path=odd, region=region, weight=3.0),)


def test_without_files_the_disk_is_never_looked_at(bag):
    assert parse_terms(["bag.jpg + missing.jpg"], files=False) == (
        Words(text="bag.jpg"),
        Words(text="missing.jpg"),
    )
    assert parse_terms(["2:bag.jpg[1,2,3,4]"], files=False) == (Words(text="bag.jpg[1,2,3,4]", weight=2.0),)


def test_a_web_address_is_not_a_weight():
    assert terms("2://x") == (Words(text="2://x"),)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["red +"], "nothing follows"),
        (["red + - blue"], "follows another sign"),
        (["0:red"], "weight is 0"),
        (["9" * 400 + ":red"], "not a finite number"),
        (["2:"], "followed by a term"),
        (["2: + red"], "followed by a term"),
        (['""'], "followed by a term"),
        (['"red + blue'], "quotation mark must be closed"),
        (['"red"blue'], "quotation mark must be closed"),
        (['red 2:"blue bag"'], "start of a term"),
        (["missing.jpg"], "no such picture file"),
        (["missing.jpg[1,2,3,4]"], "no such picture file"),
        (["item:0"], "no item has such a number"),
        (["item:" + "9" * 5000], "no item has such a number"),
        (["item:17[1,2,3]"], "four numbers"),
        (["item:17[1,2,3%,4%]"], "four numbers"),
        (["item:17[]"], "four numbers"),
        (["item:17[1,2,0,4]"], "above 0"),
        (["item:17[60%,0%,50%,10%]"], "within 100 %"),
        (["https://example.org/x.jpg[a]"], "four numbers"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_understood_is_told(arguments, reason):
    with pytest.raises(BadQuery, match=reason):
        parse_query(arguments)


@pytest.mark.parametrize("arguments", [[], [""], ["  "], ["", " "]])
def test_nothing_is_not_a_query(arguments):
    with pytest.raises(EmptyQuery):
        parse_query(arguments)


@pytest.mark.parametrize(
    "bad",
    [
        {"k": 0},
        {"k": -3},
        {"offset": -1},
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"diversity": -0.1},
        {"order": ""},
        {"order": "-"},
        {"order": "-relevance"},
    ],
)
def test_the_choices_of_a_query_are_checked(bad):
    with pytest.raises(BadQuery) as caught:
        Query(terms=(Words(text="red"),), text="red", **bad)
    [(name, value)] = bad.items()
    assert caught.value.term == f"{name} {value!r}"
    assert str(caught.value) == (
        f"Cannot search with {name} {value!r}: {caught.value.reason}. Give that, or leave it out."
    )


def test_terms_are_checked_when_they_are_made():
    with pytest.raises(BadQuery, match="exactly one"):
        Picture(name="none")
    with pytest.raises(BadQuery, match="exactly one"):
        Picture(name="two", path=Path("x.jpg"), data=b"x")
    with pytest.raises(BadQuery, match="no words"):
        Words(text=" ")
    with pytest.raises(BadQuery, match="weight is nan"):
        Like(item_id=1, weight=float("nan"))
    for row in (np.zeros(4), np.ones((2, 4)), np.array([1, np.inf])):
        with pytest.raises(BadQuery, match="one row of finite numbers"):
            Vector(embedding=row.astype(np.float32), name="v")


def test_a_region_lies_on_its_picture():
    assert Region(x=10, y=20, width=30, height=60).box(100, 80) == (0.1, 0.25, 0.4, 1.0)
    assert Region(x=25, y=0, width=75, height=50, percent=True).box(7, 9) == (0.25, 0.0, 1.0, 0.5)
    with pytest.raises(BadQuery, match="100 x 80 pixels"):
        Region(x=10, y=20, width=30, height=61).box(100, 80)


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


# Text with much of what the language is made of.
LANGUAGE = st.lists(
    st.sampled_from([*'+-"\\:[]% .7x\n', "2:", "1,2,3,4", "item:", "a.jpg", "red", "https://"])
).map("".join)
WEIGHT = st.floats(min_value=-1e9, max_value=1e9).filter(bool)
SIDE = st.floats(min_value=0.001, max_value=50)
REGION = st.none() | st.builds(Region, x=SIDE, y=SIDE, width=SIDE, height=SIDE, percent=st.booleans())
URL = st.from_regex(r"https?://[a-z]{1,9}\.org/[a-z+:,\"'-]{0,9}", fullmatch=True)
ANY_TERM = st.one_of(
    st.builds(Words, text=(st.text(min_size=1) | LANGUAGE).filter(str.strip), weight=WEIGHT),
    st.builds(Like, item_id=st.integers(1, 2**63 - 1), region=REGION, weight=WEIGHT),
    st.builds(
        lambda url, region, weight: Picture(name=url, url=url, region=region, weight=weight),
        URL,
        REGION,
        WEIGHT,
    ),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANY_TERM, min_size=1, max_size=4))
def test_terms_that_are_written_read_the_same(some):
    written = write_terms(some)
    assert parse_terms(written) == tuple(some)
    assert parse_terms([" ".join(written)]) == tuple(some)


def test_pictures_are_written_by_their_file(bag):
    some = terms("- 2:bag.jpg[1,2,3,4] + red")
    assert write_terms(some) == ("-", "2:bag.jpg[1,2,3,4]", "+", "red")


@given(st.text(max_size=60) | LANGUAGE)
def test_any_text_is_a_query_or_a_sentence(text):
    for files in (True, False):
        try:
            found = parse_terms([text], files=files)
        except SearchError:
            continue
        assert bool(found) == bool(text.strip())
