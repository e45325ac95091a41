"""What is made here stands apart: kept whole or not at all, untouched by indexing, promoted, discarded."""

import errno
import shutil
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer import (
    GENERATED_FOLDER,
    Collection,
    CollectionBusy,
    DimensionMismatch,
    ItemNotFound,
    NotGenerated,
    StorageFailure,
    Tagging,
    UnreadableImage,
    add_generated,
    discard,
    index_sources,
    load_image,
    promote,
    sweep_orphans,
)
from indexer.storage.migrations import SCHEMA_VERSION
from indexer.storage.store import Store
from search import keyword_search, parse_filter
from tests.colour_pictures import encoded, picture, write_pictures
from tests.made_pictures import make, provenance_of

ROOT = Path(__file__).parents[1]
ORIGIN = parse_filter("origin=generated")


@pytest.fixture
def filled(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 14)
    index(tmp_path / "photos")
    return collection


def files(collection):
    folder = collection.folder / GENERATED_FOLDER
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def everything(collection):
    """All that anybody sees who does not ask for what was made, and the index as it is searched."""
    store = collection.store
    query = collection.embeddings("image", np.array([1]))[0]
    found = collection.search(query, 100)
    return (
        len(collection),
        [(kind, collection.count(kind), store.count(kind)) for kind in ("image", "text")],
        [item.id for item in store.page(0, 100)],
        [known.id for known in store.walk()],
        [store.embeddings(kind)[0].tolist() for kind in ("image", "text")],
        [(n.ids.tolist(), n.scores.tolist(), n.background.tolist()) for n in found.values()],
        [collection.select(parse_filter(text)).tolist() for text in ("width>0", "not brand=x", "has:mode")],
        store.facets(),
        store.fields(),
        store.tags(),
        keyword_search(collection, "yellow picture 001", 50),
        keyword_search(collection, "yellow", 50),
    )


def test_a_made_picture_is_kept_with_all_that_is_known_of_it(filled, encoder):
    item = make(filled, encoder, "yellow", seed=3)
    assert (item.id, item.origin, item.apart, item.title, item.kinds) == (
        15,
        "generated",
        True,
        "yellow",
        ("image",),
    )
    assert item.provenance == provenance_of("yellow")
    assert (item.width, item.height) == (48, 40)
    path = Path(item.path)
    assert path.parent == filled.folder / GENERATED_FOLDER
    assert path.name.startswith("yellow-")
    assert path.read_bytes() == encoded("yellow", 3)
    assert load_image(path).image.size == (48, 40)
    assert filled.store.thumbnail(item.id)
    [row] = filled.embeddings("image", np.array([item.id]))
    assert float(row @ encoder.encode_images([picture("yellow", 3)])[0]) > 0.999
    assert filled.store.find_path(item.path) == item.id


def test_what_stands_apart_is_seen_by_nobody_who_does_not_ask(filled, encoder):
    filled.store.add_tags([Tagging(item_id=1, tag="sale")])
    before = everything(filled)
    made = [make(filled, encoder, colour, seed=7) for colour in ("yellow", "red", "red")]
    filled.store.add_tags([Tagging(item_id=made[0].id, tag="made"), Tagging(item_id=made[1].id, tag="sale")])
    assert everything(filled) == before
    again = Collection.open(filled.folder)
    assert everything(again) == before
    again.save_indexes()
    again.close()
    third = Collection.open(filled.folder)
    assert everything(third) == before
    third.close()


def test_what_stands_apart_is_seen_by_who_asks(filled, encoder):
    made = [make(filled, encoder, "yellow", seed=seed).id for seed in range(3)]
    assert filled.store.apart() == made[::-1]
    assert filled.select(ORIGIN).tolist() == made
    assert filled.select(parse_filter("ORIGIN=generated or id=2")).tolist() == [2, *made]
    assert filled.select(parse_filter("width>0"), apart=True).tolist() == [*range(1, 15), *made]
    assert [item.id for item in filled.store.items([made[1], 1])] == [made[1], 1]
    query = encoder.encode_images([picture("yellow", 1)])[0]
    found = filled.search(query, 2, apart=True)["image"]
    assert found.ids[0] == made[1]
    both = filled.search(query, 100, apart=True)["image"]
    scores = filled.embeddings("image", both.ids) @ query
    assert sorted(both.ids.tolist()) == [*range(1, 15), *made]
    np.testing.assert_allclose(both.scores, scores, atol=1e-6)
    assert (np.diff(both.scores) <= 0).all()
    only = filled.search(query, 100, allowed=np.array(made), apart=True)["image"]
    assert sorted(only.ids.tolist()) == made
    assert not len(filled.search(query, 100, allowed=np.array(made))["image"].ids)
    present, _ = filled.present("image", np.array([1, made[0], 999]))
    assert present.tolist() == [1, made[0]]


