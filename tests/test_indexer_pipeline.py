"""Indexing: every input in one count, twice is once, moves keep embeddings (invariants 5, 6)."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer import Collection, CollectionBusy, EncoderMismatch, index_sources, open_source
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures


def counts(report):
    return {
        name: getattr(report, name)
        for name in ("added", "updated", "moved", "unchanged", "removed", "embedded")
    } | {"failed": len(report.failed)}


def only(**some):
    zero = dict.fromkeys(("added", "updated", "moved", "unchanged", "removed", "embedded", "failed"), 0)
    return zero | some


def keys(collection):
    return {known.key for known in collection.store.walk()}


def test_the_second_run_changes_nothing(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 40)
    assert counts(index(tmp_path / "photos")) == only(added=40, embedded=40)
    before = collection.store.change()
    files = {path.name: path.stat().st_mtime_ns for path in collection.folder.glob("*.faiss")}
    assert counts(index(tmp_path / "photos")) == only(unchanged=40)
    assert collection.store.change() == before
    assert files == {path.name: path.stat().st_mtime_ns for path in collection.folder.glob("*.faiss")}


def test_each_input_ends_in_exactly_one_count(index, tmp_path):
    folder = tmp_path / "photos"
    paths = write_pictures(folder, 10)
    index(folder)
    (folder / "broken.jpg").write_bytes(b"no picture")  # failed
    (folder / "empty.png").touch()  # failed
    paths[0].write_bytes(encoded("green", seed=99))  # updated
    os.utime(paths[0], ns=(1, 1))
    paths[1].rename(folder / "zz.png")  # moved
    paths[2].unlink()  # removed
    os.utime(paths[3], ns=(5, 5))  # unchanged, though touched
    (folder / "note.txt").write_text("a blue note")  # added
    report = index(folder)
    assert counts(report) == only(added=1, updated=1, moved=1, unchanged=7, removed=1, failed=2, embedded=2)
    assert [(Path(failure.path).name, bool(failure.reason)) for failure in report.failed] == [
        ("broken.jpg", True),
        ("empty.png", True),
    ]
    assert counts(index(folder)) == only(unchanged=10, failed=2)


def test_a_moved_file_keeps_its_item_and_is_not_embedded(collection, encoder, index, tmp_path):
    [path] = write_pictures(tmp_path / "a", 1)
    write_pictures(tmp_path / "b", 3, start=5)
    index(tmp_path / "a", tmp_path / "b")
    item_id = collection.store.find_path(str(path))
    encoded_before = encoder.images_encoded
    target = tmp_path / "b" / "deep" / "other name.png"
    target.parent.mkdir()
    path.rename(target)
    write_pictures(tmp_path / "a", 1, start=50)  # a root that is empty would count as away
    assert counts(index(tmp_path / "a", tmp_path / "b")) == only(added=1, moved=1, unchanged=3, embedded=1)
    assert encoder.images_encoded == encoded_before + 1
    assert collection.store.find_path(str(target)) == item_id
    assert collection.item(item_id).title == "other name"


def test_a_copy_is_another_item_with_the_same_embedding(collection, encoder, index, tmp_path):
    [path] = write_pictures(tmp_path / "photos", 1)
    index(tmp_path / "photos")
    shutil.copy(path, tmp_path / "photos" / "copy.png")
    assert counts(index(tmp_path / "photos")) == only(added=1, unchanged=1)
    ids = np.array(sorted(known.id for known in collection.store.walk()))
    first, second = collection.embeddings("image", ids)
    np.testing.assert_array_equal(first, second)
    assert collection.store.thumbnail(int(ids[1])) == collection.store.thumbnail(int(ids[0]))


def test_two_files_that_swap_names_swap_their_embeddings(collection, encoder, index, tmp_path):
    """Each finds the other's content known; neither may copy what the other has just overwritten."""
    a, b = write_pictures(tmp_path / "photos", 2)
    index(tmp_path / "photos")
    before = {
        p: collection.embeddings("image", np.array([collection.store.find_path(str(p))]))[0] for p in (a, b)
    }
    a.rename(tmp_path / "t")
    b.rename(a)
    (tmp_path / "t").rename(b)
    os.utime(a, ns=(3, 3))
    os.utime(b, ns=(4, 4))
    assert counts(index(tmp_path / "photos")) == only(updated=2)
    for path, other in ((a, b), (b, a)):
        found = collection.embeddings("image", np.array([collection.store.find_path(str(path))]))[0]
        np.testing.assert_array_equal(found, before[other])


def test_a_root_that_is_away_is_not_a_deleted_folder(collection, index, tmp_path):
    folder = tmp_path / "drive"
    write_pictures(folder, 5)
    write_pictures(tmp_path / "here", 2, start=20)
    index(folder, tmp_path / "here")
    shutil.move(folder, tmp_path / "unplugged")
    folder.mkdir()  # what an unmounted drive leaves
    report = index(folder, tmp_path / "here")
    assert counts(report) == only(unchanged=2)
    assert "5 items are kept" in report.notes[0]
    assert len(collection) == 7
    assert counts(index(folder, prune=True)) == only(removed=5)
    assert len(collection) == 2


