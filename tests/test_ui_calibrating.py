"""The command ``calibrate``, and what it changes for ``search``."""

import json

import pytest

import indexer
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """Run a command with the tiny encoder, as in ``code, out, err = run("calibrate")``."""
    monkeypatch.setenv("FINDMAKE_COLLECTION", str(tmp_path / "c"))
    monkeypatch.setattr(indexer, "load_encoder", lambda name, **how: ColourEncoder(name))
    return command


@pytest.fixture
def indexed(run, tmp_path):
    """Index some pictures with captions: ``indexed(84)``."""

    def make(count):
        for path in write_pictures(tmp_path / "photos", count):
            path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} picture")
        assert run("index", "photos", "--model", "colours")[0] == 0

    return make


def test_a_collection_is_calibrated_and_searched_with_it(run, indexed, tmp_path):
    indexed(84)
    code, out, _ = run("calibrate")
    assert code == 0
    assert out.startswith("Calibrated on this collection, by its own titles and captions.")
    assert (tmp_path / "c" / "calibration.safetensors").is_file()
    made = json.loads(run("calibrate", "--json")[1])
    assert made.keys() == {"source", "approximate", "match", "weak"}
    assert not made["approximate"]
    found = json.loads(run("search", "red", "--json")[1])
    assert found["verdict"] in ("match", "weak", "no match")
    assert 0 <= found["coverage"] <= 1
    assert found["reason"].endswith(".")
    assert all(0 <= hit["probability"] <= 1 for hit in found["hits"])


def test_a_small_collection_says_so_and_is_searched_all_the_same(run, indexed):
    indexed(7)
    code, out, err = run("calibrate")
    assert (code, out) == (1, "")
    assert "This collection holds 7 items, too few to calibrate on" in err
    assert "Index more, then run: findmake calibrate" in err
    found = json.loads(run("search", "red", "--json")[1])
    assert found["hits"]
    assert (found["verdict"], found["coverage"], found["hits"][0]["probability"]) == (None, None, None)


def test_a_threshold_keeps_the_likely(run, indexed):
    indexed(84)
    everything = json.loads(run("search", "red", "--json", "-k", 84)[1])["hits"]
    likely = json.loads(run("search", "red", "--json", "-k", 84, "--threshold", 0.5)[1])["hits"]
    assert [hit["id"] for hit in likely] == [h["id"] for h in everything if h["probability"] >= 0.5]


def test_there_is_nothing_to_calibrate_without_a_collection(run):
    assert run("calibrate", "--collection", "nowhere")[0] == 3
