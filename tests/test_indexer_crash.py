"""Killed anywhere and run again, a collection equals that of one clean run (invariant 5)."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from indexer import Collection, index_sources, open_source
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures

pytestmark = pytest.mark.files

KILLS = 30
ROOT = Path(__file__).parents[1]


def content(folder):
    """All that a person could notice of a collection, by key."""
    collection = Collection.open(folder)
    found = {}
    for known in collection.store.walk():
        item = collection.item(known.id)
        vectors = [
            collection.embeddings(kind, np.array([known.id]))[0].tobytes() if kind in item.kinds else None
            for kind in ("image", "text")
        ]
        shown = (item.title, item.text, item.path, item.width, item.height, dict(item.attributes))
        found[known.key] = (known.fingerprint, shown, vectors, collection.store.thumbnail(known.id))
    counts = (len(found), collection.count("image"), collection.count("text"))
    collection.close()
    return counts, found


def build(collection_folder, photos):
    encoder = ColourEncoder()
    collection = Collection.create(collection_folder, encoder)
    report = index_sources(collection, encoder, [open_source(photos)])
    collection.close()
    return report


def killed_run(collection_folder, photos, delay_s):
    """Index in another process and kill it after a delay; say whether it died from that."""
    command = [sys.executable, "-m", "tests.index_in_process", str(collection_folder), str(photos)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay_s)
        process.kill()
        rest = process.stdout.read()
    return "done" not in rest


def prepare(tmp_path):
    """A collection of one state of a folder, and the folder in a later state: added, changed, moved, gone."""
    photos = tmp_path / "photos"
    paths = write_pictures(photos, 90)
    for path in paths[:20]:
        path.with_suffix(".txt").write_text(f"a caption for {path.stem}")
    build(tmp_path / "base", photos)
    write_pictures(photos / "more", 60, start=200)
    for path in paths[10:30]:
        path.rename(photos / f"moved {path.name}")
    for number, path in enumerate(paths[30:50]):
        path.write_bytes(encoded("yellow", seed=500 + number, form="BMP"))
    for path in paths[50:60]:
        path.unlink()
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    return photos


def test_thirty_kills_at_random_points_lose_nothing(tmp_path):
    photos = prepare(tmp_path)
    shutil.copytree(tmp_path / "base", tmp_path / "clean")
    started = time.perf_counter()
    report = build(tmp_path / "clean", photos)
    duration_s = time.perf_counter() - started
    assert (report.added, report.updated, report.moved, report.removed) == (70, 20, 20, 10)
    expected = content(tmp_path / "clean")
    chance = random.Random(4)
    survived = attempts = 0
    while survived < KILLS:
        attempts += 1
        assert attempts < 3 * KILLS, "the process is always done before it is killed"
        victim = tmp_path / f"victim{attempts}"
        shutil.copytree(tmp_path / "base", victim)
        if killed_run(victim, photos, chance.uniform(0, duration_s)):
            Collection.open(victim).close()  # what was committed is readable at once
            build(victim, photos)
            assert content(victim) == expected
            survived += 1
        shutil.rmtree(victim)


def test_a_kill_while_a_collection_is_being_made_leaves_nothing_in_the_way(tmp_path):
    photos = tmp_path / "photos"
    write_pictures(photos, 5)
    folder = tmp_path / "collection"
    folder.mkdir()
    (folder / "findmake.sqlite").touch()  # the file is there, but no table, and no word about the model
    report = build(folder, photos)
    assert report.added == 5
