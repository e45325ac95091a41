"""A table gives one candidate a row, whatever its format; bad rows become failures and stop nothing."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import UnreadableImage, UnreadableSource
from indexer.images import decode_image
from indexer.items import Failure
from indexer.sources import Candidate, Columns, open_source
from indexer.sources.columns import assign
from indexer.sources.values import attribute


def jpeg(number=0):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (number * 7 % 256, 80, 90)).save(buffer, "JPEG")
    return buffer.getvalue()


def put(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def scan(path, columns=None):
    source = open_source(path, columns)
    return source, list(source.scan())


def contents(path, columns=None):
    return [c.load() for c in scan(path, columns)[1]]


def keys(path):
    return [c.key.rpartition("#")[2] for c in scan(path)[1] if isinstance(c, Candidate)]


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


# ---- columns


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


# ---- values


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


# ---- pictures


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


def parquet(path, count, *, struct=False, size=7):
    images = [jpeg(n) for n in range(count)]
    cells = [{"bytes": i, "path": None} for i in images] if struct else images
    table = pa.table({"image": cells, "title": [f"t{n}" for n in range(count)], "file": ["x.jpg"] * count})
    pq.write_table(table, path, row_group_size=size)
    return images


@pytest.mark.parametrize("struct", [False, True])
def test_pictures_inside_parquet(tmp_path, struct):
    path = tmp_path / "t.parquet"
    images = parquet(path, 150, struct=struct)
    _, found = scan(path)
    assert [c.path for c in found] == [None] * 150
    assert [c.load().image for c in found] == images
    assert found[0].load().attributes == {"file": "x.jpg"}
    assert decode_image(found[3].load().image, name="x").width == 8
    assert len({c.fingerprint for c in found}) == 150


def test_pictures_inside_parquet_in_any_order_and_by_many_threads(tmp_path):
    path = tmp_path / "t.parquet"
    images = parquet(path, 1500, size=400)
    _, found = scan(path)
    order = [*range(1499, 0, -97), *range(0, 1500, 61)]
    assert [found[n].load().image for n in order] == [images[n] for n in order]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda c: c.load().image, found)) == images


def test_parquet_that_changed_under_way(tmp_path):
    path = tmp_path / "t.parquet"
    parquet(path, 70)
    _, found = scan(path)
    parquet(path, 10)
    with pytest.raises(UnreadableImage, match="changed or is damaged"):
        found[69].load()


def test_damaged_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    parquet(path, 2000, size=100)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    path.write_bytes(data)
    source, found = scan(path)
    assert "damaged from here on" in found[-1].reason
    assert len(found) > 100
    assert not source.owns(f"{path}#1999")
    path.write_bytes(b"PAR1")
    with pytest.raises(UnreadableSource, match="not a Parquet file"):
        scan(path)


# ---- keys


def test_keys_are_unique_and_stable(tmp_path):
    path = put(tmp_path / "t.csv", "id,title\na,1\n,2\na,3\na~2,4\na,5\n2,6\n")
    assert keys(path) == ["a", "row 2", "a~2", "a~2~2", "a~3", "2"]
    assert keys(path) == keys(path)
    assert keys(put(tmp_path / "n.csv", "title\nx\ny\n")) == ["1", "2"]


def test_many_repeated_keys_stay_quick(tmp_path):
    path = put(tmp_path / "t.csv", "handle,title\n" + "same,T\n" * 20_000)
    assert len(set(keys(path))) == 20_000


# ---- CSV in the wild


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


def test_table_that_vanishes(tmp_path):
    for kind in ["csv", "jsonl", "json", "parquet"]:
        path = written(tmp_path, kind)
        source = open_source(path)
        path.unlink()
        with pytest.raises(UnreadableSource):
            list(source.scan())


# ---- JSON


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