def test_a_folder_that_cannot_be_listed_keeps_its_items(collection, index, tmp_path, monkeypatch):
    write_pictures(tmp_path / "photos", 3)
    write_pictures(tmp_path / "photos" / "locked", 4, start=10)
    index(tmp_path / "photos")
    real = os.scandir

    def refusing(path):
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    report = index(tmp_path / "photos")
    assert counts(report) == only(unchanged=3, failed=1)
    assert len(collection) == 7


def test_other_roots_are_left_alone(collection, index, tmp_path):
    write_pictures(tmp_path / "a", 3)
    write_pictures(tmp_path / "ab", 3, start=10)  # a root whose name begins with the other's
    index(tmp_path / "a", tmp_path / "ab")
    for path in (tmp_path / "a").glob("*.png"):
        path.unlink()
    write_pictures(tmp_path / "a", 1, start=30)
    assert counts(index(tmp_path / "a")) == only(added=1, removed=3, embedded=1)
    assert len(collection) == 4


def test_overlapping_roots_count_each_file_once(collection, index, tmp_path):
    write_pictures(tmp_path / "a" / "b", 3)
    assert counts(index(tmp_path / "a", tmp_path / "a" / "b")) == only(added=3, embedded=3)
    assert counts(index(tmp_path / "a" / "b")) == only(unchanged=3)


def test_a_picture_with_a_caption_has_both_embeddings(collection, index, tmp_path):
    [path] = write_pictures(tmp_path / "photos", 1)
    path.with_suffix(".txt").write_text("a yellow submarine")
    assert counts(index(tmp_path / "photos")) == only(added=1, embedded=2)
    item = collection.item(collection.store.find_path(str(path)))
    assert (item.kinds, item.text) == (("image", "text"), "a yellow submarine")
    path.with_suffix(".txt").write_text("a green submarine!")
    assert counts(index(tmp_path / "photos")) == only(updated=1, embedded=1)
    path.with_suffix(".txt").unlink()
    assert counts(index(tmp_path / "photos")) == only(updated=1)
    assert collection.item(item.id).kinds == ("image",)
    assert collection.count("text") == 0


def test_a_table_row_keeps_its_attributes_and_follows_changes(collection, index, tmp_path):
    write_pictures(tmp_path / "images", 2)
    table = tmp_path / "products.csv"
    rows = ["sku,title,image,price,colour", "a1,Red mug,images/000_black.png,9.5,red", "b2,Blue mug,,12,blue"]
    table.write_text("\n".join(rows))
    assert counts(index(table)) == only(added=2, embedded=3)
    item = collection.item(1)
    assert (item.title, item.kinds, dict(item.attributes)) == (
        "Red mug",
        ("image", "text"),
        {"price": 9.5, "colour": "red"},
    )
    table.write_text("\n".join([rows[0], rows[1].replace("9.5", "8.5"), rows[2]]))
    assert counts(index(table)) == only(updated=1, unchanged=1)
    assert collection.item(1).attributes["price"] == 8.5
    table.write_text("\n".join([rows[0], rows[1].replace("9.5", "8.5")]))
    assert counts(index(table)) == only(unchanged=1, removed=1)


def test_thumbnails_are_small_webp(collection, index, tmp_path):
    index(write_pictures(tmp_path / "photos", 1)[0])
    data = collection.store.thumbnail(1)
    assert data[:4] == b"RIFF"
    assert data[8:12] == b"WEBP"


def test_ids_are_never_used_twice(collection, index, tmp_path):
    paths = write_pictures(tmp_path / "photos", 3)
    index(tmp_path / "photos")
    used = {known.id for known in collection.store.walk()}
    paths[2].unlink()
    index(tmp_path / "photos")
    write_pictures(tmp_path / "photos", 1, start=60)
    index(tmp_path / "photos")
    [new] = {known.id for known in collection.store.walk()} - used
    assert new > max(used)


@pytest.mark.files
def test_two_runs_at_once_are_refused_with_a_sentence(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 1)
    other = Collection.open(collection.folder)
    with other.writing(), pytest.raises(CollectionBusy) as busy:
        index(tmp_path / "photos")
    assert busy.value.exit_code == 4
    assert counts(index(tmp_path / "photos")) == only(added=1, embedded=1)
    other.close()


def test_another_model_is_refused(collection, index, tmp_path):
    with pytest.raises(EncoderMismatch) as mismatch:
        index_sources(collection, ColourEncoder("others", seed=7), [open_source(tmp_path)])
    assert (mismatch.value.expected, mismatch.value.found) == ("colours", "others")


def test_progress_reaches_the_total(index, tmp_path):
    write_pictures(tmp_path / "photos", 70)
    seen = []
    index(tmp_path / "photos", on_progress=seen.append)
    assert [p.done for p in seen] == [32, 64, 70]
    assert {p.total for p in seen} == {70}
