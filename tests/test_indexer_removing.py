"""Taking copies out: their tags go over, their files stay, nothing is lost half-way."""

import pytest

from indexer import CollectionBusy, ItemNotFound, Tagging, remove_copies
from tests.colour_pictures import write_pictures


@pytest.fixture
def album(collection, index, tmp_path):
    paths = write_pictures(tmp_path / "photos", 4)
    index(tmp_path / "photos")
    said = [Tagging(item_id=2, tag="sale"), Tagging(item_id=3, tag="sale"), Tagging(item_id=3, tag="new")]
    collection.store.add_tags([*said, Tagging(item_id=2, tag="guess", source="model", probability=0.5)])
    return collection, paths


def test_the_one_that_stays_takes_over_what_people_said(album):
    collection, paths = album
    assert remove_copies(collection, [2, 3, 1, 3, 99], keep=1) == 2
    assert collection.item(1).tags == ("new", "sale")
    assert len(collection) == 2
    assert all(path.exists() for path in paths)


def test_the_next_run_brings_back_what_still_lies_in_the_folder(album, index, tmp_path):
    collection, paths = album
    remove_copies(collection, [2], keep=1)
    paths[2].unlink()
    assert index(tmp_path / "photos").added == 1


def test_nothing_goes_if_the_one_that_stays_is_gone(album):
    collection, _ = album
    with pytest.raises(ItemNotFound):
        remove_copies(collection, [2, 3], keep=99)
    assert len(collection) == 4


@pytest.mark.files
def test_while_another_writes_nothing_goes(album):
    from indexer import Collection

    collection, _ = album
    other = Collection.open(collection.folder)
    try:
        with other.writing(), pytest.raises(CollectionBusy):
            remove_copies(collection, [2], keep=1)
    finally:
        other.close()
    assert len(collection) == 4
