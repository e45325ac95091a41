"""What conditions mean, in plain Python over items, and strategies that draw conditions and items."""

import fnmatch
import math
import re

from hypothesis import strategies as st

from indexer import (
    Both,
    Compare,
    Either,
    Has,
    Matches,
    Not,
    OneOf,
    Period,
    Tagged,
    number_of,
)

WORDS = ["nike", "Nike", "New Balance", "Élan", "e\u0301lan", "straße", "STRASSE", "a*c", "[x]", "true", "42"]
DATES = ["2023-12-31", "2024-01", "2024-01-15", "2024-01-15T10:30:00", "2024-01-15 10:30", "2024-02-01"]
PRICES = ["12.99", "$12.99", "1,299 EUR", "1.299,00 €", "12,99", "0042", "12 cm"]
NAMES = ["brand", "price", "Colour", "odd name", 'q"uote', "back\\slash", "é", "$.x", "taken"]


def fold(text):
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def value_of(item, field):
    """The value of a field; None if there is none."""
    name = field.lower()
    built_in = {
        "id": item.id,
        "title": item.title or None,
        "text": item.text or None,
        "path": item.path,
        "key": item.key,
        "origin": item.origin,
        "modality": item.modality,
        "width": item.width or None,
        "height": item.height or None,
        "added": item.provenance.at.replace(tzinfo=None).isoformat(),
    }
    if name in built_in:
        return built_in[name]
    found = [value for key, value in item.attributes.items() if key.lower() == name]
    return found[-1] if found else None


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return fold(value)
    return str(int(value)) if value == int(value) else repr(value)


def as_number(value):
    if isinstance(value, bool):
        return None
    return number_of(value) if isinstance(value, str) else float(value)


def in_order(operator, left, right):
    return {
        "=": left == right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def in_time(operator, value, period):
    """Cut the value to the precision of the period, then compare the two as texts."""
    text = text_of(value).replace(" ", "t")
    if not re.match(r"[0-9]{4}-[0-9]{2}", text):
        return False
    return in_order(operator, text[: len(period)], period.lower())


def compare(operator, value, literal):
    if isinstance(literal, Period):
        return in_time(operator, value, literal.text)
    number = as_number(value)
    if isinstance(literal, str):
        if operator == "=":
            return text_of(value).replace("t", " ") == fold(literal).replace("t", " ")
        return number is None and in_order(operator, text_of(value), fold(literal))
    if number is not None:
        return in_order(operator, number, literal)
    whole = math.floor(literal) == literal and 1000 <= literal <= 9999
    return whole and in_time(operator, value, str(int(literal)))


def glob(text, pattern):
    escaped = fold(pattern).replace("[", "[[]")
    return re.fullmatch(fnmatch.translate(escaped), fold(text)) is not None


def holds(condition, item):
    """Say whether an item satisfies a condition."""
    if isinstance(condition, Both):
        return all(holds(part, item) for part in condition.parts)
    if isinstance(condition, Either):
        return any(holds(part, item) for part in condition.parts)
    if isinstance(condition, Not):
        return not holds(condition.part, item)
    if isinstance(condition, Tagged):
        return condition.tag.lower() in item.tags
    value = value_of(item, condition.field)
    return value is not None and holds_of(condition, value)


def holds_of(condition, value):
    if isinstance(condition, Has):
        return True
    if isinstance(condition, Matches):
        return glob(text_of(value), condition.pattern)
    if isinstance(condition, OneOf):
        return any(compare("=", value, literal) for literal in condition.values)
    if condition.operator == "!=":
        return not compare("=", value, condition.value)
    return compare(condition.operator, value, condition.value)


numbers = st.one_of(st.sampled_from([0.0, 12.99, 42.0, 1299.0, 2024.0]), st.integers(-50, 50).map(float))
periods = st.sampled_from([*DATES, "2024-01-15T10:30"]).map(lambda text: Period(text=text))
literals = st.one_of(numbers, periods, st.sampled_from([*WORDS, *PRICES]))
operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
attribute_names = st.sampled_from([name for name in NAMES if name != "taken"] + ["BRAND", "colour", "none"])
text_fields = st.sampled_from(["title", "path", "key", "text", "origin", "Modality"])
patterns = st.sampled_from(["*", "n?ke", "*BAL*", "[x]", "a*c", "*é*", "", "*.png", "4?", "*red*"])


def _comparisons(fields, values):
    return st.one_of(
        st.builds(Compare, field=fields, operator=operators, value=values),
        st.builds(OneOf, field=fields, values=st.lists(values, min_size=1, max_size=3).map(tuple)),
    )


leaves = st.one_of(
    _comparisons(attribute_names, literals),
    _comparisons(text_fields, st.one_of(literals, st.sampled_from(["imported", "image", "a red note"]))),
    _comparisons(st.sampled_from(["id", "width", "Height"]), numbers),
    _comparisons(st.sampled_from(["added", "taken"]), st.one_of(periods, st.just(2024.0), st.just(2026.0))),
    st.builds(Matches, field=st.one_of(attribute_names, text_fields, st.just("taken")), pattern=patterns),
    st.builds(Has, field=st.one_of(attribute_names, text_fields, st.sampled_from(["width", "added", "id"]))),
    st.builds(Tagged, tag=st.sampled_from(["sale", "NEW", "summer sale", "none"])),
)


def _joined(children):
    parts = st.lists(children, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Both, parts=parts), st.builds(Either, parts=parts), st.builds(Not, part=children)
    )


conditions = st.recursive(leaves, _joined, max_leaves=8)

values = st.one_of(
    st.sampled_from([*WORDS, *DATES, *PRICES]),
    st.integers(-50, 50),
    st.sampled_from([12.99, 42.0, 2024, 1299, 1e-7, 123456789012]),
    st.booleans(),
)
attributes = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
