"""Killed while its encoder is changed, a collection has the old embeddings or the new, never a mix."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer import KINDS, Collection, Tagging, Unanswered, index_sources, open_source, reembed
from indexer.collection.server_address import link
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from tests.made_pictures import make

pytestmark = pytest.mark.files

ROOT = Path(__file__).parents[1]
POINTS = 20
OLD, NEW = ColourEncoder("colours"), ColourEncoder("colours", seed=1)


def prepare(folder, tmp_path):
    """A collection with pictures, captions, a text, tags, a generated picture and a miss."""
    photos = tmp_path / "photos"
    for path in write_pictures(photos, 70)[:30]:
        path.with_suffix(".txt").write_text(f"a red caption for {path.stem}")
    (photos / "note.txt").write_text("green words")
    collection = Collection.create(folder, OLD)
    index_sources(collection, OLD, [open_source(photos)])
    collection.store.add_tags([Tagging(item_id=3, tag="sale"), Tagging(item_id=5, tag="sale")])
    make(collection, OLD)
    [row] = OLD.encode_texts(["blue"])
    miss = Unanswered(text="blue", kind="text", verdict="no match", coverage=0.1, embedding=row)
    assert collection.log_miss(miss)
    collection.close()


def rows_of(collection):
    return {
        (kind, apart): [array.tolist() for array in collection.store.embeddings(kind, apart=apart)]
        for kind in KINDS
        for apart in (False, True)
    }


def rest_of(collection):
    """All that must not change."""
    store = collection.store
    ids = [*(known.id for known in store.walk()), *store.apart()]
    told = [(miss.text, miss.times, miss.verdict) for miss in store.misses()]
    thumbnails = [store.thumbnail(item_id) for item_id in ids]
    known = store.known(ids)
    return ids, store.items(ids), told, thumbnails, known, store.roots(), [store.taggings(i) for i in ids]


def snapshot(folder):
    collection = Collection.open(folder)
    found = collection.spec.weights_sha256, rows_of(collection), rest_of(collection)
    if collection.spec.weights_sha256 == NEW.spec.weights_sha256:
        collection.verify(NEW)
        encoder = NEW
    else:
        collection.verify(OLD)
        encoder = OLD
    [query] = encoder.encode_texts(["red"])
    nearest = collection.search(query, 5, apart=True)["image"]
    _, rows = collection.store.embeddings("image")
    best = np.sort(np.vecdot(rows, query))[::-1][:5]
    assert np.allclose(nearest.scores, best, atol=1e-6), "the index is of the embeddings in the database"
    collection.close()
    return found


def killed(folder, kill_at):
    command = [sys.executable, "-m", "tests.reembed_in_process", str(folder), str(kill_at)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


def points(changes):
    """Points to be killed at: all over the run, and each change of the switch at its end."""
    early = np.linspace(1, changes - 12, POINTS - 12).astype(int).tolist()
    return sorted({*early, *range(changes - 11, changes + 1)})


def finish(folder):
    collection = Collection.open(folder)
    if collection.spec.weights_sha256 != NEW.spec.weights_sha256:
        reembed(collection, NEW)
    collection.close()


def are_alike(one, other):
    """Say whether two collections are equal but for rounding: a row depends a little on its batch."""
    rows = zip(one[1].values(), other[1].values(), strict=True)
    alike = all(a[0] == b[0] and np.allclose(a[1], b[1], atol=1e-3) for a, b in rows)
    return one[0] == other[0] and alike and one[2] == other[2]


def test_a_collection_in_a_folder_is_the_old_or_the_new_one_wherever_it_is_killed(tmp_path):
    base, folder = tmp_path / "base", tmp_path / "collection"
    prepare(folder, tmp_path)
    old = snapshot(folder)
    folder.rename(base)

    def run(kill_at):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base, folder)
        code, told = killed(folder, kill_at)
        return code, told, snapshot(folder)

    code, told, new = run(0)
    assert code == 0
    assert new[0] == NEW.spec.weights_sha256
    assert new[1] != old[1]
    assert new[2] == old[2]
    where = points(int(told))
    assert len(where) >= POINTS
    ends = []
    for point in where:
        code, _, found = run(point)
        assert code == -9, f"not killed at {point}"
        assert found in (old, new), f"a mix after a kill at {point}"
        ends.append(found == new)
        finish(folder)
        assert are_alike(snapshot(folder), new)
    assert not ends[0]
    assert ends == sorted(ends), "once it is the new one, it stays so"


def test_a_collection_on_a_server_is_the_old_or_the_new_one_wherever_it_is_killed(tmp_path, postgres):
    address = postgres.new_database()
    folder = tmp_path / "collection"
    link(folder, address)
    prepare(folder, tmp_path)
    old = snapshot(folder)
    point, ends = 1, []
    while True:  # each run goes on from the one before, and is killed a little later
        code, _ = killed(folder, point)
        found = snapshot(folder)
        assert found[2] == old[2]
        ends.append(found[0] == NEW.spec.weights_sha256)
        if not ends[-1]:
            assert found == old, f"a mix after a kill at {point}"
        if code == 0 or ends[-1]:
            break
        assert code == -9
        point += 1
        assert point < 60
    assert len(ends) > 8
    finish(folder)
    expected = {kind: Collection.open(folder).store.embeddings(kind)[0].tolist() for kind in KINDS}
    assert expected == {kind: old[1][kind, False][0] for kind in KINDS}
    assert snapshot(folder)[1] != old[1]
