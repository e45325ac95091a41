"""A table gives one candidate a row, whatever its format."""

import csv
import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.errors import UnreadableImage, UnreadableSource
from indexer.sources import Columns, open_source
from indexer.sources.columns import assign
from indexer.sources.values import attribute
from tests.tables import contents, jpeg, keys, put, scan

SHOE = {"sku": "s1", "title": "Red shoe", "description": "For running", "price": 79.5, "stock": 4}

BAG = {"sku": "b2", "title": "Bag", "description": "Leather, brown", "price": 120, "stock": 0}


def written(folder, kind):
    path = folder / f"products.{kind}"
    if kind in ("csv", "tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(SHOE), delimiter="," if kind == "csv" else "\t")
            writer.writeheader()
            writer.writerows([SHOE, BAG])
    elif kind in ("jsonl", "ndjson"):
        put(path, "".join(json.dumps(row) + "\n" for row in (SHOE, BAG)))
    elif kind == "json":
        put(path, json.dumps([SHOE, BAG]))
    else:
        pq.write_table(pa.Table.from_pylist([SHOE, {**BAG, "price": 120.0}]), path)
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "ndjson", "json", "parquet"])
def test_every_format_gives_the_same_items(tmp_path, kind):
    path = written(tmp_path, kind)
    source, found = scan(path)
    assert [c.key for c in found] == [f"{path}#s1", f"{path}#b2"]
    assert all(source.owns(c.key) for c in found)
    assert not source.owns(str(path))
    shoe, bag = (c.load() for c in found)
    assert (shoe.image, shoe.title, shoe.text) == (None, "Red shoe", "For running")
    assert shoe.attributes == {"price": 79.5, "stock": 4}
    assert (bag.text, bag.attributes) == ("Leather, brown", {"price": 120, "stock": 0})
    assert bag.embedded_text == "Bag. Leather, brown"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["ID", " Image ", "Title", "Body"], ("ID", " Image ", "Title", "Body")),
        (["product_id", "Image-Path", "Product Name", "Caption"], None),
        (["name", "photo", "handle"], ("handle", "photo", "name", None)),
        (["file", "captions"], (None, "file", None, "captions")),
        (["path", "image", "title", "name"], (None, "image", "title", None)),
        (["price", "colour"], (None, None, None, None)),
    ],
)
def test_roles_are_guessed_by_name(names, expected):
    roles = assign(names, Columns())
    assert (roles.key, roles.image, roles.title, roles.text) == (expected or tuple(names))


def test_roles_can_be_given(tmp_path):
    path = put(tmp_path / "t.csv", "title,Nom,texte\nx,Chat,Il dort\n")
    (content,) = contents(path, Columns(title=" nom ", text="texte"))
    assert (content.title, content.text, content.attributes) == ("Chat", "Il dort", {"title": "x"})
    with pytest.raises(UnreadableSource, match=r"no column 'photo'.*title, Nom, texte"):
        scan(path, Columns(image="photo"))


def test_table_without_a_useful_column_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="price, colour"):
        scan(put(tmp_path / "t.csv", "price,colour\n1,red\n"))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12", 12),
        (" -0.50 ", -0.5),
        ("007", "007"),
        ("1e5", "1e5"),
        ("12345678901234567890", "12345678901234567890"),
        ("$5", "$5"),
        ("", None),
        ("TRUE", True),
        (float("nan"), None),
        (["a", " b ", 3], "a, b, 3"),
        ([], None),
        ({"a": [1]}, '{"a": [1]}'),
        (2**70, str(2**70)),
        (Decimal("1.50"), 1.5),
        (date(2024, 5, 3), "2024-05-03"),
        (b"bytes", None),
        (False, False),
        ("\ud800", "?"),
    ],
)
def test_attributes(cell, expected):
    assert attribute(cell) == expected
    assert type(attribute(cell)) is type(expected)


