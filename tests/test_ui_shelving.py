"""From the command line: what stands apart is shown to who asks, promoted, discarded; misses are logged."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import Collection
from search import Like, Picture, Query, Words, calibrate_collection, parse_filter, parse_query
from search.verdict.calibration import Bars
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures
from tests.made_pictures import make
from ui.services import answer, operations
from ui.settings import Settings


@pytest.fixture
def run(command, tmp_path):
    for path in write_pictures(tmp_path / "photos", 70):
        path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} picture")
    assert command("index", "photos")[0] == 0
    return command


@pytest.fixture
def opened(run, tmp_path):
    made = Collection.open(tmp_path / "collection")
    yield made
    made.close()


@pytest.fixture
def doubting(run, opened, monkeypatch):
    """Whatever is asked, the verdict is ``no match``, but where words decide; nothing counts as a copy."""
    found = replace(calibrate_collection(opened, ColourEncoder()), bars=Bars(match=1.0, weak=1.0))
    monkeypatch.setattr(operations, "find_calibration", lambda *_: found)
    monkeypatch.setattr("search.ranking.answer.near_duplicate_threshold", lambda _spec: 1.1)
    return run


def asked(collection):
    return sorted((miss.text, miss.kind, miss.where, miss.times) for miss in collection.store.misses())


def test_made_pictures_are_shown_to_who_asks_promoted_and_discarded(run, opened):
    item = make(opened, ColourEncoder(), "yellow", seed=500)
    everywhere = ("search", "yellow", "-k", 80, "--no-fold", "--json")

    def shown(*options):
        return {hit["id"]: hit for hit in json.loads(run(*everywhere, *options)[1])["hits"]}

    assert item.id not in shown()
    for options in (("--generated",), ("--where", "origin=generated")):
        assert (shown(*options)[item.id]["origin"], shown(*options)[item.id]["apart"]) == ("generated", True)
    assert "[generated, apart]" in run("search", "yellow", "--generated", "-k", 80, "--no-fold")[1]
    assert item.id in {
        h["id"]
        for h in json.loads(run("similar", 6, "--generated", "--no-fold", "-k", 80, "--json")[1])["hits"]
    }
    facts = json.loads(run("info", "--json")[1])
    assert (facts["items"], facts["pictures"], facts["generated"]) == (70, 70, 1)
    assert facts["bytes"] > Path(item.path).stat().st_size
    assert run("promote", item.id) == (0, "", "1 promoted.\n")
    assert run("promote", item.id, item.id) == (0, "", "0 promoted. 1 had been promoted before.\n")
    assert (shown()[item.id]["origin"], shown()[item.id]["apart"]) == ("generated", False)
    assert "[generated]" in run("search", "yellow", "-k", 80, "--no-fold")[1]
    facts = json.loads(run("info", "--json")[1])
    assert (facts["items"], facts["generated"]) == (71, 0)
    assert run("discard", item.id) == (0, "", "1 discarded, with their files.\n")
    assert not Path(item.path).exists()
    assert item.id not in shown("--generated")
    orphan = Path(item.path)
    orphan.write_bytes(b"x")
    assert run("discard", "--orphans") == (
        0,
        "",
        "0 discarded, with their files.\n1 files removed that no item named.\n",
    )
    assert not orphan.exists()
    assert run("discard")[0] == 2


@pytest.mark.parametrize("verb", ["promote", "discard"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("3", "it was imported, not made here"),
        ("999", "No item '999'"),
        ("x", "No item 'x'"),
        ("9" * 30, "No item"),
    ],
)
def test_what_cannot_be_promoted_or_discarded_is_told(run, opened, verb, wrong, said):
    item = make(opened, ColourEncoder())
    code, out, err = run(verb, item.id, wrong)
    assert (code, out) == (1, "")
    assert said in err
    assert opened.store.apart() == [item.id]


def test_queries_that_nothing_answers_are_logged(doubting, opened, tmp_path, monkeypatch):
    (tmp_path / "asked.png").write_bytes(encoded("yellow", 700))
    for arguments in (
        ("a teal armchair",),
        ("a teal armchair",),
        ("a teal armchair", "--json"),
        ("a teal armchair", "--offset", "10"),  # a later page is no question of its own
        ("a teal armchair", "--where", "width>1000"),  # nothing passes the filter
        ("a teal armchair", "--where", "origin=generated"),  # asks what was made
        ("a teal armchair", "--generated"),
        ("a teal armchair", "--where", "width>0"),
        ("asked.png",),
        ("2:leather + asked.png - red",),
    ):
        assert doubting("search", *arguments)[0] == 0
    (tmp_path / "queries.txt").write_text("a lamp\n\n")
    doubting("search", "--queries", "queries.txt")
    doubting("similar", "3")
    assert asked(opened) == [
        ("2:leather + picture - red", "mixed", "", 1),
        ("a lamp", "text", "", 1),
        ("a teal armchair", "text", "", 3),
        ("a teal armchair", "text", "width>0", 1),
        ("item:3", "image", "", 1),
        ("picture", "image", "", 1),
    ]
    assert all(miss.verdict == "no match" for miss in opened.store.misses())
    monkeypatch.setenv("FINDMAKE_LOG_MISSES", "off")
    opened.store.forget_misses()
    doubting("search", "a teal armchair")
    assert asked(opened) == []


def test_answers_and_measuring_are_not_logged(run, opened, monkeypatch):
    found = replace(calibrate_collection(opened, ColourEncoder()), bars=Bars(match=0.0, weak=0.0))
    monkeypatch.setattr(operations, "find_calibration", lambda *_: found)
    run("search", "red")
    assert run("evaluate")[0] == 0
    run("recommend", "--like", "3")
    searcher = operations.open_searcher(Settings.read())
    searcher.search(parse_query(["red"]))
    assert opened.store.misses() == []
    weak = replace(found, bars=Bars(match=1.0, weak=0.0))
    monkeypatch.setattr(operations, "find_calibration", lambda *_: weak)
    run("search", "red")
    [miss] = opened.store.misses()
    assert (miss.text, miss.verdict) == ("red", "weak")


@pytest.mark.files
def test_a_search_neither_fails_nor_waits_while_somebody_writes(doubting, opened):
    busy = sqlite3.connect(opened.folder / "findmake.sqlite", isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    code, _, err = doubting("search", "a teal armchair")
    assert code == 0
    assert "no match" in err
    busy.execute("ROLLBACK")
    busy.close()
    assert opened.store.misses() == []


def test_the_settings_say_whether_misses_are_logged(tmp_path):
    def read(value=None):
        variables = {} if value is None else {"FINDMAKE_LOG_MISSES": value}
        return Settings.read(variables, collection=tmp_path).log_misses

    assert [read(), read(""), read("on"), read("1"), read(" True "), read("YES")] == [True] * 6
    assert [read("off"), read("0"), read("false"), read("no"), read("oof")] == [False] * 5
    quiet = Settings(collection=tmp_path, log_misses=False)
    assert not Settings.read(quiet.as_environment()).log_misses
    assert Settings.read(Settings(collection=tmp_path).as_environment()).log_misses


def test_no_path_or_address_gets_into_the_log(doubting, opened):
    searcher = operations.open_searcher(Settings.read())
    secret = Picture(name="/home/me/secret.png", data=encoded("red"))
    for terms in (
        (secret,),
        (secret, Words(text="leather"), Like(item_id=2)),
        (replace(secret, weight=-1.0), Words(text="leather")),
    ):
        query = Query(terms=terms, text="/home/me/secret.png and more")
        assert answer.unanswered(searcher.search(query))
        answer.search(searcher, query, Settings.read())
    assert [text for text, *_ in asked(opened)] == [
        "- picture + leather",
        "picture",
        "picture + leather + item:2",
    ]
    condition = parse_filter("id<0")
    nothing = searcher.search(replace(parse_query(["red"]), condition=condition, where="id<0"))
    assert answer.unanswered(nothing) is None
