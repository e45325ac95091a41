"""Tables in the wild: bad rows become failures, and stop nothing."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import UnreadableImage, UnreadableSource
from indexer.items import Failure
from indexer.sources import Candidate
from tests.tables import contents, put, scan


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_encodings_and_delimiters(tmp_path, encoding, mark):
    lines = [f"sku{mark}title{mark}price", f"1{mark}Käse ± groß{mark}2.5", f"2{mark}Tee{mark}1"]
    path = put(tmp_path / "t.csv", "\r\n".join(lines), encoding)
    assert [c.title for c in contents(path)] == ["Käse ± groß", "Tee"]
    assert [c.attributes for c in contents(path)] == [{"price": 2.5}, {"price": 1}]


def test_padded_csv_as_people_align_it(tmp_path):
    text = (
        'title   ,description           ,price \nLaptop  ,"Fast, ""new"" one"   ,12    \n        ,   ,   \n'
    )
    (content,) = contents(put(tmp_path / "t.csv", text))
    assert (content.title, content.text, content.attributes) == ("Laptop", 'Fast, "new" one', {"price": 12})


def test_bad_rows_are_failures_and_the_others_stay(tmp_path):
    path = put(tmp_path / "products.csv", "sku,title,price\na,A,1\nb,B,2,3\n,,5\nc,C\n")
    source, found = scan(path)
    kinds = [type(f) for f in found]
    assert kinds == [Candidate, Failure, Failure, Candidate]
    assert found[1] == Failure(path=f"{path}#2", reason="line 3 has 4 cells, the header 3")
    assert found[2] == Failure(path=f"{path}#row 3", reason="the row has neither a picture nor a text")
    assert not source.owns(f"{path}#b")  # its row is there, but unread


def test_empty_rows_alone_do_not_shake_the_certainty(tmp_path):
    path = put(tmp_path / "t.csv", "sku,title,price\na,A,1\nb,,3\n")
    source, found = scan(path)
    assert isinstance(found[1], Failure)
    assert source.owns(f"{path}#b")


def test_quotation_mark_never_closed(tmp_path):
    path = put(tmp_path / "t.csv", 'sku,title\na,A\nb,"B\nc,C\n')
    source, found = scan(path)
    assert found[0].load().title == "A"
    assert "line 3" in found[1].reason
    assert "never closed" in found[1].reason
    assert not source.owns(f"{path}#c")


def test_huge_fields_and_line_breaks_in_cells(tmp_path):
    text = "many words " * 30_000
    path = put(tmp_path / "t.csv", f'sku,text\na,"{text}"\nb,"two\nlines"\n')
    assert [len(c.text) for c in contents(path)] == [len(text) - 1, 9]


def test_repeated_and_blank_column_names(tmp_path):
    (content,) = contents(put(tmp_path / "t.csv", "title,tag,tag,,tag\nT,a,b,c,d\n"))
    assert content.attributes == {"tag": "a", "tag 2": "b", "column 4": "c", "tag 3": "d"}


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.json", "t.parquet"])
@pytest.mark.parametrize("data", [b"", b"\0\1\2", b"\xff\xfe\0"])
def test_empty_and_binary_tables(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    if (name, data) == ("t.jsonl", b""):
        assert scan(tmp_path / name)[1] == []
        return
    if name == "t.jsonl" and b"\0" not in data[:1]:
        assert all(isinstance(f, Failure) for f in scan(tmp_path / name)[1])
        return
    with pytest.raises(UnreadableSource) as caught:
        scan(tmp_path / name)
    assert caught.value.path == str(tmp_path / name)


def test_bad_json_lines(tmp_path):
    lines = [
        '{"id": 1, "title": "A"}',
        "{nonsense",
        "",
        "[1, 2]",
        '"text"',
        "[" * 5000,
        '{"id": 2, "name": "B"}',
    ]
    source, found = scan(put(tmp_path / "t.jsonl", "\ufeff" + "\n".join(lines)))
    assert [type(f) for f in found] == [Candidate, *[Failure] * 4, Candidate]
    assert "line 2" in found[1].reason
    assert [found[0].load().title, found[-1].load().title] == ["A", "B"]
    assert not source.owns(f"{source.root}#1")


def test_nested_values_as_deep_as_json_goes(tmp_path):
    for depth in [100, 900, 990]:
        row = '{"title": "A", "x": ' + "[" * depth + "]" * depth + "}"
        assert len(scan(put(tmp_path / "t.jsonl", row))[1]) == 1


def test_json_must_be_a_list(tmp_path):
    with pytest.raises(UnreadableSource, match="expected a list"):
        scan(put(tmp_path / "t.json", '{"title": "A"}'))
    with pytest.raises(UnreadableSource, match="not valid JSON"):
        scan(put(tmp_path / "t.json", "[1,"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["id", "title", "image", "x", "\ud800"]), json_values), max_size=5
    )
)
@settings(max_examples=60, deadline=None)
def test_any_json_rows_are_survived(tmp_path_factory, rows):
    path = put(tmp_path_factory.getbasetemp() / "any.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
    _, found = scan(path)
    assert len(found) == len(rows)
    loaded = [f for f in found if isinstance(f, Candidate)]
    assert len({c.key for c in loaded}) == len(loaded)
    for candidate in loaded:
        candidate.key.encode("utf-8")
        try:
            content = candidate.load()
        except UnreadableImage:
            continue
        json.dumps(dict(content.attributes), allow_nan=False).encode("utf-8")


cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cc", "Zs", "Zl", "Zp")),
    max_size=12,
)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=8), st.sampled_from(",;\t"))
@settings(max_examples=80, deadline=None)
def test_csv_round_trip(tmp_path_factory, rows, mark):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=mark)
    writer.writerows([("title", "text"), *rows])
    path = put(tmp_path_factory.getbasetemp() / "round.csv", buffer.getvalue())
    found = scan(path)[1]
    assert [(c.title, c.text) if c.title_is_text else ("", c.text) for c in (f.load() for f in found)] == [
        row for row in rows if any(row)
    ]


@given(st.binary(max_size=300))
@settings(max_examples=80, deadline=None)
def test_any_csv_bytes_are_survived(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(b"sku,title,price\n" + data)
    if b"\0" in data:
        with pytest.raises(UnreadableSource, match="binary"):
            scan(path)
        return
    for found in scan(path)[1]:
        if isinstance(found, Candidate):
            found.load().embedded_text.encode("utf-8")
