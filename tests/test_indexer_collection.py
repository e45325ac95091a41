"""SQLite is the truth, the index files are a cache (invariants 1, 3, 4, 10)."""

import json
import sqlite3
import threading

import numpy as np
import pytest
from sqlalchemy import event

from indexer import (
    Collection,
    CollectionNotFound,
    EncoderDrift,
    Generated,
    Imported,
    ItemNotFound,
    SchemaTooNew,
    StorageFailure,
    index_sources,
    open_source,
)
from indexer.indexes.manifest import MANIFEST
from indexer.storage.write import provenance_from_json, provenance_to_json
from indexer.vectors import ExactIndex, FaissIndex
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures


@pytest.fixture
def filled(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 20)
    index(tmp_path / "photos")
    return collection


def answers(collection):
    query = ColourEncoder().encode_texts(["red"])[0]
    found = collection.search(query, 20)["image"]
    return found.scores.tolist(), found.ids.tolist()


def reopened(collection):
    again = Collection.open(collection.folder)
    found = answers(again)
    again.close()
    return found


@pytest.mark.files
def test_deleting_the_index_files_loses_nothing(filled):
    expected = answers(filled)
    for path in [*filled.folder.glob("*.faiss"), filled.folder / MANIFEST]:
        path.unlink()
    assert reopened(filled) == expected


@pytest.mark.files
@pytest.mark.parametrize("damage", ["truncate", "flip", "manifest", "other"])
def test_a_damaged_index_file_is_noticed_and_rebuilt(filled, damage):
    expected = answers(filled)
    [path] = filled.folder.glob("image-*.faiss")
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[:-10])
    elif damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "manifest":
        (filled.folder / MANIFEST).write_text("{")
    else:  # an index of another collection
        manifest = json.loads((filled.folder / MANIFEST).read_text())
        (filled.folder / MANIFEST).write_text(json.dumps(manifest | {"collection": "other"}))
    assert reopened(filled) == expected


@pytest.mark.files
def test_a_manifest_cannot_name_a_file_elsewhere(filled, tmp_path):
    manifest = json.loads((filled.folder / MANIFEST).read_text())
    [path] = filled.folder.glob("image-*.faiss")
    path.rename(tmp_path / path.name)
    manifest["indexes"]["image"]["file"] = f"../{path.name}"
    (filled.folder / MANIFEST).write_text(json.dumps(manifest))
    expected = answers(filled)
    assert reopened(filled) == expected


@pytest.mark.files
def test_an_older_database_is_not_searched_with_a_newer_index(filled, index, tmp_path):
    filled.store._db.close()
    older = (filled.folder / "findmake.sqlite").read_bytes()
    expected = reopened(filled)
    write_pictures(tmp_path / "photos", 5, start=40)
    index(tmp_path / "photos")
    filled.close()
    for leftover in filled.folder.glob("findmake.sqlite-*"):
        leftover.unlink()
    (filled.folder / "findmake.sqlite").write_bytes(older)
    assert reopened(filled) == expected


def test_a_reader_sees_what_another_process_writes(filled, encoder, tmp_path):
    reader = Collection.open(filled.folder)
    assert reader.count("image") == 20
    paths = write_pictures(tmp_path / "photos", 2, start=70)
    index_sources(filled, encoder, [open_source(tmp_path / "photos")])
    assert reader.count("image") == 22
    assert reader.search(encoder.encode_texts(["red"])[0], 3)["image"].background.shape == (22,)
    paths[0].unlink()
    index_sources(filled, encoder, [open_source(tmp_path / "photos")])
    assert reader.count("image") == 21
    assert answers(reader) == answers(filled)
    reader.close()


def test_search_equals_the_exact_index_over_the_stored_embeddings(filled, encoder):
    ids, embeddings = filled.store.embeddings("image")
    exact = ExactIndex(encoder.spec.dim)
    exact.add(ids, embeddings)
    query = encoder.encode_texts(["blue"])[0]
    found, expected = filled.search(query, 7)["image"], exact.search(query, 7)
    np.testing.assert_array_equal(found.scores, expected[0])
    np.testing.assert_array_equal(found.ids, expected[1])
    allowed = ids[::3]
    found = filled.search(query, 50, allowed=allowed)["image"]
    np.testing.assert_array_equal(found.ids, exact.search(query, 50, allowed)[1])


@pytest.mark.files
def test_stored_embeddings_are_float16_of_unit_length(filled, encoder):
    with sqlite3.connect(filled.folder / "findmake.sqlite") as database:
        [(size,)] = database.execute("SELECT DISTINCT length(vector) FROM embeddings").fetchall()
    database.close()
    assert size == 2 * encoder.spec.dim
    _, embeddings = filled.store.embeddings("image")
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3)


