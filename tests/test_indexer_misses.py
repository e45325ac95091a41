"""The log of misses: counted, dated, bounded, and never in anybody's way."""

import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import Collection, StorageFailure, Unanswered
from indexer.storage import misses as module
from tests.colour_encoder import DIM
from tests.strategies import unit_rows

ROOT = Path(__file__).parents[1]
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def miss(text="a teal armchair", seed=0, **values):
    defaults = {"kind": "text", "verdict": "no match", "coverage": 0.1}
    return Unanswered(text=text, embedding=unit_rows(1, DIM, seed)[0], **(defaults | values))


def seen(collection):
    return [(m.text, m.times, m.last_at) for m in collection.store.misses()]


def test_a_miss_is_kept_with_all_that_was_told(collection):
    asked = miss(where="price<80", verdict="weak", coverage=0.4)
    assert collection.log_miss(asked, at=AT)
    [found] = collection.store.misses()
    assert (found.text, found.where, found.kind, found.verdict) == (asked.text, "price<80", "text", "weak")
    assert (found.coverage, found.times, found.first_at, found.last_at) == (0.4, 1, AT, AT)
    np.testing.assert_array_equal(found.embedding, asked.embedding.astype(np.float16).astype(np.float32))
    assert found.embedding.dtype == np.float32


def test_the_same_query_is_counted_with_its_last_verdict(collection):
    for hour, coverage in enumerate((0.1, 0.3, 0.2)):
        collection.log_miss(miss(coverage=coverage), at=AT + timedelta(hours=hour))
    collection.log_miss(miss("a teal sofa"), at=AT + timedelta(minutes=90))
    first, second = collection.store.misses()
    assert (first.text, first.times, first.coverage) == ("a teal armchair", 3, 0.2)
    assert (first.first_at, first.last_at) == (AT, AT + timedelta(hours=2))
    assert (second.text, second.times) == ("a teal sofa", 1)


def test_another_filter_or_another_picture_is_another_query(collection):
    for asked in (
        miss(),
        miss(where="price<80"),
        miss("picture", seed=1, kind="image"),
        miss("picture", seed=2, kind="image"),
        miss("picture", seed=2, kind="image"),
        miss("picture", seed=3),  # the word itself
        miss("picture", seed=4),  # and again, from a model that rounds otherwise
    ):
        collection.log_miss(asked)
    assert sorted((m.text, m.where, m.times) for m in collection.store.misses()) == [
        ("a teal armchair", "", 1),
        ("a teal armchair", "price<80", 1),
        ("picture", "", 1),
        ("picture", "", 2),
        ("picture", "", 2),
    ]


@given(asked=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=20))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_log_is_a_counter(collection, asked):
    """Against plain counting, in whatever order the clock says."""
    collection.store.forget_misses()
    expected = {}
    for text, hour in asked:
        at = AT + timedelta(hours=hour)
        collection.log_miss(miss(text), at=at)
        times, first, last = expected.get(text, (0, at, at))
        expected[text] = times + 1, min(first, at), max(last, at)
    found = {m.text: (m.times, m.first_at, m.last_at) for m in collection.store.misses()}
    assert found == expected
    assert [m.last_at for m in collection.store.misses()] == sorted(
        (v[2] for v in expected.values()), reverse=True
    )


