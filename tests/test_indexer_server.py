"""A collection on a PostgreSQL server. With --on-server, the other tests of the house run on one too."""

import multiprocessing
import os
import signal
import socket
import stat
import string
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from indexer import Collection, index_sources, open_source
from indexer.collection.server_address import address_of, link, use_server
from indexer.doctor import examine
from indexer.errors import (
    BadAddress,
    CollectionBusy,
    CollectionNotFound,
    EncoderMismatch,
    ServerUnreachable,
    StorageFailure,
    UnfitServer,
)
from indexer.indexes.pgvector import PgvectorIndex, has_graph, make_graph
from indexer.items import Imported
from indexer.storage.drafts import Draft
from indexer.storage.fulltext.lexemes import words_of
from indexer.vectors import ExactIndex
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from tests.made_pictures import make
from tests.strategies import unit_rows

DIM = 48
_SLOWLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

pytestmark = pytest.mark.files


@pytest.fixture
def shared(tmp_path, postgres, encoder):
    """A collection on the server; ``elsewhere`` opens it from another folder, as another machine would."""
    address = postgres.new_database()
    link(tmp_path / "here", address)
    opened = [Collection.create(tmp_path / "here", encoder)]

    def elsewhere(name="there"):
        link(tmp_path / name, address)
        opened.append(Collection.open(tmp_path / name))
        return opened[-1]

    opened[0].elsewhere = elsewhere
    opened[0].address = address
    yield opened[0]
    for each in opened:
        each.close()


def index(collection, *paths, **options):
    return index_sources(collection, ColourEncoder(), [open_source(path) for path in paths], **options)


def draft(key, *, title="", text="", rows=None):
    return Draft(
        id=None, key=key, path=None, fingerprint="", title=title, text=text, width=0, height=0, attributes={},
        image_sha256=None, text_sha256=None, embeddings=rows or {},
        provenance=Imported(source=key, at=datetime.now(UTC)),
    )  # fmt: skip


