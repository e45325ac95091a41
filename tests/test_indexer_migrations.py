"""A collection written by the first version opens, and can then be filtered and searched by words."""

import json
import sqlite3

import pytest

from indexer import Collection, SchemaTooNew, StorageFailure
from indexer.storage.migrations import SCHEMA_VERSION
from search import keyword_search, parse_filter
from tests.colour_pictures import write_pictures

pytestmark = pytest.mark.files

# Word for word what version 1 made.
VERSION_1 = """
CREATE TABLE meta (key VARCHAR NOT NULL, value JSON NOT NULL, PRIMARY KEY (key));
CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, path TEXT,
  fingerprint TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, width INTEGER NOT NULL,
  height INTEGER NOT NULL, attributes JSON NOT NULL, image_sha256 VARCHAR, text_sha256 VARCHAR,
  origin VARCHAR NOT NULL, provenance JSON NOT NULL, added_at DATETIME NOT NULL, UNIQUE (key));
CREATE INDEX items_by_image ON items (image_sha256);
CREATE INDEX items_by_text ON items (text_sha256);
CREATE TABLE embeddings (item_id INTEGER NOT NULL, kind VARCHAR NOT NULL, vector BLOB NOT NULL,
  change INTEGER NOT NULL, PRIMARY KEY (item_id, kind),
  FOREIGN KEY(item_id) REFERENCES items (id) ON DELETE CASCADE);
CREATE INDEX ix_embeddings_change ON embeddings (change);
CREATE TABLE tombstones (id INTEGER NOT NULL, item_id INTEGER NOT NULL, kind VARCHAR NOT NULL,
  change INTEGER NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_tombstones_change ON tombstones (change);
CREATE TABLE thumbnails (item_id INTEGER NOT NULL, webp BLOB NOT NULL, PRIMARY KEY (item_id),
  FOREIGN KEY(item_id) REFERENCES items (id) ON DELETE CASCADE);
CREATE TABLE roots (path TEXT NOT NULL, indexed_at DATETIME NOT NULL, PRIMARY KEY (path));
CREATE TABLE runs (id INTEGER NOT NULL, finished_at DATETIME NOT NULL, report JSON NOT NULL,
  PRIMARY KEY (id));
"""
TABLES = ("items", "embeddings", "thumbnails", "roots", "runs", "tombstones")


def downgraded(collection):
    """Copy a collection into a database as version 1 made it, and put that in its place."""
    collection.close()
    path = collection.folder / "findmake.sqlite"
    old = path.with_name("old.sqlite")
    with sqlite3.connect(old) as database:
        database.executescript(VERSION_1)
        database.execute("ATTACH ? AS new", (str(path),))
        for table in TABLES:
            columns = ", ".join(row[1] for row in database.execute(f"PRAGMA main.table_info({table})"))
            database.execute(f"INSERT INTO main.{table} SELECT {columns} FROM new.{table}")
        database.execute(
            "INSERT INTO meta SELECT * FROM new.meta WHERE key NOT IN ('schema_version', 'tagging')"
        )
        database.execute("INSERT INTO meta VALUES ('schema_version', '1')")
    database.close()
    for leftover in collection.folder.glob("findmake.sqlite*"):
        leftover.unlink()
    old.rename(path)
    return path


@pytest.fixture
def old(collection, index, tmp_path):
    """A folder with a collection of version 1: 600 pictures, one with attributes beyond ASCII."""
    write_pictures(tmp_path / "photos", 6)
    (tmp_path / "table.csv").write_text(
        "id,title,image,brand,price\nAB-1/X,Red café shoe,photos/000_black.png,Nike,$80\n"
    )
    index(tmp_path / "photos")
    index(tmp_path / "table.csv")
    path = downgraded(collection)
    with sqlite3.connect(path) as database:
        for number in range(10, 1_210):  # more than one step of the migration
            values = (number, f"k{number}", "f", "more", "", 0, 0, json.dumps({"number": number}), "imported")
            provenance = json.dumps({"source": "s", "at": "2026-01-02T00:00:00+00:00"})
            row = (*values, provenance, "2026-01-02 00:00:00.000000")
            names = (
                "id, key, fingerprint, title, text, width, height, attributes, origin, provenance, added_at"
            )
            database.execute(f"INSERT INTO items ({names}) VALUES ({', '.join('?' * 11)})", row)
    database.close()
    return collection.folder


def test_an_old_collection_can_be_filtered_and_searched_by_words(old):
    collection = Collection.open(old)
    assert collection.store.meta("schema_version") == SCHEMA_VERSION
    assert len(collection) == 7 + 1_200
    assert collection.select(parse_filter("price<100 and brand=nike")).tolist() == [7]
    assert len(collection.select(parse_filter("number>=10"))) == 1_200
    assert [item_id for item_id, _ in keyword_search(collection, "cafe AB-1/X", 5)] == [7]
    assert len(keyword_search(collection, "more", 2_000)) == 1_200
    assert collection.item(7).tags == ()
    collection.close()
    again = Collection.open(old)  # nothing is left to do
    assert again.count("image") == 7
    again.close()


def test_a_migration_that_fails_changes_nothing(old, monkeypatch):
    from indexer.storage import database, migrations

    def broken(connection):
        migrations._create_derived(connection)
        connection.exec_driver_sql("SELECT no_such_function()")

    with monkeypatch.context() as patched:
        patched.setattr(database, "MIGRATIONS", (*migrations.MIGRATIONS[:2], broken))
        with pytest.raises(StorageFailure):
            Collection.open(old)
    with sqlite3.connect(old / "findmake.sqlite") as plain:
        tables = {name for (name,) in plain.execute("SELECT name FROM sqlite_master")}
        assert plain.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == (2,)
    plain.close()
    assert "fields" not in tables
    test_an_old_collection_can_be_filtered_and_searched_by_words(old)


def test_a_newer_collection_is_refused(old):
    with sqlite3.connect(old / "findmake.sqlite") as plain:
        plain.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    plain.close()
    with pytest.raises(SchemaTooNew):
        Collection.open(old)