def test_promotion_puts_it_among_all_others(filled, encoder, tmp_path):
    first, second = (make(filled, encoder, "yellow", seed=seed) for seed in range(2))
    reader = Collection.open(filled.folder)  # as another process that has its indexes in memory
    query = encoder.encode_images([picture("yellow", 0)])[0]
    assert first.id not in reader.search(query, 100)["image"].ids
    assert promote(filled, [first.id, first.id]) == 1
    for collection in (filled, reader):
        assert first.id in collection.search(query, 100)["image"].ids
        assert second.id not in collection.search(query, 100)["image"].ids
        assert (len(collection), collection.count("image")) == (15, 15)
        assert collection.item(first.id).origin == "generated"
        assert not collection.item(first.id).apart
        assert collection.store.apart() == [second.id]
        assert first.id in [item_id for item_id, _ in keyword_search(collection, "yellow", 50)]
        found = collection.search(query, 100, apart=True)["image"].ids.tolist()
        assert len(found) == len(set(found)) == 16
    assert promote(filled, [first.id]) == 0
    reader.close()


def test_discarding_removes_row_and_file(filled, encoder):
    before = everything(filled)
    one, other, kept = (make(filled, encoder, "yellow", seed=seed) for seed in range(3))
    promote(filled, [other.id])
    assert other.id in filled.search(encoder.encode_texts(["yellow"])[0], 100)["image"].ids
    assert discard(filled, [one.id, other.id, one.id]) == 2
    assert files(filled) == [Path(kept.path).name]
    assert filled.select(ORIGIN).tolist() == [kept.id]
    assert filled.search(encoder.encode_texts(["yellow"])[0], 100, apart=True)["image"].ids.size == 15
    assert discard(filled, [kept.id]) == 1
    assert everything(filled) == before


@pytest.mark.parametrize("act", [promote, discard])
def test_promote_and_discard_refuse_the_whole_list_for_one_wrong_id(filled, encoder, act):
    made = make(filled, encoder)
    with pytest.raises(NotGenerated) as refused:
        act(filled, [made.id, 3])
    assert (refused.value.item_id, refused.value.action) == (3, act.__name__)
    with pytest.raises(ItemNotFound):
        act(filled, [made.id, 999])
    assert filled.store.apart() == [made.id]
    assert Path(made.path).is_file()
    assert act(filled, []) == 0


def test_what_cannot_be_kept_leaves_nothing(filled, encoder, monkeypatch):
    before = everything(filled)
    [row] = encoder.encode_images([picture()])
    right = {"embedding": row, "provenance": provenance_of("red")}
    with pytest.raises(DimensionMismatch):
        add_generated(filled, encoded(), **right | {"embedding": row[:5]})
    with pytest.raises(ValueError, match="length 1"):
        add_generated(filled, encoded(), **right | {"embedding": 2 * row})
    with pytest.raises(UnreadableImage):
        add_generated(filled, b"no picture", **right)
    assert files(filled) == []

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(StorageFailure, match="No space"):
            add_generated(filled, encoded(), **right)
    assert files(filled) == []
    with monkeypatch.context() as patched:  # the database's disk, after the file was written
        patched.setattr(Store, "write", lambda *_: full_database(filled))
        with pytest.raises(StorageFailure, match="full"):
            add_generated(filled, encoded(), **right)
    assert files(filled) == []
    assert everything(filled) == before
    assert filled.store.apart() == []


def full_database(collection):
    raise StorageFailure(collection.folder, "database or disk is full")


def make_many(collection, encoder, count):
    for seed in range(1, count):
        make(collection, encoder, seed=seed)


@pytest.mark.files
def test_a_full_database_really_keeps_nothing(filled, encoder):
    """SQLite itself refuses: it may have no more pages."""
    make(filled, encoder)  # so that the folder is there
    listed = files(filled)
    with filled.store._db.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    original = filled.store._db._engine.connect

    def tight():
        connection = original()
        connection.connection.driver_connection.execute(f"PRAGMA max_page_count={pages}")
        return connection

    filled.store._db._engine.connect = tight
    with pytest.raises(StorageFailure, match="full"):
        make_many(filled, encoder, 200)
    del filled.store._db._engine.connect
    again = Collection.open(filled.folder)
    assert len(files(again)) == len(again.store.apart())
    assert set(listed) <= set(files(again))
    again.close()