# -- addresses and servers that do not answer -------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["mysql://host/db", "postgresql://host", "postgresql+psycopg://host:port/db", "http://host/db"]
)
def test_what_is_no_address_of_a_database_is_refused(address, tmp_path):
    with pytest.raises(BadAddress, match=r"postgresql\+psycopg://USER"):
        use_server(address, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_in_no_file_and_in_no_message(tmp_path):
    folder, password = use_server("postgresql://me:se%40cret@localhost:1/shop", tmp_path)
    assert password == "se@cret"
    assert use_server("postgresql+psycopg://me@localhost:1/shop", tmp_path) == (folder, None)
    assert "cret" not in (folder / "server.url").read_text()
    with pytest.raises(ServerUnreachable) as caught:
        Collection.open(folder)
    assert "cret" not in str(caught.value)
    with pytest.raises(BadAddress) as refused:
        use_server("mysql://me:secret@localhost/shop", tmp_path)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_told_within_seconds(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    link(tmp_path / "c", f"postgresql+psycopg://postgres@127.0.0.1:{port}/shop")
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match="PGPASSWORD") as caught:
        Collection.open(tmp_path / "c")
    assert time.monotonic() - started < 10
    assert str(port) in str(caught.value)


def test_a_database_that_is_not_there_or_not_ours_is_told(tmp_path, postgres, encoder):
    link(tmp_path / "none", postgres.address("no_such_database"))
    with pytest.raises(ServerUnreachable, match="no_such_database"):
        Collection.create(tmp_path / "none", encoder)
    link(tmp_path / "latin", postgres.new_database(encoding="LATIN1"))
    with pytest.raises(UnfitServer, match="LATIN1"):
        Collection.create(tmp_path / "latin", encoder)


def test_looking_for_a_collection_makes_nothing(tmp_path, postgres):
    link(tmp_path / "c", postgres.new_database())
    with pytest.raises(CollectionNotFound):
        Collection.open(tmp_path / "c")
    with postgres.connect(address_of(tmp_path / "c")) as connection:
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        assert connection.execute(tables).fetchone() == (0,)


def test_the_command_line_takes_an_address(tmp_path, postgres, command):
    address = postgres.new_database()
    write_pictures(tmp_path / "photos", 6)
    code, out, err = command("index", tmp_path / "photos", "--collection", address)
    assert code == 0, err
    code, out, err = command("search", "red", "--collection", address, "--paths-only", "-k", "2")
    assert (code, len(out.splitlines())) == (0, 2), err
    code, out, err = command("doctor", "--collection", address)
    assert "The server that holds the collection answers." in out + err
    code, out, err = command("search", "red", "--collection", "postgres://nobody:pw@127.0.0.1:1/x")
    assert code == 4
    assert "cannot be used" in err
    assert "Traceback" not in err


# -- vectors ----------------------------------------------------------------------------------------------


def fill(collection, rows, *, start=0):
    return collection.store.write(
        [draft(f"k{start + n}", title="x", rows={"text": row}) for n, row in enumerate(rows)]
    )


def index_of(collection, *, graph=False):
    return PgvectorIndex(
        collection.database.reading, "text", DIM, graph=graph, count=collection.store.count("text")
    )


@_SLOWLY
@given(st.integers(0, 40), st.integers(0, 30), st.integers(0, 99), st.data())
def test_comparing_with_all_gives_the_answer_of_the_exact_index(shared, n, k, seed, data):
    shared.store.remove(index_of(shared).ids().tolist())
    rows = unit_rows(n, DIM, seed, repeats=3)
    ids = fill(shared, rows)
    exact, server = ExactIndex(DIM), index_of(shared)
    exact.add(np.array(ids, np.int64), rows)
    assert len(server) == len(exact)
    np.testing.assert_array_equal(server.ids(), exact.ids())
    np.testing.assert_array_equal(server.embeddings(exact.ids()), exact.embeddings(exact.ids()))
    allowed = data.draw(st.none() | st.lists(st.sampled_from([*ids, 10**9]), max_size=20))
    allowed = None if allowed is None else np.array(allowed, np.int64)
    for query in (unit_rows(1, DIM, seed + 1)[0], *rows[:1]):
        for expected, found in zip(
            exact.search(query, k, allowed), server.search(query, k, allowed), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(KeyError):
        server.embeddings(np.array([10**9]))


@pytest.fixture
def graphed(shared):
    """Six thousand embeddings, some of what was made here among them, and a graph over all."""
    rows = unit_rows(6_000, DIM, 5)
    ids = np.array(fill(shared, rows), np.int64)
    with shared.database.writing() as connection:
        connection.execute(sql("UPDATE items SET apart = true WHERE id % 50 = 0"))
    with shared.database.building() as connection:
        make_graph(connection, "text", DIM)
        connection.exec_driver_sql("ANALYZE embeddings")
    there = ids % 50 != 0
    exact = ExactIndex(DIM)
    exact.add(ids[there], rows[there])
    return exact, index_of(shared, graph=True), rows


def test_the_graph_finds_nearly_all_and_scores_them_exactly(graphed, shared):
    exact, server, rows = graphed
    hits = 0
    for query in unit_rows(40, DIM, 6):
        scores, ids = server.search(query, 10)
        _, best = exact.search(query, 10)
        assert len(ids) == 10
        hits += len(np.intersect1d(ids, best))
        np.testing.assert_array_equal(scores, np.vecdot(exact.embeddings(ids), query))
        assert (np.diff(scores) <= 0).all()
    assert hits >= 0.95 * 400
    with shared.database.reading() as connection:
        plan = sql(f"EXPLAIN SELECT item_id {server._all} ORDER BY {server._far} LIMIT 10")
        told = {"query": str(rows[0].tolist())}
        assert "embeddings_by_text" in "".join(connection.scalars(plan, told))


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.95])
def test_a_filter_never_starves(graphed, share, monkeypatch):
    monkeypatch.setattr(
        "indexer.indexes.pgvector._FEW", 50
    )  # so that the graph is walked for small shares too
    exact, server, _ = graphed
    allowed = np.sort(np.random.default_rng(3).choice(exact.ids(), int(6_000 * share), replace=False))
    for query in unit_rows(10, DIM, 8):
        for k in (1, 10, len(allowed)):
            ids = server.search(query, k, allowed)[1]
            assert len(ids) == min(k, len(allowed))
            assert np.isin(ids, allowed).all()
        assert server.search(query, 5, allowed)[0][0] >= exact.search(query, 5, allowed)[0][0] - 0.1