def test_a_model_that_changed_under_its_name_is_refused(filled):
    filled.close()
    again = Collection.open(filled.folder)
    with pytest.raises(EncoderDrift) as drift:
        again.verify(ColourEncoder("colours", seed=5))
    assert drift.value.agreement < 0.99
    again.verify(ColourEncoder("colours"))
    again.close()


def test_no_collection_no_item(tmp_path, filled):
    with pytest.raises(CollectionNotFound) as missing:
        Collection.open(tmp_path / "nowhere")
    assert missing.value.path == tmp_path / "nowhere"
    with pytest.raises(ItemNotFound):
        filled.item(10_000)


def test_a_newer_schema_is_refused(filled):
    filled.store.set_meta(schema_version=99)
    with pytest.raises(SchemaTooNew) as newer:
        Collection.open(filled.folder)
    assert newer.value.found == 99


@pytest.mark.files
def test_a_broken_database_is_told_in_a_sentence(filled):
    filled.close()
    (filled.folder / "findmake.sqlite").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StorageFailure, match="not a database"):
        Collection.open(filled.folder)


def limit_pages(collection, pages):
    """Let writing fail as on a full disk once the database has that many pages; None for no limit."""
    engine = collection.store._db._engine
    engine.dispose()
    if pages is None:
        event.remove(engine, "connect", limit_pages.listener)
    else:
        limit_pages.listener = lambda raw, _: raw.execute(f"PRAGMA max_page_count = {pages}")
        event.listen(engine, "connect", limit_pages.listener)


@pytest.mark.files
def test_a_full_disk_keeps_what_was_committed(collection, encoder, tmp_path):
    """SQLite's own page limit gives the very error of a full disk."""
    write_pictures(tmp_path / "photos", 200)
    source = open_source(tmp_path / "photos")
    limit_pages(collection, 50)
    with pytest.raises(StorageFailure, match="full"):
        index_sources(collection, encoder, [source])
    kept = len(collection)
    assert 0 < kept < 200
    assert collection.count("image") == kept
    limit_pages(collection, None)
    report = index_sources(collection, encoder, [source])
    assert (report.unchanged, report.added) == (kept, 200 - kept)


@pytest.mark.files
def test_a_disk_that_is_full_only_for_the_index_leaves_the_old_one(filled, encoder, tmp_path, monkeypatch):
    before = {path.name for path in filled.folder.glob("*.faiss")}
    write_pictures(tmp_path / "photos", 1, start=80)

    def full(index, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(FaissIndex, "write", full)
        with pytest.raises(StorageFailure, match="No space"):
            index_sources(filled, encoder, [open_source(tmp_path / "photos")])
    assert {path.name for path in filled.folder.glob("*.faiss")} == before
    again = Collection.open(filled.folder)
    assert again.count("image") == 21
    again.close()
    index_sources(filled, encoder, [open_source(tmp_path / "photos")])
    assert {path.name for path in filled.folder.glob("*.faiss")} != before


def test_provenance_survives_the_database():
    from datetime import UTC, datetime

    at = datetime(2026, 1, 2, tzinfo=UTC)
    generated = Generated(
        prompt="a teal armchair",
        negative_prompt="",
        model="m",
        seed=3,
        scheduler="ddim",
        steps=20,
        guidance=2.5,
        parents=(1, 2),
        for_query="teal armchair",
        verdict="match",
        at=at,
    )
    for provenance in (generated, Imported(source="/a", at=at)):
        assert provenance_from_json(provenance_to_json(provenance)[1]) == provenance


def test_within_a_snapshot_nothing_changes_and_afterwards_all_is_seen(filled, encoder, tmp_path):
    query = encoder.encode_texts(["red"])[0]
    write_pictures(tmp_path / "more", 3, start=90)
    before = len(filled)
    with filled.snapshot():
        change = filled.store.change()
        other = Collection.open(filled.folder)
        index_sources(other, encoder, [open_source(tmp_path / "more")])
        other.close()
        assert (len(filled), filled.store.change()) == (before, change)
        assert len(filled.search(query, 500)["image"].ids) == before
        with filled.snapshot():  # one within the other is the same
            assert len(filled) == before
    assert len(filled) == before + 3
    assert len(filled.search(query, 500)["image"].ids) == before + 3


@pytest.mark.files
def test_indexes_that_are_newer_than_a_snapshot_are_not_thrown_away(filled, encoder, tmp_path):
    query = encoder.encode_texts(["red"])[0]
    before = len(filled)
    write_pictures(tmp_path / "more", 3, start=90)
    with filled.snapshot():
        filled.store.change()

        def elsewhere():
            index_sources(filled, encoder, [open_source(tmp_path / "more")])
            assert len(filled.search(query, 500)["image"].ids) == before + 3

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        newest = filled._indexes._now
        assert len(filled.search(query, 500)["image"].ids) == before + 3
        assert filled._indexes._now is newest
