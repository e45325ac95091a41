"""Pictures that carry a mark come in as generated, and everything else as before."""

import contextlib
import json
import os
import sqlite3

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generation.marks.metadata import mark_image
from indexer import find_mark
from search import parse_filter
from tests.colour_pictures import encoded, picture, write_pictures
from tests.image_files import encode
from tests.marked_files import COMPOSITE, INFOTEXT, TRAINED, png, user_comment, with_c2pa, xmp
from tests.test_generation_marking import FORMS, MADE
from tests.test_indexer_marks import zip_bomb


@pytest.fixture
def origins(collection):
    def ids(origin):
        found = collection.select(parse_filter(f"origin={origin}"))
        return {item.title: item.provenance.synthetic for item in collection.store.items(found.tolist())}

    return ids


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    write_pictures(folder, 2)
    (folder / "fox.png").write_bytes(png(image=picture("red"), parameters=INFOTEXT))
    (folder / "webp.webp").write_bytes(encode(picture("blue"), "WEBP", exif=user_comment(INFOTEXT)))
    (folder / "iptc.jpg").write_bytes(encode(picture("green"), "JPEG", xmp=xmp(TRAINED, tool="Service 2")))
    (folder / "part.jpg").write_bytes(encode(picture("red", 5), "JPEG", xmp=xmp(COMPOSITE)))
    return folder


MARKED = {
    "fox": "AUTOMATIC1111 (v1-5-pruned)",
    "webp": "AUTOMATIC1111 (v1-5-pruned)",
    "iptc": "IPTC (Service 2)",
    "part": "IPTC, for a part",
}


def test_marked_pictures_are_found_by_their_origin(folder, index, origins):
    report = index(folder)
    assert report.failed == ()
    assert report.added == 6
    assert any(note.startswith("4 of the pictures carry a mark") for note in report.notes)
    assert origins("generated") == MARKED
    assert len(origins("imported")) == 2


def test_no_mark_no_note(index, tmp_path):
    write_pictures(tmp_path / "plain", 3)
    assert index(tmp_path / "plain").notes == ()


def test_what_findmake_made_is_recognised_when_it_comes_back(tmp_path, index, origins):
    (tmp_path / "back").mkdir()
    for i, form in enumerate(FORMS):
        for told in (True, False):
            data = mark_image(picture(seed=i), MADE, form=form, prompt_metadata=told)
            (tmp_path / "back" / f"{form}{told}.{form.lower()}").write_bytes(data)
    index(tmp_path / "back")
    assert set(origins("generated").values()) == {"findmake (starter)"}
    assert len(origins("generated")) == 6
    assert origins("imported") == {}


def test_pictures_inside_tables_are_looked_at_too(tmp_path, index, origins):
    rows = {"title": ["fox", "plain"], "image": [png(parameters=INFOTEXT), encoded("blue")]}
    pq.write_table(pa.table(rows), tmp_path / "table.parquet")
    index(tmp_path / "table.parquet")
    assert origins("generated") == {"fox": "AUTOMATIC1111 (v1-5-pruned)"}
    assert list(origins("imported")) == ["plain"]


def test_a_mark_comes_and_goes_with_the_file(folder, index, origins):
    index(folder)
    [plain, *_] = sorted(folder.glob("0*.png"))
    plain.write_bytes(png(image=picture("blue"), parameters=INFOTEXT))
    (folder / "fox.png").write_bytes(encode(picture("red"), "PNG"))
    assert index(folder).updated == 2
    assert set(origins("generated")) == (set(MARKED) - {"fox"}) | {plain.stem.replace("_", " ")}
    assert index(folder).unchanged == 6


@pytest.mark.files
def test_a_file_indexed_before_its_mark_was_known_is_marked_when_it_is_read_again(
    folder, index, origins, collection
):
    index(folder)
    with contextlib.closing(sqlite3.connect(collection.folder / "findmake.sqlite")) as older, older:
        older.execute(
            "UPDATE items SET origin = 'imported', provenance = json_remove(provenance, '$.synthetic')"
        )
    assert set(origins("generated").values()) == {None}
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    report = index(folder)
    assert (report.updated, report.unchanged, report.embedded) == (4, 2, 0)
    assert origins("generated") == MARKED


@pytest.mark.parametrize(
    "broken",
    [
        png(image=picture(), prompt="{" * 5_000, workflow='{"nodes": [' * 500),
        zip_bomb(),
        png(image=picture(), parameters="x").replace(b"parameters\0x", b"parameters\0y"),  # a wrong checksum
        with_c2pa("PNG", b"\0\0\0\1jumb" + b"\xff" * 300),
        png(image=picture(), findmake=json.dumps({"model": "\ud800\0\n" + "m" * 9_999, "seed": 10**40})),
    ],
)
def test_malformed_metadata_does_not_keep_a_picture_out(broken, tmp_path, index, collection):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "one.png").write_bytes(broken)
    report = index(tmp_path / "broken")
    assert (report.added, report.failed) == (1, ())
    [item] = collection.store.items([1])
    mark = find_mark(broken)
    assert (item.origin == "generated") == (mark is not None)
    assert len(item.provenance.synthetic or "") < 200
