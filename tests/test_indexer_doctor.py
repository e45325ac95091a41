"""The doctor, on collections that are really damaged."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from indexer import Collection, CollectionBusy, CollectionNotFound
from indexer.doctor import examine as examine_
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from tests.made_pictures import make

pytestmark = pytest.mark.files

COUNT = 9


def examine(folder, *, open_encoder=lambda _: ColourEncoder(), **options):
    return examine_(folder, open_encoder=open_encoder, **options)


@pytest.fixture
def sick(tmp_path, collection, encoder, index):
    """A collection of pictures with two made here; whoever damages it opens it anew."""
    write_pictures(tmp_path / "pictures", COUNT)
    index(tmp_path / "pictures")
    for number in range(2):
        make(collection, encoder, seed=number)
    collection.close()
    return collection.folder


@pytest.fixture
def sql(sick):
    """Do something to the database behind findmake's back."""

    def run(*statements, values=()):
        connection = sqlite3.connect(sick / "findmake.sqlite")
        for statement in statements:
            rows = connection.execute(statement, values).fetchall()
        connection.commit()
        connection.close()
        return rows

    return run


def states(examination):
    return {finding.check: finding.state for finding in examination.findings if finding.state != "fine"}


def finding(examination, check):
    [found] = [each for each in examination.findings if each.check == check and each.state != "fine"]
    return found


def contents(folder):
    """Everything that a person may care for, by item."""
    with_items = sqlite3.connect(folder / "findmake.sqlite")
    found = with_items.execute("SELECT id, key, title, text, attributes, provenance FROM items").fetchall()
    tags = with_items.execute("SELECT item_id, tag FROM tags ORDER BY 1, 2").fetchall()
    with_items.close()
    return found, tags


def repaired(folder, check):
    """Repair: this check and no other had something to mend, items are as before, and all is well after."""
    before = contents(folder)
    first = examine(folder)
    assert not first.is_healthy
    assert first.is_repairable
    assert states(first)[check] == "trouble"
    assert finding(first, check).repairable
    mended = examine(folder, repair=True)
    assert states(mended)[check] == "repaired", mended
    assert mended.is_healthy
    assert states(examine(folder)) == {}
    assert contents(folder) == before
    return mended


def test_a_sound_collection_is_healthy_and_left_as_it_is(sick, encoder):
    before = (sick / "findmake.sqlite").read_bytes()
    told = []
    found = examine(sick, open_encoder=lambda _: encoder, on_finding=told.append)
    assert states(found) == {}
    assert found.is_healthy
    assert not found.is_repairable
    assert tuple(told) == found.findings
    assert len(told) == 16
    assert examine(sick, repair=True).is_healthy
    assert (sick / "findmake.sqlite").read_bytes() == before


def test_an_empty_collection_is_healthy(collection):
    assert states(examine(collection.folder)) == {}


def test_where_there_is_no_collection_it_says_so(tmp_path):
    with pytest.raises(CollectionNotFound):
        examine(tmp_path)


def test_a_damaged_index_file_is_made_anew(sick):
    [file] = sick.glob("image-*.faiss")
    data = bytearray(file.read_bytes())
    data[-5] ^= 255
    file.write_bytes(data)
    assert "checksum" in finding(repaired(sick, "index"), "index").sentence
    opened = Collection.open(sick)
    assert opened.count("image") == COUNT
    opened.close()


def test_an_index_that_does_not_hold_what_the_database_holds_is_made_anew(sick, sql):
    row = np.zeros(32, "<f2")
    row[3] = 1
    sql("UPDATE embeddings SET vector = ? WHERE item_id = 2", values=(row.tobytes(),))
    assert "1 embedding of 9" in finding(repaired(sick, "index"), "index").sentence


def test_an_index_that_lacks_items_is_made_anew(sick, sql):
    opened = Collection.open(sick)
    opened.save_indexes()
    opened.close()
    sql("UPDATE items SET apart = 0 WHERE id = 10")  # as if promoted, but no change was counted
    found = examine(sick)
    assert "lacks 1 of 10" in finding(found, "index").sentence
    assert examine(sick, repair=True).is_healthy


