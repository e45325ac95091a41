"""Indexing by Ray: the same collection as one process makes, on two logical nodes."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer import Collection, index_sources, open_source, read_on_cluster
from indexer.errors import ClusterFailure, EncoderDrift, EncoderMismatch
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures

pytestmark = [pytest.mark.files, pytest.mark.filterwarnings("ignore")]  # Ray warns of this and that

SHARD = 128


@pytest.fixture(scope="module")
def nodes():
    """Two logical machines in one cluster, so small that three workers need both."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=2)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


class SlowColours(ColourEncoder):
    """Takes so long that no worker can do all shards alone."""

    def encode_images(self, images):
        time.sleep(0.5)
        return super().encode_images(images)


class OtherColours(ColourEncoder):
    """Gives other embeddings under the same name."""

    def encode_images(self, images):
        return np.roll(super().encode_images(images), 7, axis=1)


def open_and_tell(folder, kind=ColourEncoder):
    """Leave word of the machine that the model was loaded on."""
    import ray

    Path(folder, ray.get_runtime_context().get_node_id()).touch()
    return kind()


@pytest.fixture
def inputs(tmp_path):
    """A folder with captions and a broken file, a table of rows, a table with pictures inside, and texts."""
    photos = tmp_path / "photos"
    write_pictures(photos, 300)
    names = sorted(path.name for path in photos.iterdir())
    (photos / "note.md").write_text("a red note")
    (photos / names[0]).with_suffix(".txt").write_text("a caption")
    (photos / "broken.jpg").write_bytes(b"no picture")
    rows = tmp_path / "shop.csv"
    with rows.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "title", "price", "image"])
        table.writerows([n, f"thing {n}", n, f"photos/{names[n]}"] for n in range(20))
    inside = tmp_path / "inside.parquet"
    pictures = [{"bytes": encoded("red", seed=n), "path": None} for n in range(40)]
    pq.write_table(pa.table({"image": pictures, "title": [f"inside {n}" for n in range(40)]}), inside)
    return [photos, rows, inside]


def run(folder, inputs, *, read=None, **options):
    encoder = ColourEncoder()
    collection = Collection.create(folder, encoder)
    try:
        sources = [open_source(path) for path in inputs]
        return index_sources(collection, encoder, sources, read=read, **options), contents(collection)
    finally:
        collection.close()


def contents(collection):
    known = list(collection.store.walk())
    items = collection.store.items([each.id for each in known])
    rows = {kind: collection.store.embeddings(kind) for kind in ("image", "text")}
    thumbnails = [collection.store.thumbnail(each.id) for each in known]
    plain = [replace(item, provenance=replace(item.provenance, at=None)) for item in items]
    return known, plain, thumbnails, {kind: [part.tolist() for part in rows[kind]] for kind in rows}


def assert_same(found, expected):
    """Compare contents; embeddings from batches of other sizes may differ in their last bits."""
    assert found[:3] == expected[:3]
    for kind, (ids, rows) in expected[3].items():
        assert found[3][kind][0] == ids
        np.testing.assert_allclose(found[3][kind][1], rows, atol=2e-3)


def test_a_cluster_that_is_not_there_is_told(tmp_path):
    write_pictures(tmp_path / "photos", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for form in (address, f"ray://{address}"):
        with pytest.raises(ClusterFailure, match=address):
            run(tmp_path / "c", [tmp_path / "photos"], read=read_on_cluster(ColourEncoder, address=form))


def test_the_cluster_makes_the_collection_that_one_process_makes(nodes, tmp_path, inputs, monkeypatch):
    monkeypatch.setattr("indexer.ingest.ray._SHARD", 24)
    told = tmp_path / "told"
    told.mkdir()
    read = read_on_cluster(partial(open_and_tell, str(told), SlowColours), workers=3)
    progress = []
    alone, expected = run(tmp_path / "alone", inputs)
    report, found = run(tmp_path / "shared", inputs, read=read, on_progress=progress.append)
    assert_same(found, expected)
    same = {"seconds": 0, "images_per_s": 0, "embedded": 0}  # workers do not know what is a copy of what
    assert replace(report, **same) == replace(alone, **same)
    assert [failure.path for failure in report.failed] == [str(inputs[0] / "broken.jpg")]
    assert len(list(told.iterdir())) == 2  # machines
    assert len(progress) >= 3
    again, _ = run(tmp_path / "shared", inputs, read=read)
    assert (again.unchanged, again.added, again.embedded) == (alone.added, 0, 0)


def test_a_run_that_was_stopped_goes_on_after_the_last_shard(nodes, tmp_path, inputs):
    read = read_on_cluster(ColourEncoder, workers=2)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c", inputs, read=read, on_progress=stop)
    report, found = run(tmp_path / "c", inputs, read=read)
    assert report.unchanged == SHARD
    assert_same(found, run(tmp_path / "alone", inputs)[1])


def test_a_worker_with_other_numbers_is_found_out(nodes, tmp_path, inputs):
    with pytest.raises(EncoderDrift):
        run(tmp_path / "c", inputs, read=read_on_cluster(OtherColours, workers=1))
    collection = Collection.open(tmp_path / "c")
    assert len(collection) == 0
    collection.close()


def _unavailable():
    raise EncoderMismatch("colours", "another")


def test_what_goes_wrong_in_a_worker_is_told_as_what_it_is(nodes, tmp_path, inputs):
    with pytest.raises(EncoderMismatch, match="another"):
        run(tmp_path / "c", inputs, read=read_on_cluster(_unavailable, workers=1))


@pytest.mark.slow
def test_the_command_line_starts_a_cluster_of_its_own(tmp_path):
    write_pictures(tmp_path / "photos", 20)
    command = [sys.executable, "-m", "ui.cli", "index", str(tmp_path / "photos"), "--engine", "ray", "--json"]
    command += ["--collection", str(tmp_path / "c"), "--workers", "1", "--model", "starter"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 20


# Last: nodes that are gone count among the living for a while.


class ColoursOnGpu(ColourEncoder):
    """Leaves word of the GPUs that its process may use."""

    def __init__(self, folder):
        super().__init__()
        Path(folder, os.environ.get("CUDA_VISIBLE_DEVICES", "any")).touch()


@pytest.mark.parametrize(("on_gpus", "workers"), [(True, None), (True, 5), (False, 2)])
def test_each_worker_has_a_gpu_of_its_own_where_there_are_any(
    nodes, on_gpus, workers, tmp_path, monkeypatch, request
):
    """On logical GPUs: what Ray hands out and tells its workers is the same."""
    monkeypatch.setattr("indexer.ingest.ray._SHARD", 4)
    for resources in ({"num_cpus": 2, "num_gpus": 2}, {"num_cpus": 0, "num_gpus": 1}):  # the last of no use
        more = nodes.add_node(**resources)
        request.addfinalizer(partial(nodes.remove_node, more))
    write_pictures(tmp_path / "photos", 40)
    told = tmp_path / "told"
    told.mkdir()
    opened = partial(ColoursOnGpu, str(told))
    read = read_on_cluster(opened, workers=workers, on_gpus=on_gpus)
    report, _ = run(tmp_path / "c", [tmp_path / "photos"], read=read)
    assert report.added == 40
    seen = {path.name for path in told.iterdir()}
    assert seen <= ({"0", "1"} if on_gpus else {"any", ""})
    assert seen