def test_times_are_told_in_utc_whatever_zone_they_came_in(collection):
    collection.log_miss(miss(), at=AT.astimezone(timezone(timedelta(hours=5))))
    assert collection.store.misses()[0].last_at == AT
    assert collection.store.misses()[0].last_at.tzinfo is UTC
    collection.log_miss(miss())
    assert abs(collection.store.misses()[0].last_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_any_text_can_be_logged(collection):
    for text in ("", "\udcff broken", "x" * 100_000, 'a "quoted\n" \0 thing', "椅子"):
        assert collection.log_miss(miss(text))
    assert len(collection.store.misses()) == 5
    assert "? broken" in [m.text for m in collection.store.misses()]


def test_misses_can_be_forgotten(collection):
    for text in "abcd":
        collection.log_miss(miss(text))
    ids = {m.text: m.id for m in collection.store.misses()}
    assert collection.store.forget_misses([ids["a"], ids["c"], 999]) == 2
    assert sorted(m.text for m in collection.store.misses()) == ["b", "d"]
    assert collection.store.forget_misses([]) == 0
    assert collection.store.forget_misses() == 2
    assert collection.store.misses() == []


def test_the_log_is_bounded_and_forgets_what_nobody_asks_any_more(collection, monkeypatch):
    monkeypatch.setattr(module, "MOST_MISSES", 5)
    for hour in range(8):
        collection.log_miss(miss(f"query {hour}"), at=AT + timedelta(hours=hour))
        collection.log_miss(miss("query 0"), at=AT + timedelta(hours=hour, minutes=1))
    assert [m.text for m in collection.store.misses()] == [
        "query 0",
        *(f"query {hour}" for hour in (7, 6, 5, 4)),
    ]
    assert collection.store.misses()[0].times == 9


@pytest.mark.files
def test_a_collection_that_is_being_written_drops_the_miss_without_waiting(collection):
    busy = sqlite3.connect(collection.folder / "findmake.sqlite", isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    started = time.perf_counter()
    assert collection.log_miss(miss()) is False
    assert time.perf_counter() - started < 2  # whoever waits does so for ten seconds
    busy.execute("COMMIT")
    busy.close()
    assert collection.store.misses() == []
    assert collection.log_miss(miss())


@pytest.mark.files
def test_after_a_dropped_miss_others_wait_for_their_turn_again(collection):
    """The connection goes back to the pool as it was."""
    collection.log_miss(miss())
    with collection.store._db.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


@pytest.mark.files
def test_a_read_only_collection_drops_the_miss(collection, monkeypatch):
    collection.log_miss(miss("before"))
    connect = collection.store._db._engine.connect

    def read_only():
        connection = connect()
        connection.connection.driver_connection.execute("PRAGMA query_only=ON")  # root may write anything
        return connection

    collection.store._db._engine.connect = read_only
    assert collection.log_miss(miss("after")) is False
    with pytest.raises(StorageFailure):
        collection.store.forget_misses()
    assert [m.text for m in collection.store.misses()] == ["before"]


def test_two_processes_log_at_once_and_none_is_counted_twice(collection):
    code = (
        "import sys; from pathlib import Path; from indexer import Collection\n"
        "from tests.test_indexer_misses import miss\n"
        "collection = Collection.open(Path(sys.argv[1]))\n"
        "print(sum(collection.log_miss(miss(f'query {n % 5}')) for n in range(100)))"
    )
    command = [sys.executable, "-c", code, str(collection.folder)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    logged = sum(int(process.communicate(timeout=180)[0]) for process in running)
    assert sum(m.times for m in collection.store.misses()) == logged > 0
    assert len(collection.store.misses()) == 5


def test_logging_leaves_the_collection_as_it_was(collection):
    before = collection.store.change(), collection.store.revision()
    collection.log_miss(miss())
    assert (collection.store.change(), collection.store.revision()) == before
    again = Collection.open(collection.folder)
    assert len(again.store.misses()) == 1
    again.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "sound"},
        {"verdict": "match"},
        {"coverage": 1.5},
        {"coverage": float("nan")},
        {"embedding": np.zeros((2, DIM), np.float32)},
        {"embedding": np.full(DIM, np.nan, np.float32)},
    ],
)
def test_what_is_no_miss_is_refused(wrong):
    values = {"text": "x", "kind": "text", "verdict": "weak", "coverage": 0.1}
    values["embedding"] = unit_rows(1, DIM, 0)[0]
    with pytest.raises(ValueError, match=r"not a miss|coverage|embedding"):
        Unanswered(**(values | wrong))