def test_rows_of_no_item_go(sick, sql):
    sql("INSERT INTO thumbnails (item_id, webp) VALUES (99, X'00')")
    sql("INSERT INTO tags (item_id, tag, source) VALUES (99, 'x', 'user')")
    with_tags = "1 in thumbnails, 1 in tags"
    found = examine(sick)
    assert with_tags in finding(found, "rows").sentence
    assert examine(sick, repair=True).is_healthy
    assert sql("SELECT count(*) FROM thumbnails WHERE item_id = 99") == [(0,)]


@pytest.mark.parametrize(
    "vector",
    [b"", b"\0" * 64, np.full(32, np.nan, "<f2").tobytes(), np.full(32, 0.5, "<f2").tobytes()],
    ids=["nothing", "zeros", "nan", "too long"],
)
def test_a_broken_embedding_is_taken_out_and_comes_back_with_the_next_run(sick, sql, vector, tmp_path):
    sql("UPDATE embeddings SET vector = ? WHERE item_id = 2", values=(vector,))
    first = examine(sick)
    assert states(first)["embeddings"] == "trouble"
    mended = examine(sick, repair=True)
    assert "findmake index" in finding(mended, "embeddings").remedy
    from indexer import index_sources, open_source

    opened = Collection.open(sick)
    report = index_sources(opened, ColourEncoder(), [open_source(tmp_path / "pictures")])
    assert (report.updated, report.unchanged, report.embedded) == (1, COUNT - 1, 1)
    opened.close()
    assert states(examine(sick)) == {}


def test_an_item_without_embedding_is_read_again(sick, sql):
    sql("DELETE FROM embeddings WHERE item_id IN (3, 10)")
    found = examine(sick)
    assert "2 items have no embedding" in finding(found, "items").sentence
    mended = examine(sick, repair=True)
    assert finding(mended, "items").remedy.endswith("findmake regenerate: 10")


def test_a_counter_of_changes_that_is_behind_is_set(sick, sql):
    sql("UPDATE meta SET value = '1' WHERE key = 'change'")
    first = examine(sick)
    assert states(first)["changes"] == "trouble"
    assert examine(sick, repair=True).is_healthy
    assert states(examine(sick)) == {}
    opened = Collection.open(sick)
    assert opened.count("image") == COUNT
    opened.close()


def test_what_filters_and_words_look_at_is_derived_again(sick, sql):
    sql("DELETE FROM fields WHERE item_id = 4", "DELETE FROM words WHERE rowid = 5")
    repaired(sick, "filters and words")


def test_a_damaged_full_text_index_is_made_anew(sick, sql):
    sql("DELETE FROM words_idx", "DELETE FROM words_data WHERE id > 10")
    repaired(sick, "filters and words")


@pytest.mark.parametrize("webp", [b"", b"no picture at all"])
def test_missing_and_damaged_thumbnails_are_made_from_the_files(sick, sql, webp):
    sql("UPDATE thumbnails SET webp = ? WHERE item_id = 1", values=(webp,))
    sql("DELETE FROM thumbnails WHERE item_id = 10")
    repaired(sick, "thumbnails")


def test_a_thumbnail_whose_file_is_gone_stays_a_trouble_with_a_remedy(sick, sql, tmp_path):
    sql("DELETE FROM thumbnails WHERE item_id = 1")
    (tmp_path / "pictures" / "000_black.png").unlink()
    mended = examine(sick, repair=True)
    assert states(mended) == {"thumbnails": "trouble", "originals": "note"}
    assert "Bring the files back" in finding(mended, "thumbnails").remedy


def test_gone_originals_are_told_and_nothing_is_removed(sick, tmp_path):
    before = contents(sick)
    (tmp_path / "pictures" / "000_black.png").unlink()
    found = examine(sick, repair=True)
    assert found.is_healthy
    assert "1 original is gone" in finding(found, "originals").sentence
    shutil.rmtree(tmp_path / "pictures")
    assert "is not there now" in finding(examine(sick, repair=True), "originals").sentence
    assert contents(sick) == before


