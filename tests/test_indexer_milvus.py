"""A collection whose candidates come from a real Milvus server."""

import socket
import time

import numpy as np
import pytest

from indexer import Collection, index_sources, open_source, optimize
from indexer.doctor import examine
from indexer.errors import VectorsUnreachable
from indexer.vectors import ExactIndex
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from tests.made_pictures import make
from tests.strategies import unit_rows
from tests.test_indexer_server import draft

pytestmark = [pytest.mark.files, pytest.mark.filterwarnings("ignore")]  # the client's dependencies warn

DIM = ColourEncoder().spec.dim


def write_netrc(home, password):
    (home / ".netrc").write_text(f"machine 127.0.0.1 login root password {password}\n")
    (home / ".netrc").chmod(0o600)


@pytest.fixture(scope="module")
def milvus(tmp_path_factory):
    """A server that asks for a password, which this user knows."""
    from tests.milvus_server import Milvus

    home = tmp_path_factory.mktemp("home")
    write_netrc(home, "Milvus")  # as the server comes
    server = Milvus()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        yield server
    server.stop()


def fill(collection, rows, *, start=0):
    drafts = [draft(f"k{start + n}", title="x", rows={"text": row}) for n, row in enumerate(rows)]
    return collection.store.write(drafts)


def exact_of(collection):
    exact = ExactIndex(DIM)
    exact.add(*collection.store.embeddings("text"))
    return exact


@pytest.fixture
def many(collection, milvus):
    """Three thousand embeddings that Milvus knows."""
    return put(collection, milvus)


@pytest.fixture(scope="module")
def lasting(milvus, tmp_path_factory):
    """The same, for tests that only search."""
    made = Collection.create(tmp_path_factory.mktemp("lasting") / "collection", ColourEncoder())
    yield put(made, milvus)
    made.close()


def put(collection, milvus):
    fill(collection, unit_rows(3_000, DIM, 5))
    collection.use_vectors(milvus.address)
    return collection


def assert_nearly_exact(collection, *, allowed=None, queries=20, least=0.95):
    exact = exact_of(collection)
    hits = wanted = 0
    for query in unit_rows(queries, DIM, 7):
        found = collection.search(query, 10, allowed=allowed)["text"]
        ids = exact.search(query, 10, allowed)[1]
        assert len(found.ids) == len(ids)
        np.testing.assert_array_equal(found.scores, np.vecdot(exact.embeddings(found.ids), query))
        assert (np.diff(found.scores) <= 0).all()
        hits, wanted = hits + len(np.intersect1d(found.ids, ids)), wanted + len(ids)
    assert hits >= least * wanted


def test_nearly_all_is_found_and_scored_exactly(lasting):
    assert not lasting.keeps_files
    assert_nearly_exact(lasting)


@pytest.mark.parametrize("share", [0.0005, 0.05, 0.4, 0.9])
def test_a_filter_never_starves(lasting, share):
    ids = lasting.store.embedded_ids("text")
    allowed = np.sort(np.random.default_rng(1).choice(ids, max(int(len(ids) * share), 1), replace=False))
    assert_nearly_exact(lasting, allowed=allowed)
    found = lasting.search(unit_rows(1, DIM, 9)[0], 5_000, allowed=allowed)["text"]
    assert len(found.ids) == len(allowed)


def test_every_change_is_seen_at_once_and_by_others(many, milvus):
    other = Collection.open(many.folder)
    query = unit_rows(1, DIM, 11)[0]
    [new] = fill(many, query[None], start=5_000)
    for each in (many, other):
        assert each.search(query, 1)["text"].ids.tolist() == [new]
    many.save_indexes()
    assert other.search(query, 1)["text"].ids.tolist() == [new]
    many.store.remove([new])
    for each in (many, other):
        assert new not in each.search(query, 10)["text"].ids
    many.save_indexes()
    assert_nearly_exact(many)
    assert_nearly_exact(other)
    third = Collection.open(many.folder)
    assert_nearly_exact(third)
    assert (
        third._indexes._index("text", third.store.change())._fresh.ids().tolist() == []
    )  # Milvus has it all
    other.close()
    third.close()


def test_what_milvus_lost_is_put_back(many, milvus):
    base = many._indexes._bases["text"]
    base._client.drop_collection(base._name)
    again = Collection.open(many.folder)
    assert_nearly_exact(again)
    again.save_indexes()
    assert base.change() == many.store.change()
    again.close()


def test_indexing_fills_it_and_what_was_made_stands_apart(collection, milvus, tmp_path, encoder):
    collection.use_vectors(milvus.address)
    write_pictures(tmp_path / "photos", 20)
    report = index_sources(collection, encoder, [open_source(tmp_path / "photos")])
    assert report.added == 20
    made = make(collection, encoder, seed=1)
    query = ColourEncoder().encode_texts(["red"])[0]
    assert made.id not in collection.search(query, 50)["image"].ids
    assert made.id in collection.search(query, 50, apart=True)["image"].ids
    assert optimize(collection, forced=True) == {}
    assert examine(collection.folder, open_encoder=lambda _: encoder).is_healthy


def test_a_collection_can_go_back(many):
    many.use_vectors(None)
    assert many.keeps_files
    assert_nearly_exact(many, least=1)
    again = Collection.open(many.folder)
    assert again.keeps_files
    again.close()


def test_a_server_that_is_not_there_is_told_and_changes_nothing(collection):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(VectorsUnreachable, match="--vectors here"):
        collection.use_vectors(address)
    assert time.monotonic() - started < 30
    assert collection.keeps_files
    assert collection.store.meta("vectors") is None


# -- a server that asks who comes --------------------------------------------------------------------------


def test_who_has_no_password_or_a_wrong_one_is_told(collection, milvus, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(VectorsUnreachable, match="as nobody, for there is no name in"):
        collection.use_vectors(milvus.address)
    write_netrc(tmp_path, "wrong")
    with pytest.raises(VectorsUnreachable, match="asked as root in") as told:
        collection.use_vectors(milvus.address)
    assert "wrong" not in str(told.value)


def test_a_password_in_the_address_is_refused_and_not_repeated(collection):
    with pytest.raises(VectorsUnreachable, match=r"~/\.netrc.*machine milvus\.example") as told:
        collection.use_vectors("http://root:secret@milvus.example:19530")
    assert "secret" not in str(told.value)
    assert collection.store.meta("vectors") is None


def test_an_unreadable_netrc_is_told(collection, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine")
    with pytest.raises(VectorsUnreachable, match="netrc cannot be read"):
        collection.use_vectors("http://127.0.0.1:9")