@pytest.mark.parametrize(("dies", "kept"), [("before", 0), ("after", 1)])
def test_a_crash_leaves_no_half_item(filled, encoder, dies, kept):
    before = everything(filled)
    command = [sys.executable, "-m", "tests.make_in_process", str(filled.folder), "1", dies]
    assert subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode == -9
    again = Collection.open(filled.folder)
    made = again.store.items(again.store.apart())
    assert len(made) == kept
    assert len(files(again)) == 1  # the file was there first
    assert all(Path(item.path).is_file() and again.store.thumbnail(item.id) for item in made)
    assert everything(again) == before
    assert sweep_orphans(again) == 1 - kept
    assert len(files(again)) == kept
    make(again, encoder, seed=9)
    assert len(files(again)) == kept + 1
    again.close()


def test_two_processes_may_make_pictures_at_once(filled):
    command = [sys.executable, "-m", "tests.make_in_process", str(filled.folder), "6"]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait(timeout=180) for process in running] == [0, 0]
    made = filled.store.items(filled.store.apart())
    assert len(made) == 12
    assert sorted(Path(item.path).name for item in made) == files(filled)
    assert sweep_orphans(filled) == 0


@pytest.mark.files
def test_nobody_makes_promotes_or_discards_while_another_writes(filled, encoder):
    made = make(filled, encoder)
    other = Collection.open(filled.folder)
    with other.writing():
        for act in (
            lambda: make(filled, encoder, seed=1),
            lambda: promote(filled, [made.id]),
            lambda: discard(filled, [made.id]),
            lambda: sweep_orphans(filled),
        ):
            with pytest.raises(CollectionBusy):
                act()
        assert make(other, encoder, seed=2).apart  # who holds the right may go on
        assert promote(other, [made.id]) == 1
    assert len(files(filled)) == 2
    other.close()


def test_sweeping_touches_only_what_add_generated_has_left(filled, encoder):
    assert sweep_orphans(filled) == 0
    make(filled, encoder)
    folder = filled.folder / GENERATED_FOLDER
    left = ("teal-chair-0123456789abcdef.png", "0123456789abcdef.png.tmp")
    for name in (*left, "mine.png", "notes.txt", "chair-0123.png"):
        (folder / name).write_bytes(b"x")
    assert sweep_orphans(filled) == 2
    assert len(files(filled)) == 4
    for name in left:
        (folder / name).write_bytes(b"x")
    index_sources(filled, encoder, [])  # tidies too, but a whole picture may be one that was put back
    assert left[0] in files(filled)
    assert left[1] not in files(filled)


def test_indexing_never_touches_what_was_made(filled, encoder, index, tmp_path):
    made = [make(filled, encoder, "yellow", seed=seed) for seed in range(3)]
    promote(filled, [made[0].id])
    before = [filled.item(item.id) for item in made]
    folder = filled.folder / GENERATED_FOLDER
    shutil.copy(made[1].path, tmp_path / "photos" / "copy.png")  # a file of the person's own, by now
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    for path in (tmp_path / "photos", folder, tmp_path, filled.folder, link):
        report = index(path, prune=True)
        assert [filled.item(item.id) for item in made] == before, path
        assert (report.removed, report.failed) == (0, ())
        if path != tmp_path / "photos":
            assert report.unchanged >= 3
            assert "made here" in report.notes[-1]
    assert len(filled) == 14 + 1 + 1  # and the copy
    shutil.rmtree(tmp_path / "photos")
    (tmp_path / "photos").mkdir()
    assert index(tmp_path / "photos", prune=True).removed == 15
    assert [filled.item(item.id) for item in made] == before
    assert filled.select(ORIGIN).tolist() == [item.id for item in made]


def test_an_imported_copy_is_embedded_by_its_own_picture(filled, encoder, index, tmp_path):
    """Whatever embedding a made picture was given, an import of the same bytes does not take it over."""
    wrong = encoder.encode_texts(["black"])[0]
    png = encoded("yellow", 500)
    add_generated(filled, png, embedding=wrong, provenance=provenance_of("yellow"))
    (tmp_path / "photos" / "mine.png").write_bytes(png)
    assert index(tmp_path / "photos").embedded == 1
    mine = filled.store.find_path(str(tmp_path / "photos" / "mine.png"))
    [row] = filled.embeddings("image", np.array([mine]))
    assert float(row @ encoder.encode_images([picture("yellow", 500)])[0]) > 0.999


