"""Taking items away: nothing runs in a spreadsheet, nothing is packed twice, limits are told."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.colour_pictures import write_pictures
from ui.formats.items import TooMuchToExport, items_to_csv, items_to_json, originals_size, originals_to_zip
from ui.formats.reports import safe_cell

TABLE = 'id,title,price,tags,=evil\n1,=1+1,12.5,a,x\n2,"-2, ""two""\nlines",-3,b,@x\n3,Élan 中,7,c,\n'


@pytest.fixture
def items(tmp_path, index, collection):
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    index(tmp_path / "t.csv")
    return collection.store.items([1, 2, 3])


@pytest.fixture
def pictures(tmp_path, index, collection):
    for folder in ("a", "b"):
        write_pictures(tmp_path / folder, 2)
    index(tmp_path / "a", tmp_path / "b")
    return collection.store.items([1, 2, 3, 4])


def rows(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_csv_holds_every_attribute_and_no_formula(items):
    found = rows(items_to_csv(items, {1: 0.5}))
    assert [row["title"] for row in found] == ["'=1+1", '\'-2, "two" lines', "Élan 中"]
    assert [row["price"] for row in found] == ["12.5", "-3", "7"], "numbers stay numbers"
    assert [row["tags (attribute)"] for row in found] == ["a", "b", "c"]
    assert found[1]["'=evil"] == "'@x"
    assert [row["probability"] for row in found] == ["0.5", "", ""]


@given(st.text(max_size=5))
def test_no_text_starts_a_formula(text):
    assert not str(safe_cell(text)).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    assert str(safe_cell(text)).endswith(text)


def test_json_is_read_back(items):
    found = json.loads(items_to_json(items, {2: 0.25}))
    assert [each["title"] for each in found] == [item.title for item in items]
    assert found[1]["probability"] == 0.25
    assert found[0]["attributes"]["price"] == 12.5


def test_a_zip_holds_each_original_once_under_its_own_name(collection, pictures):
    packed = zipfile.ZipFile(io.BytesIO(originals_to_zip(collection, pictures)))
    assert packed.testzip() is None
    names = packed.namelist()
    assert len(set(names)) == 5
    assert "contents.csv" in names
    for row, item in zip(rows(packed.read("contents.csv")), pictures, strict=True):
        assert packed.read(row["file"]) == Path(item.path).read_bytes()


def test_a_zip_says_what_is_gone_and_packs_the_rest(collection, pictures):
    Path(pictures[0].path).unlink()
    packed = zipfile.ZipFile(io.BytesIO(originals_to_zip(collection, pictures)))
    [first, *others] = rows(packed.read("contents.csv"))
    assert first["file"] == ""
    assert "not packed" in first["note"]
    assert all(row["file"] in packed.namelist() for row in others)


def test_texts_are_packed_under_names_that_lead_nowhere(tmp_path, index, collection):
    (tmp_path / "t.csv").write_text("title,text\n../../etc/passwd,words\ncontents,more\n", encoding="utf-8")
    index(tmp_path / "t.csv")
    packed = zipfile.ZipFile(io.BytesIO(originals_to_zip(collection, collection.store.items([1, 2]))))
    assert not [name for name in packed.namelist() if "/" in name or "\\" in name or name.startswith(".")]


def test_more_than_goes_into_a_zip_is_refused_with_its_size(collection, pictures):
    size = originals_size(pictures)
    assert originals_to_zip(collection, pictures, limit=size)
    with pytest.raises(TooMuchToExport, match="Select fewer") as told:
        originals_to_zip(collection, pictures, limit=size - 1)
    assert (told.value.count, told.value.size, told.value.limit) == (4, size, size - 1)
