"""The collections that a page offers, files handed in, and which paths may be named."""

import os

import pytest

from indexer import Collection, CollectionNotFound, StorageFailure
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures
from ui.services.allowed_paths import NotAllowed, allowed_path
from ui.services.collections import Places, UnusableName, begin, choose
from ui.services.uploads import UPLOADS, keep_uploads
from ui.settings import ALLOW, Settings


@pytest.fixture
def settings(tmp_path):
    for name in ("shop", "photos"):
        Collection.create(tmp_path / name, ColourEncoder()).close()
    return Settings(collection=tmp_path / "shop")


# -- collections -----------------------------------------------------------------------------------------


def test_collections_beside_the_settings_are_listed_with_what_they_hold(settings, tmp_path):
    (tmp_path / "no collection").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "findmake.sqlite").write_bytes(b"")
    found = Places().all(settings)
    assert [(place.name, place.items, place.model) for place in found] == [
        ("photos", 0, "colours"),
        ("shop", 0, "colours"),
    ]


def test_what_changed_is_looked_at_again(settings, tmp_path):
    from indexer import index_sources, open_source

    places = Places()
    places.all(settings)
    opened = Collection.open(tmp_path / "shop")
    index_sources(opened, ColourEncoder(), [open_source(write_pictures(tmp_path / "p", 3)[0].parent)])
    assert {place.name: place.items for place in places.all(settings)} == {"photos": 0, "shop": 3}
    opened.close()


def test_a_damaged_collection_is_listed_with_its_trouble(settings, tmp_path):
    (tmp_path / "photos" / "findmake.sqlite").write_bytes(b"x" * 5_000)
    [photos, shop] = Places().all(settings)
    assert "could not be read" in photos.trouble
    assert not shop.trouble


def test_one_is_chosen_by_its_name_and_never_by_a_path(settings, tmp_path):
    assert choose(settings, "") == settings
    assert choose(settings, "shop") == settings
    assert choose(settings, "photos").collection == tmp_path / "photos"
    outside = tmp_path.parent / "outside"
    Collection.create(outside, ColourEncoder()).close()
    for name in ("nothing", "../outside", str(outside), "..", ".", "photos/../photos", "a\0b"):
        with pytest.raises(CollectionNotFound):
            choose(settings, name)


TAKEN_OR_ODD = ("", ".", "..", "a/b", "a\\b", ".hidden", "x" * 64, "ends.", "a\nb", "photos")


@pytest.mark.parametrize("name", TAKEN_OR_ODD)
def test_names_that_cannot_be_or_are_taken_are_refused(settings, tmp_path, name):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UnusableName, match="Choose another name"):
        begin(settings, name)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_no_collection_is_not_written_into(settings, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UnusableName, match="no collection"):
        begin(settings, "mine")


def test_one_that_is_being_made_can_be_chosen_and_begun_again(settings, tmp_path):
    begun = begin(settings, "Neue Sammlung 2")
    assert begun.collection == tmp_path / "Neue Sammlung 2"
    (begun.collection / "jobs.sqlite").write_bytes(b"")
    assert choose(settings, "Neue Sammlung 2") == begun
    assert begin(settings, "Neue Sammlung 2") == begun


# -- what is handed in -----------------------------------------------------------------------------------


def test_pictures_and_tables_are_kept_and_the_rest_is_told(tmp_path):
    files = [
        ("red.png", encoded("red")),
        ("../../red again.PNG", encoded("red")),
        ("blue.jpg", encoded("blue", form="JPEG")),
        ("shop.csv", b"id,title,text\n1,mug,a red mug\n"),
        ("notes.exe", b"MZ"),
        ("broken.png", encoded("red")[:50]),
    ]
    taken = keep_uploads(tmp_path, files, tables=True)
    uploads = tmp_path / UPLOADS
    kept = sorted(path.relative_to(uploads).parts[1] for path in uploads.rglob("*") if path.is_file())
    assert kept == ["blue.jpg", "red.png", "shop.csv"]
    assert taken.count == 4
    assert taken.roots[0] == uploads
    assert taken.roots[1].name == "shop.csv"
    assert [sentence.split(" ")[0] for sentence in taken.refused] == ["notes.exe", "Cannot"]


def test_tables_are_refused_from_elsewhere_for_they_can_name_any_file(tmp_path):
    taken = keep_uploads(tmp_path, [("shop.csv", b"id,image\n1,/etc/secret.png\n")], tables=False)
    assert taken.roots == ()
    assert "only this machine" in taken.refused[0]


def test_limits_are_told_with_their_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr("ui.services.uploads.LARGEST_PICTURE", 10)
    monkeypatch.setattr("ui.services.uploads.MOST_FILES", 2)
    taken = keep_uploads(tmp_path, [("a.png", encoded("red"))] * 3, tables=True)
    assert taken.count == 0
    assert "are the most" in taken.refused[0]
    assert "1 files were left out: 2" in taken.refused[-1]


def test_a_full_disk_is_told(tmp_path):
    (tmp_path / UPLOADS).write_bytes(b"a file where the folder should be")
    with pytest.raises(StorageFailure):
        keep_uploads(tmp_path, [("a.png", encoded("red"))], tables=True)


# -- paths -----------------------------------------------------------------------------------------------


def test_paths_below_allowed_folders_pass_and_links_do_not_lead_out(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    roots = [tmp_path / "in"]
    assert allowed_path(str(tmp_path / "in" / "x"), roots) == tmp_path / "in" / "x"
    for path in ("in", "", f"{tmp_path}/in/../out", f"{tmp_path}/in/link/x", f"{tmp_path}/inside", "a\0"):
        with pytest.raises(NotAllowed):
            allowed_path(path, roots)
    with pytest.raises(NotAllowed):
        allowed_path(str(tmp_path), [])
    assert allowed_path(str(tmp_path / "out"), None) == tmp_path / "out"


def test_allowed_folders_come_from_the_environment_and_go_to_a_child(tmp_path):
    listed = os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])
    settings = Settings.read({ALLOW: listed})
    assert settings.allow == (tmp_path / "a", tmp_path / "b")
    assert settings.as_environment()[ALLOW] == listed
    assert Settings.read({}).allow == ()