def test_a_graph_is_made_by_one_while_others_write_and_search(shared, monkeypatch):
    monkeypatch.setattr("indexer.indexes.postgres.GRAPH_FROM", 3_000)
    fill(shared, unit_rows(3_000, shared.spec.dim, 5))
    other = shared.elsewhere()
    written = []

    def write():
        for number in range(20):
            written.extend(fill(other, unit_rows(5, shared.spec.dim, number), start=5_000 + 5 * number))

    def build(collection):
        collection.save_indexes()

    threads = [threading.Thread(target=build, args=(each,)) for each in (shared, other)]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 100
    shared.save_indexes()
    index = shared._indexes._catalogue().indexes["text"]
    assert index._graph
    rows = index.embeddings(np.array(written[-5:], np.int64))
    for item_id, row in zip(written[-5:], rows, strict=True):
        assert item_id in index.search(row, 3)[1]


def test_a_graph_whose_building_died_is_made_anew(shared):
    fill(shared, unit_rows(300, DIM, 5))
    with shared.database.building() as connection:
        make_graph(connection, "text", DIM)
        broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embeddings_by_text'::regclass"
        connection.exec_driver_sql(broken)
        assert not has_graph(connection, "text")
        make_graph(connection, "text", DIM)
        assert has_graph(connection, "text")


# -- words ------------------------------------------------------------------------------------------------

_WORD = st.sampled_from(
    ["shoe", "Shoes", "shoebox", "AB-12/x", "ab", "12", "Ärmel", "zoë", "é", "ÅSA", "it's", "靴", "кот"]
)
_TEXTS = st.lists(_WORD, max_size=8).map(" ".join)
_SOUGHT = st.lists(_WORD, min_size=1, max_size=3)


@_SLOWLY
@given(st.lists(st.tuples(_TEXTS, _TEXTS, st.booleans()), max_size=12), _SOUGHT, st.booleans())
def test_words_are_found_and_scored_as_by_sqlite(shared, tmp_path, encoder, texts, sought, every):
    local = Collection.create(tmp_path / "local", encoder)
    local.store.remove(_all(local))
    shared.store.remove(_all(shared))
    drafts = [draft(f"/p/{n}.txt", title=title, text=text) for n, (title, text, _) in enumerate(texts)]
    there = [dict(zip(each.store.write(drafts), range(99), strict=False)) for each in (local, shared)]
    found = [each.store.match_words(sought, 50, every=every) for each in (local, shared)]
    names = [[known[item] for item in ids.tolist()] for known, (ids, _) in zip(there, found, strict=True)]
    local.close()
    assert sorted(names[0]) == sorted(names[1])
    by_name = [dict(zip(each, scores, strict=True)) for each, (_, scores) in zip(names, found, strict=True)]
    for name, score in by_name[0].items():
        assert by_name[1][name] == pytest.approx(score, rel=1e-4, abs=1e-6)


def _all(collection):
    return [known.id for known in collection.store.walk()]


@given(
    st.text(string.ascii_letters + string.digits + string.punctuation + " éÅßžой靴\u0301\u00bd²", max_size=40)
)
@settings(deadline=None)
def test_words_hold_letters_and_digits_only(text):
    assert all(word and "'" not in word and " " not in word and "\\" not in word for word in words_of(text))
    assert words_of(text) == words_of(text.upper()) or "ß" in text