def test_a_collection_moves_with_what_was_made(filled, encoder, tmp_path):
    item = make(filled, encoder)
    filled.close()
    moved = tmp_path / "elsewhere"
    filled.folder.rename(moved)
    there = Collection.open(moved)
    path = Path(there.item(item.id).path)
    assert path.parent == moved / GENERATED_FOLDER
    assert path.read_bytes() == encoded("yellow", 0)
    assert there.store.find_path(str(path)) == item.id
    assert discard(there, [item.id]) == 1
    assert not path.exists()
    there.close()


def test_a_marked_import_is_generated_but_not_apart(filled, encoder, index, tmp_path):
    from datetime import UTC, datetime

    from indexer import Imported
    from tests.catalogues import draft

    at = datetime(2026, 1, 2, tzinfo=UTC)
    marked = Imported(source="/a", at=at, synthetic="parameters of a generator")
    [item_id] = filled.store.write([draft(1, {}, provenance=marked)])
    item = filled.item(item_id)
    assert (item.origin, item.apart, item.provenance) == ("generated", False, marked)
    assert filled.select(ORIGIN).tolist() == [item_id]
    assert len(filled) == 15
    for act in (promote, discard):
        with pytest.raises(NotGenerated):
            act(filled, [item_id])
    later = Imported(source="/b", at=datetime(2027, 1, 1, tzinfo=UTC))  # the file was replaced by a photo
    change = replace(draft(1, {}, provenance=later), id=item_id, embeddings={}, kept=frozenset({"image"}))
    filled.store.write([change])
    item = filled.item(item_id)
    assert (item.origin, item.provenance) == ("imported", Imported(source="/a", at=at))
    assert filled.select(ORIGIN).tolist() == []
    filled.store.write([replace(change, provenance=marked)])
    assert filled.item(item_id).provenance == marked
    assert filled.select(ORIGIN).tolist() == [item_id]


def test_provenance_of_an_older_findmake_has_defaults_for_what_it_did_not_know():
    from indexer.storage.write import provenance_from_json, provenance_to_json

    _, values = provenance_to_json(provenance_of("red"))
    assert provenance_from_json(values) == provenance_of("red")
    for name in ("mode", "revision", "width", "height", "extras"):
        del values[name]
    old = provenance_of("red", mode="", revision="", width=0, height=0, extras={})
    assert provenance_from_json(values) == old
    imported = provenance_from_json({"source": "/a", "at": "2026-01-02T00:00:00+00:00"})
    assert imported.synthetic is None


@pytest.mark.files
def test_what_stands_apart_is_found_by_an_index(filled):
    with filled.store._db.reading() as connection:
        apart = "SELECT items.id FROM items WHERE items.apart = 1"
        for statement in (apart, f"SELECT count(*) FROM embeddings WHERE item_id NOT IN ({apart})"):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            assert any("items_apart" in row[3] for row in plan)
    from indexer.storage.schema.tables import APART

    assert str(APART).endswith("WHERE items.apart")  # SQLite's dialect writes "= 1", as the index does


VERSION_3 = (
    "DROP INDEX items_apart",
    "ALTER TABLE items DROP COLUMN apart",
    "DROP TABLE misses",
    "UPDATE meta SET value = '3' WHERE key = 'schema_version'",
)


@pytest.mark.files
def test_a_collection_of_the_version_before_gets_a_shelf(filled, encoder):
    before = everything(filled)
    filled.close()
    with sqlite3.connect(filled.folder / "findmake.sqlite") as plain:
        for statement in VERSION_3:
            plain.execute(statement)
    plain.close()
    again = Collection.open(filled.folder)
    assert again.store.meta("schema_version") == SCHEMA_VERSION
    assert everything(again) == before
    made = make(again, encoder)
    assert again.store.apart() == [made.id]
    assert everything(again) == before
    assert again.store.misses() == []
    again.close()


@pytest.mark.files
def test_one_thread_at_a_time_holds_the_right_to_write(filled, encoder):
    busy = []

    def other():
        try:
            make(filled, encoder)
        except CollectionBusy as error:
            busy.append(error)

    with filled.writing():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with filled.writing():  # the same thread may
            pass
        assert make(filled, encoder).apart
    assert len(busy) == 1
    assert len(filled.store.apart()) == 1
