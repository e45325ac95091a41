"""docs/filters.md is true: what it writes is read, and means what it says."""

import re
from pathlib import Path

import pytest

from indexer import BUILT_IN, Tagging
from search import BadFilter, parse_filter
from tests.catalogues import catalogue, draft

TEXT = (Path(__file__).parents[1] / "docs" / "filters.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)


def test_every_example_is_read():
    for line in BLOCKS[0].splitlines():
        parse_filter(line)
    rows = [row.split("`")[1] for row in re.findall(r"^\| (`[a-z].*?`) ", TEXT, re.MULTILINE)]
    assert len(rows) == 6
    inline = re.findall(r'`((?:"|taken|size|not )[^`]*[=>][^`]*)`', TEXT)
    assert len(inline) >= 4
    for text in (*rows, *inline):
        parse_filter(text)


def test_every_built_in_field_is_named():
    for field in BUILT_IN:
        assert f"`{field}`" in TEXT


def test_the_mistake_is_told_at_the_place_shown():
    text, caret = BLOCKS[1].splitlines()
    with pytest.raises(BadFilter) as bad:
        parse_filter(text)
    assert bad.value.position == caret.index("^")
    assert bad.value.reason.startswith(caret.partition("^ ")[2])


def test_it_means_what_it_says(tmp_path):
    collection = catalogue(tmp_path / "c", [])
    items = [
        {"price": "$12.99", "brand": "Nike", "taken": "2024-01-31T23:59:00"},
        {"price": "1,299 EUR", "taken": "2024-02-01"},
        {"price": "1.299,00 €", "size": 42, "frame size": 60},
        {"price": "0042", "name": '12" vinyl'},
    ]
    collection.store.write([draft(n, values) for n, values in enumerate(items)])
    collection.store.add_tags([Tagging(item_id=2, tag="sale")])
    for text, ids in (
        *(("price<80", [1]), ("price=1299", [2, 3]), ("price=0042", [4]), ("taken=2024-01", [1])),
        *(("taken>2024-01", [2]), ('size="42"', [3]), ('name="12\\" vinyl"', [4]), ("brand!=Puma", [1])),
        *(("not brand=Nike", [2, 3, 4]), ('"frame size">50', [3]), ("not tag:sale", [1, 3, 4])),
    ):
        assert collection.select(parse_filter(text)).tolist() == ids, text
    collection.close()
