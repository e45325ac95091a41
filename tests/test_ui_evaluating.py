"""The command ``evaluate``: in this process with the tiny encoder, and as a real process with the starter."""

import json
import subprocess
import sys

import pytest
import skimage.data
from PIL import Image

import indexer
from indexer import thumbnail
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures
from tests.dataset_files import KINDS, colour_rows, write_parquet

FIELDS = {"value", "low", "high", "unit", "samples"}
PHOTOS = {
    "astronaut": "an astronaut in an orange suit",
    "camera": "a man with a camera on a tripod",
    "chelsea": "a ginger cat",
    "clock": "a wall clock",
    "coffee": "a cup of coffee",
    "coins": "a lot of old coins",
    "rocket": "a rocket on its launch pad",
    "moon": "the surface of the moon",
    "brick": "a brick wall",
    "grass": "grass",
    "page": "a printed page of text",
    "hubble_deep_field": "galaxies in deep space",
}


@pytest.fixture
def run(command, monkeypatch):
    """Run a command with the tiny encoder, as in ``code, out, err = run("evaluate", "d.parquet")``."""
    monkeypatch.setattr(indexer, "load_encoder", lambda name, **how: ColourEncoder(name))
    return command


def test_a_dataset_gives_a_table_or_json(run, tmp_path):
    rows = [*colour_rows(), {"image": b"broken", "captions": ["x"], "title": "x", "label": 0}]
    write_parquet(tmp_path / "d.parquet", rows, names=KINDS)
    code, out, err = run("evaluate", "d.parquet", "--model", "colours")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "d.parquet: 24 pictures, 1 failed"
    row = next(line.split() for line in lines if "text to image recall@1 " in line)
    assert row == ["text", "to", "image", "recall@1", "100.0", "%", "100.0", "to", "100.0", "48"]
    assert "failed: d.parquet#25: it is not a picture" in err
    code, out, _ = run("evaluate", "d.parquet", "--model", "colours", "--json", "--limit", 24)
    report = json.loads(out)
    assert report.keys() == {"source", "model", "pictures", "failed", "notes", "figures"}
    assert (report["model"], report["pictures"], report["failed"]) == ("colours", 24, [])
    figures = [figure for group in report["figures"].values() for figure in group.values()]
    assert all(figure.keys() == FIELDS for figure in figures)
    assert report["figures"]["label"]["zero_shot_top_1"]["value"] == 1


def test_columns_and_templates_are_passed_on(run, tmp_path):
    rows = [{"photo": row["image"], "kind": row["title"]} for row in colour_rows()]
    write_parquet(tmp_path / "d.parquet", rows)
    options = ("--image-column", "photo", "--label-column", "kind", "--model", "colours", "--json")
    found = [
        json.loads(run("evaluate", "d.parquet", *options, "--template", template)[1])["figures"]["label"]
        for template in ("{}", "x{}")
    ]
    assert found[0]["zero_shot_top_1"]["value"] == 1
    assert found[1]["zero_shot_top_1"]["value"] < 1


def test_a_collection_is_judged_from_what_it_holds(run, tmp_path):
    write_pictures(tmp_path / "photos", 28)
    assert run("index", "photos", "--collection", "c", "--model", "colours")[0] == 0
    code, out, _ = run("evaluate", "--collection", "c")
    assert code == 0
    assert "note: Used the words in the names of 28 files: only 0 pictures have a text." in out
    assert "file names" in out


def test_what_cannot_be_done_is_said_in_one_sentence(run, tmp_path):
    write_pictures(tmp_path / "photos", 3)
    run("index", "photos", "--collection", "c", "--model", "colours")
    code, out, err = run("evaluate", "--collection", "c")
    assert (code, out) == (1, "")
    assert "has 3 readable pictures" in err
    assert run("evaluate", "d.parquet", "--collection", "c")[0] == 2
    assert run("evaluate", "--collection", "c", "--title-column", "x")[0] == 2
    assert run("evaluate", "--collection", "nowhere")[0] == 3
    code, _, err = run("evaluate", "away.parquet", "--model", "colours")
    assert code == 1
    assert "Cannot read away.parquet: there is no such file" in err
    for bad in (("--limit", "0"), ("--template", "no place")):
        with pytest.raises(SystemExit) as caught:
            run("evaluate", "d.parquet", *bad)
        assert caught.value.code == 2


@pytest.mark.slow
def test_the_starter_knows_its_photos(tmp_path):
    """As a real process, on twelve photos and fourteen plain colours."""
    rows = [
        {"image": thumbnail(Image.fromarray(getattr(skimage.data, name)()).convert("RGB")), "title": words}
        for name, words in PHOTOS.items()
    ]
    rows += [
        {"image": encoded(colour, seed=seed), "title": f"plain {colour}"}
        for colour in (*KINDS, "grey")
        for seed in (0, 1)
    ]
    path = write_parquet(tmp_path / "d.parquet", rows)
    done = subprocess.run(
        [sys.executable, "-m", "ui.cli", "evaluate", path, "--model", "starter", "--device", "cpu", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert figures["title"]["text_to_image_recall_at_5"]["value"] > 0.6  # chance: 5 / 26
    assert figures["title"]["image_to_text_recall_at_5"]["value"] > 0.6  # chance: 5 / 19
    assert figures["index"]["bytes_per_vector"]["value"] == 1024