def test_a_very_long_text_can_be_kept(shared):
    words = [f"word{n}" for n in range(200_000)]
    shared.store.write(
        [draft("long", title="a long one", text=" ".join(words)), draft("nul", text="nul\0here")]
    )
    assert len(shared.store.match_words(["word17"], 5, every=True)[0]) == 1
    assert len(shared.store.match_words(["here"], 5, every=True)[0]) == 1


# -- many at once -----------------------------------------------------------------------------------------


def test_of_machines_that_make_it_for_different_models_at_once_one_wins_and_the_others_are_told(
    tmp_path, postgres
):
    address, machines = postgres.new_database(), 6
    start = threading.Barrier(machines)

    def make(number):
        encoder = ColourEncoder(f"model {number}", seed=number)
        link(tmp_path / str(number), address)
        start.wait()
        try:
            made = Collection.create(tmp_path / str(number), encoder)
        except (CollectionBusy, EncoderMismatch) as error:
            return error
        index_sources(made, encoder, [])  # it may use what it made
        made.close()
        return made.spec.name

    with ThreadPoolExecutor(machines) as pool:
        told = list(pool.map(make, range(machines)))
    [winner] = [each for each in told if isinstance(each, str)]
    assert all(f"'{winner}'" in str(each) for each in told if isinstance(each, EncoderMismatch))
    again = Collection.open(tmp_path / "0")
    assert again.spec.name == winner
    again.verify(ColourEncoder(winner, seed=told.index(winner)))
    again.close()


def test_another_machine_sees_what_was_written_at_once(shared, tmp_path):
    other = shared.elsewhere()
    query = ColourEncoder().encode_texts(["red"])[0]
    for round_, count in enumerate((4, 9)):
        write_pictures(tmp_path / "photos", count)
        index(shared, tmp_path / "photos")
        mine, theirs = (each.search(query, 20)["image"] for each in (shared, other))
        assert len(theirs.ids) == count, round_
        np.testing.assert_array_equal(mine.ids, theirs.ids)
        np.testing.assert_array_equal(mine.scores, theirs.scores)


def test_a_calibration_made_on_one_machine_is_there_on_all(shared):
    other = shared.elsewhere()
    (shared.folder / "calibration.safetensors").write_bytes(b"numbers")
    assert not other.file("calibration.safetensors").is_file()
    shared.keep_file("calibration.safetensors")
    assert other.file("calibration.safetensors").read_bytes() == b"numbers"


def _index_in_process(folder, photos, start):
    collection = Collection.open(Path(folder))
    start.wait()
    index(collection, Path(photos))
    collection.close()


def test_three_indexers_at_once_lose_nothing_and_repeat_nothing(shared, tmp_path):
    """Two of them read the same folder."""
    write_pictures(tmp_path / "a", 40)
    write_pictures(tmp_path / "b", 30, start=100)
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    jobs = []
    for name, photos in (("one", "a"), ("two", "a"), ("three", "b")):
        link(tmp_path / name, shared.address)
        arguments = (str(tmp_path / name), str(tmp_path / photos), start)
        jobs.append(context.Process(target=_index_in_process, args=arguments))
    for job in jobs:
        job.start()
    start.set()
    for job in jobs:
        job.join(120)
        assert job.exitcode == 0
    keys = [known.key for known in shared.store.walk()]
    assert len(keys) == len(set(keys)) == 70
    assert shared.store.count("image") == 70
    assert index(shared, tmp_path / "a", tmp_path / "b").unchanged == 70
    assert examine(shared.folder, open_encoder=lambda _: ColourEncoder()).is_healthy


