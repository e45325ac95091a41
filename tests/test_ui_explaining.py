"""Explain a hit on the command line; compose a query on the page."""

import json

import pytest
from PIL import Image

from search import BadQuery, EmptyQuery, Like, Picture, Words
from tests.colour_pictures import write_pictures
from ui.services import operations


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    monkeypatch.setattr(operations, "choose_model", lambda: ("starter", "for a test"))
    write_pictures(tmp_path / "photos", 7)
    (tmp_path / "photos" / "note.txt").write_text("a red note")
    assert command("index", "photos")[0] == 0
    return lambda *arguments: command("explain", *arguments)


def test_the_contributions_add_up(run, tmp_path):
    code, out, _ = run("2:red + photos/004_blue.png - 0.5:green", "photos/002_red.png", "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["title"] == "002 red"
    [(kind, parts)] = answer["matched"].items()
    assert kind == "image"
    assert [(term["term"], term["weight"]) for term in parts["terms"]] == [
        ("red", 2.0),
        ("photos/004_blue.png", 1.0),
        ("green", -0.5),
    ]
    assert sum(term["contribution"] for term in parts["terms"]) == pytest.approx(parts["score"], abs=1e-4)


def test_it_reads_as_a_table_too(run):
    code, out, _ = run("red - blue", "photos/note.txt")
    assert code == 0
    assert [line.split()[1:] for line in out.splitlines()] == [["by", "its", "text"], ["red"], ["blue"]]


def test_the_heat_map_is_a_picture_of_the_same_size(run, tmp_path):
    code, _, err = run("red", "photos/002_red.png", "--heat-map", "lit.png")
    assert (code, err) == (0, "Wrote lit.png.\n")
    with Image.open(tmp_path / "lit.png") as lit:
        assert lit.size == (48, 40)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["red", "99"], "No item '99'"),
        (["red", "nowhere.jpg"], "No item 'nowhere.jpg'"),
        (["red +", "1"], "nothing follows it"),
        (["red", "photos/note.txt", "--heat-map", "lit.png"], "a heat map needs a picture"),
        (["red", "photos/002_red.png", "--heat-map", "no/such/folder/lit.png"], "cannot write"),
    ],
)
def test_what_cannot_be_explained_is_told(run, arguments, told):
    code, _, err = run(*arguments)
    assert code == 1
    assert told in err


def test_letters_that_the_model_does_not_read_are_warned_of(run):
    code, out, err = run("красный", "photos/002_red.png")
    assert code == 0
    assert "in Cyrillic letters" in err
    assert "Cyrillic" not in out


def test_words_on_the_page_never_look_at_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path, 1)
    words = "000_black.png + missing.png - item:3 + https://example.org/x.jpg"
    url = "https://example.org/x.jpg"
    picture = Picture(name="upload", data=b"x")
    query = operations.compose(words, like=7, picture=picture, k=5, offset=2)
    assert query.terms == (
        Words(text="000_black.png"),
        Words(text="missing.png"),
        Like(item_id=3, weight=-1.0),
        Picture(name=url, url=url),
        picture,
        Like(item_id=7),
    )
    assert (query.text, query.k, query.offset) == (words, 5, 2)
    with pytest.raises(EmptyQuery):
        operations.compose("  ", k=5)
    with pytest.raises(BadQuery):
        operations.compose('"open', k=5)
