"""Filters: what is written is what is meant, and anything else is refused at its place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer import Both, Compare, Either, Has, Matches, Not, OneOf, Period, Tagged
from search import BadFilter, format_filter, parse_filter
from search.query.filters import DEEPEST, LONGEST
from tests.condition_oracle import conditions


def test_the_example_of_the_issue():
    text = (
        "price<80 and brand in (Nike, 'New Balance') and taken>2024-01 and not tag:sale or path~\"*/2023/*\""
    )
    assert parse_filter(text) == Either(
        parts=(
            Both(
                parts=(
                    Compare(field="price", operator="<", value=80),
                    OneOf(field="brand", values=("Nike", "New Balance")),
                    Compare(field="taken", operator=">", value=Period(text="2024-01")),
                    Not(part=Tagged(tag="sale")),
                )
            ),
            Matches(field="path", pattern="*/2023/*"),
        )
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("80", 80), ("-5", -5), ("12.99", 12.99), ("$80", 80), ("80EUR", 80), ("2024", 2024)),
        *(("2024-01", Period(text="2024-01")), ("2024-01-15T10:30", Period(text="2024-01-15T10:30"))),
        *(("0042", "0042"), ("2024-13", "2024-13"), ("1e5", "1e5"), ("12:30", "12:30"), ("true", "true")),
        *(('"80"', "80"), ("'2024-01'", "2024-01"), (r'"a \"b\" \\"', r'a "b" \\'[:-1]), ("'a\nb'", "a\nb")),
        *(("AB-1234/X", "AB-1234/X"), ("Élan", "Élan"), ('""', "")),
    ],
)
def test_a_word_has_the_type_that_it_looks_like_and_a_quoted_one_is_text(text, value):
    assert parse_filter(f"field = {text}") == Compare(field="field", operator="=", value=value)


def test_the_type_of_a_field_wins_over_quotation_marks():
    assert parse_filter('taken>="2024-01-15 10:30"').value == Period(text="2024-01-15T10:30")
    assert parse_filter("id='17'").value == 17


def test_words_of_the_language_are_understood_in_any_case():
    assert parse_filter("NOT (a=1 Or HAS:b)") == Not(
        part=Either(parts=(Compare(field="a", operator="=", value=1), Has(field="b")))
    )
    assert parse_filter('"and"=1 and tag:"not"').parts[1] == Tagged(tag="not")
    assert parse_filter("a==1") == parse_filter("a=1")


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        *(("", 0, "blank"), ("   ", 3, "blank"), ("price<", 6, "a value"), ("price", 5, "a comparison")),
        *(("brand=New Balance", 10, "quotation marks"), ("a in b", 5, "'('"), ("a in (b", 7, "')'")),
        *(("a in (b c)", 8, "quotation marks"), ("a in ()", 6, "a value"), ("(a=1", 4, "')'")),
        *(("a=1)", 3, "never opened"), ("a=1 and", 7, "a condition"), ("not", 3, "a condition")),
        *(("a=1 or and b=2", 7, "'and'"), ('a="b', 2, "never closed"), ("a!b", 1, "means nothing")),
        *(("width=wide", 6, "a number"), ("taken<soon", 6, "a date"), ("a=1 & b=2", 4, "'and' or 'or'")),
        *(("added<2024-01-15T10:30:00+02:00", 6, "time zone"), ("height~4*", 0, "not text")),
        *(("tag:", 4, "a tag"), ("has:(", 4, "an attribute"), ("''=3", 0, "a name"), ("a=in", 2, "'in'")),
    ],
)
def test_a_mistake_is_told_at_its_place(text, position, reason):
    with pytest.raises(BadFilter) as bad:
        parse_filter(text)
    assert (bad.value.text, bad.value.position) == (text, position)
    assert reason in bad.value.reason
    message = str(bad.value).splitlines()
    assert f"character {position + 1}" in message[0]
    assert message[2].index("^") - 2 == position


def test_the_caret_of_a_long_filter_stands_under_its_place():
    text = "a=1 and " * 50 + "b=\t% c" + " and d=1" * 50
    with pytest.raises(BadFilter) as bad:
        parse_filter(text)
    _, shown, caret, _ = str(bad.value).splitlines()
    assert shown[caret.index("^")] == text[bad.value.position] == "c"


def test_length_and_depth_are_bounded():
    deep = "(" * DEEPEST + "a=1" + ")" * DEEPEST
    assert parse_filter(deep) == parse_filter("a=1")
    for nested in (f"({deep})", "not " * (DEEPEST + 1) + "a=1"):
        with pytest.raises(BadFilter, match="nested"):
            parse_filter(nested)
    wide = " or ".join(["a=1"] * 1_000)
    assert len(parse_filter(wide).parts) == 1_000
    with pytest.raises(BadFilter, match="10,000"):
        parse_filter("a" * (LONGEST + 1))


@given(conditions)
@example(Compare(field="kr5", operator="=", value="5kr"))
@example(Compare(field="in", operator="=", value="not"))
@example(Compare(field="a", operator="=", value=1e300))
@example(Compare(field="a", operator="=", value=5e-324))
@example(Tagged(tag='"\\'))
def test_what_is_written_is_read_back(condition):
    assert parse_filter(format_filter(condition)) == condition


names = st.text(min_size=1, max_size=8).filter(str.strip)


@given(names, st.text(max_size=12), st.floats(allow_nan=False, allow_infinity=False))
def test_any_name_text_and_number_is_read_back(name, text, number):
    for condition in (
        Compare(field=f"x{name}", operator="<", value=text),
        OneOf(field=f"x{name}", values=(number, text)),
        Matches(field=f"x{name}", pattern=text),
        Both(parts=(Has(field=f"x{name}"), Tagged(tag=text))),
    ):
        assert parse_filter(format_filter(condition)) == condition


pieces = st.sampled_from(
    [
        "price",
        "<",
        "80",
        " ",
        "and",
        "or",
        "not",
        "(",
        ")",
        ",",
        '"',
        "'",
        "\\",
        "in",
        "tag:",
        "has:",
        "~",
        "!",
        "2024-01",
        "é",
        "\0",
    ]
)


@given(
    st.one_of(
        st.text(max_size=60), st.lists(pieces, max_size=14).map(" ".join), st.lists(pieces).map("".join)
    )
)
def test_any_string_is_read_or_refused(text):
    refused = None
    try:
        condition = parse_filter(text)
    except BadFilter as bad:
        refused = bad
    if refused is None:
        assert parse_filter(format_filter(condition)) == condition
    else:
        assert 0 <= refused.position <= len(text)
        assert len(str(refused).splitlines()) == 4