def test_whoever_wants_it_alone_waits_for_nobody(shared):
    other = shared.elsewhere()
    with (
        shared.writing(),
        shared.writing(),
        other.writing(),
        pytest.raises(CollectionBusy),
        other.writing(alone=True),
    ):
        pass
    with shared.writing(alone=True):
        with pytest.raises(CollectionBusy), other.writing():
            pass
        with shared.writing():
            pass
        refused = []

        def from_another_thread():
            try:
                with shared.writing():
                    pass
            except CollectionBusy as error:
                refused.append(error)

        thread = threading.Thread(target=from_another_thread)
        thread.start()
        thread.join()
        assert len(refused) == 1
    with other.writing(alone=True):
        pass


def test_a_killed_indexer_holds_nobody_up_and_the_next_goes_on(shared, tmp_path):
    write_pictures(tmp_path / "photos", 60)
    script = "import sys, tests.test_indexer_server as t; t._index_slowly(*sys.argv[1:])"
    link(tmp_path / "victim", shared.address)
    command = [sys.executable, "-c", script, str(tmp_path / "victim"), str(tmp_path / "photos")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout.readline() == "begun\n"
        os.kill(victim.pid, signal.SIGKILL)
    before = shared.store.count()
    assert 0 < before < 60
    deadline = time.monotonic() + 20
    while True:  # the server notices within moments that the process is gone
        try:
            with shared.writing(alone=True):
                break
        except CollectionBusy:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    report = index(shared, tmp_path / "photos")
    assert (report.unchanged, report.added) == (before, 60 - before)


def _index_slowly(folder, photos):
    def tell(progress):
        if progress.done < 60:
            sys.stdout.write("begun\n")
            sys.stdout.flush()
            time.sleep(60)

    ColourEncoder.batch_size = 16
    index(Collection.open(Path(folder)), Path(photos), on_progress=tell)


def test_a_server_that_dies_loses_nothing_that_was_committed(tmp_path, encoder):
    from tests.postgres_server import PostgresServer

    server = PostgresServer(safely=True)
    try:
        link(tmp_path / "c", server.new_database())
        collection = Collection.create(tmp_path / "c", encoder)
        write_pictures(tmp_path / "photos", 60)
        told = []

        def die(progress):
            told.append(progress.done)
            if len(told) == 1:
                server.pause()

        with pytest.raises((ServerUnreachable, StorageFailure)):
            index(collection, tmp_path / "photos", on_progress=die)
        with pytest.raises((ServerUnreachable, StorageFailure)):
            collection.store.count()
        server.start_again()
        assert collection.store.count() == told[0]
        assert index(collection, tmp_path / "photos").added == 60 - told[0]
        collection.close()
    finally:
        server.stop()


# -- the rest of the house --------------------------------------------------------------------------------


def test_what_was_made_here_stands_apart_on_every_machine(shared, tmp_path):
    write_pictures(tmp_path / "photos", 6)
    index(shared, tmp_path / "photos")
    made = make(shared, ColourEncoder(), seed=1)
    other = shared.elsewhere()
    query = ColourEncoder().encode_texts(["red"])[0]
    assert made.id not in other.search(query, 20)["image"].ids
    assert made.id in other.search(query, 20, apart=True)["image"].ids
    assert other.store.thumbnail(made.id)


def test_the_doctor_mends_what_is_broken_on_a_server(shared, tmp_path, postgres):
    write_pictures(tmp_path / "photos", 6)
    index(shared, tmp_path / "photos")
    with postgres.connect(shared.address) as connection:
        connection.execute("DELETE FROM fields WHERE item_id = 2")
        connection.execute("DELETE FROM words WHERE rowid = 3")
        connection.execute("UPDATE thumbnails SET webp = 'x' WHERE item_id = 1")
        connection.commit()

    def look(**options):
        return examine(shared.folder, open_encoder=lambda _: ColourEncoder(), **options)

    assert not look().is_healthy
    assert look(repair=True).is_healthy
    assert {finding.state for finding in look().findings} == {"fine"}


def test_the_file_that_names_a_server_may_be_read_only(shared):
    (shared.folder / "server.url").chmod(stat.S_IRUSR)
    Collection.open(shared.folder).close()