def test_a_picture_made_here_without_its_file_is_told(sick):
    [file, _] = sorted((sick / "generated").iterdir())
    file.unlink()
    found = examine(sick, repair=True)
    assert not found.is_healthy
    assert "findmake regenerate" in finding(found, "made here").remedy


def test_pictures_of_no_item_are_moved_never_deleted(sick):
    stray = sick / "generated" / "a-red-kite-0123456789abcdef.png"
    for data in (b"first", b"second"):
        stray.write_bytes(data)
        assert states(examine(sick)) == {"made here": "trouble"}
        assert examine(sick, repair=True).is_healthy
    assert {file.read_bytes() for file in (sick / "lost").iterdir()} == {b"first", b"second"}
    assert len(list((sick / "generated").iterdir())) == 2


def test_half_files_go_once_they_are_old(sick):
    half = [sick / "manifest.tmp", sick / "generated" / "x-0123456789abcdef.png.tmp", sick / "image-0.faiss"]
    for file in half:
        file.write_bytes(b"half")
    assert states(examine(sick, repair=True)) == {}, "somebody may be writing them now"
    for file in half:
        os.utime(file, (time.time() - 7_200,) * 2)
    assert states(examine(sick)) == {"leftovers": "note"}
    assert examine(sick, repair=True).is_healthy
    assert not any(file.exists() for file in half)


def test_a_damaged_table_of_jobs_is_set_aside(sick):
    (sick / "jobs.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    repaired(sick, "jobs")
    assert [file.name for file in sick.glob("jobs.sqlite*")] == ["jobs.sqlite.damaged-1"]


def test_a_damaged_key_of_the_database_is_made_anew(sick, sql):
    [[page]] = sql("SELECT rootpage FROM sqlite_master WHERE name = 'items_by_image'")
    [[size]] = sql("PRAGMA page_size")
    _overwrite(sick, page, size)
    repaired(sick, "database")


def test_a_database_that_cannot_be_read_is_told_and_nothing_else_is_done(sick):
    file = sick / "findmake.sqlite"
    file.write_bytes(b"x" * 10_000)
    found = examine(sick, repair=True)
    assert states(found) == {"database": "trouble"}
    assert "backup" in finding(found, "database").remedy
    assert file.read_bytes() == b"x" * 10_000


def test_an_older_schema_is_brought_up_to_date(sick, sql):
    sql("DROP TABLE misses", "UPDATE meta SET value = '3' WHERE key = 'schema_version'")
    assert "older findmake" in finding(examine(sick), "schema").sentence
    assert examine(sick, repair=True).is_healthy
    assert states(examine(sick)) == {}


def test_a_newer_schema_is_told(sick, sql):
    sql("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    found = examine(sick, repair=True)
    assert finding(found, "schema").remedy == "Update findmake."


def test_a_model_that_has_changed_is_told(sick):
    drifted = examine(sick, open_encoder=lambda _: ColourEncoder(seed=1))
    assert "no longer gives the embeddings" in finding(drifted, "model").sentence
    assert not drifted.is_healthy
    assert not drifted.is_repairable


def test_while_somebody_writes_it_looks_but_repairs_nothing(sick):
    opened = Collection.open(sick)
    with opened.writing():
        assert states(examine(sick)) == {"lock": "note"}
        with pytest.raises(CollectionBusy):
            examine(sick, repair=True)
    opened.close()
    assert states(examine(sick)) == {}


def test_an_old_lock_file_holds_nobody_up(sick):
    (sick / ".writing.lock").write_text("left by a process that was killed")
    assert states(examine(sick, repair=True)) == {}


def _overwrite(folder, page, size):
    with Path(folder / "findmake.sqlite").open("r+b") as stream:
        stream.seek((page - 1) * size)
        data = bytearray(stream.read(size))
        data[-40:-30] = b"zzzzzzzzzz"
        stream.seek((page - 1) * size)
        stream.write(data)
