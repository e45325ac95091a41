"""``findmake doctor``, on a command line."""

import json
from pathlib import Path

import pytest

from indexer import Collection
from indexer.doctor import surroundings
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from ui.services import doctor, operations


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    for place in (doctor, surroundings):
        monkeypatch.setattr(place, "model_available", lambda name: True)
    write_pictures(tmp_path / "photos", 6)
    assert command("index", "photos")[0] == 0
    return command


@pytest.fixture
def damaged(run, tmp_path):
    [file] = (tmp_path / "collection").glob("image-*.faiss")
    file.write_bytes(b"damaged")
    return run


def test_a_sound_collection_is_in_order(run):
    code, out, err = run("doctor")
    assert code == 0
    assert len(out.splitlines()) == 16
    assert all(line.startswith("ok") for line in out.splitlines())
    assert "The collection is in order: 16 checks." in err


def test_trouble_is_told_with_its_remedy_and_an_exit_code(damaged):
    code, out, err = damaged("doctor")
    assert code == 1
    [line] = [line for line in out.splitlines() if line.startswith("TROUBLE")]
    assert "is not usable" in line
    assert "findmake doctor --repair" in out
    assert "1 of 16 checks found trouble." in err


def test_repair_mends_it_for_good(damaged, tmp_path):
    code, out, err = damaged("doctor", "--repair")
    assert code == 0
    assert "made anew from the database" in out
    assert "1 was repaired." in err
    assert damaged("doctor", "--quick")[0] == 0


def test_json_is_one_object_with_every_finding(damaged):
    code, out, _ = damaged("doctor", "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["healthy"], told["repairable"]) == (False, True)
    assert {finding["check"] for finding in told["findings"]} >= {"database", "index", "lock", "model"}
    assert set(told["findings"][0]) == {"check", "state", "sentence", "remedy", "repairable"}


def test_a_model_that_has_changed_is_found_and_quick_does_not_look(run, monkeypatch):
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name, seed=3))
    code, out, _ = run("doctor")
    assert code == 1
    assert "no longer gives the embeddings" in out
    assert run("doctor", "--quick")[0] == 0


def test_a_collection_that_is_not_there_and_one_that_is_busy_have_their_exit_codes(run, tmp_path):
    assert run("doctor", "--collection", tmp_path / "nowhere")[0] == 3
    collection = Collection.open(tmp_path / "collection")
    with collection.writing():
        assert run("doctor")[0] == 0
        assert run("doctor", "--repair")[0] == 4
    collection.close()


def test_a_file_that_goes_while_its_size_is_asked_for_counts_nothing(collection, monkeypatch):
    before = operations.info(collection)["bytes"]
    (collection.folder / "image-1.faiss").symlink_to("gone")
    monkeypatch.setattr(Path, "is_file", lambda path: not path.is_dir())  # it was there a moment ago
    assert operations.info(collection)["bytes"] == before > 0