def test_lists_become_comma_strings_and_text_lists_lines(tmp_path):
    row = {"id": 1, "captions": ["A dog runs.", "A dog."], "tags": ["dog", "park"], "blank": None}
    (content,) = contents(put(tmp_path / "t.jsonl", json.dumps(row)))
    assert content.text == "A dog runs.\nA dog."
    assert content.attributes == {"tags": "dog, park"}


def test_pictures_are_found_beside_the_table(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(jpeg(1))
    (tmp_path / "b, c.jpg").write_bytes(jpeg(2))
    elsewhere = tmp_path / "images" / "d.jpg"
    elsewhere.write_bytes(jpeg(3))
    rows = ["a.jpg", "images/a.jpg", '"b, c.jpg"', f"{elsewhere}", "a.jpg|missing.jpg", '"a.jpg, x.jpg"']
    path = put(tmp_path / "t.csv", "image,title\n" + "".join(f"{r},T\n" for r in [*rows, "images\\a.jpg"]))
    _, found = scan(path)
    images = [c.load().image for c in found]
    assert images == [jpeg(1), jpeg(1), jpeg(2), jpeg(3), jpeg(1), jpeg(1), jpeg(1)]
    assert found[0].path == str(tmp_path / "images" / "a.jpg")


def test_missing_picture_raises_when_loaded_and_text_rows_have_no_path(tmp_path):
    path = put(
        tmp_path / "t.csv", f"image,title\nno.jpg,T\nhttps://x.example/a.jpg,T\n,T\n{'b' * 999},T\n../..,T\n"
    )
    _, found = scan(path)
    for index, word in [(0, "no such file"), (1, "web address"), (3, "no such file"), (4, "not a file")]:
        with pytest.raises(UnreadableImage, match=word):
            found[index].load()
    assert [c.path is None for c in found] == [False, True, True, False, False]
    assert found[2].load().image is None


@pytest.mark.parametrize("written", ["shoes\\red.jpg", "a.jpg|b.jpg", "/away/red.jpg"])
def test_a_missing_picture_is_named_as_its_row_wrote_it(tmp_path, written):
    _, [row] = scan(put(tmp_path / "t.csv", f"image,title\n{written},T\n"))
    with pytest.raises(UnreadableImage) as caught:
        row.load()
    looked = f"there is no such file as {written!r}, nor is it in {tmp_path / 'images'}"
    assert caught.value.reason == f"{looked}; bring it there, or correct the row"


def test_fingerprint_follows_the_row_and_its_picture(tmp_path):
    image = tmp_path / "a.jpg"
    image.write_bytes(jpeg())
    path = put(tmp_path / "t.csv", "image,title\na.jpg,T\n,U\n")
    before = [c.fingerprint for c in scan(path)[1]]
    assert before == [c.fingerprint for c in scan(path)[1]]
    put(path, "image,title\na.jpg,T\n,V\n")
    after = [c.fingerprint for c in scan(path)[1]]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]
    image.write_bytes(jpeg() + b" ")
    assert scan(path)[1][0].fingerprint != before[0]


def test_keys_are_unique_and_stable(tmp_path):
    path = put(tmp_path / "t.csv", "id,title\na,1\n,2\na,3\na~2,4\na,5\n2,6\n")
    assert keys(path) == ["a", "row 2", "a~2", "a~2~2", "a~3", "2"]
    assert keys(path) == keys(path)
    assert keys(put(tmp_path / "n.csv", "title\nx\ny\n")) == ["1", "2"]


def test_many_repeated_keys_stay_quick(tmp_path):
    path = put(tmp_path / "t.csv", "handle,title\n" + "same,T\n" * 20_000)
    assert len(set(keys(path))) == 20_000


def test_table_that_vanishes(tmp_path):
    for kind in ["csv", "jsonl", "json", "parquet"]:
        path = written(tmp_path, kind)
        source = open_source(path)
        path.unlink()
        with pytest.raises(UnreadableSource):
            list(source.scan())
