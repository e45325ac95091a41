"""findmake tag: by id or path, all or nothing."""

import json

import pytest

from tests.colour_pictures import write_pictures
from ui import cli


@pytest.fixture
def shop(collection, index, tmp_path):
    paths = write_pictures(tmp_path / "photos", 4)
    index(tmp_path / "photos")
    return str(collection.folder), paths


def tag(folder, *arguments):
    return cli.main(["tag", *arguments, "--collection", folder])


def test_tags_are_added_listed_and_removed(shop, collection, capsys):
    folder, paths = shop
    assert tag(folder, "list") == 0
    assert "No tags yet" in capsys.readouterr().err
    assert tag(folder, "add", "Summer Sale", "2", str(paths[0])) == 0
    assert "2 tagged" in capsys.readouterr().err
    assert tag(folder, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"tag": "summer sale", "items": 2, "sources": ["user"]}]
    assert tag(folder, "remove", "summer sale", "2", "3") == 0
    assert "1 had that tag" in capsys.readouterr().err
    assert tag(folder, "list") == 0
    assert capsys.readouterr().out.split() == ["1", "summer", "sale", "(user)"]
    assert collection.item(collection.store.find_path(str(paths[0]))).tags == ("summer sale",)


@pytest.mark.parametrize("wrong", ["99", "nowhere.png", "9" * 30])
def test_an_item_that_is_not_here_stops_before_anything_is_changed(shop, collection, capsys, wrong):
    assert tag(shop[0], "add", "sale", "1", wrong) == 1
    assert wrong in capsys.readouterr().err
    assert collection.store.tags() == []


def test_a_label_that_cannot_be_kept_is_told(shop, capsys):
    assert tag(shop[0], "add", " ", "1") == 1
    assert "blank" in capsys.readouterr().err
