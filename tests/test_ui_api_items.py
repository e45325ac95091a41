"""Items over HTTP: pages that stay whole, promoting, discarding, captions."""

import pytest

from tests.colour_pictures import encoded
from tests.served import client_of
from ui.api.client import ApiProblem
from ui.api.schemas.jobs import FillRequest
from ui.api.schemas.search import Narrowed

FLAT = {"k": 7, "fold": False}


@pytest.fixture
def client(tmp_path):
    with client_of(tmp_path) as client:
        yield client


def problem(asked, *arguments, **options):
    with pytest.raises(ApiProblem) as caught:
        asked(*arguments, **options)
    return caught.value.problem


def all_pages(client, query, meanwhile=lambda number: None, **options):
    """Ask page after page by cursor; between them something happens."""
    found, cursor, number = [], None, 0
    while True:
        answer = client.search(query, options=Narrowed(**FLAT, **options, cursor=cursor))
        found += answer.hits
        cursor, number = answer.next_cursor, number + 1
        if cursor is None:
            return found
        meanwhile(number)


def test_pages_by_cursor_are_those_by_offset(client):
    whole = client.search("red", options=Narrowed(k=200, fold=False))
    assert whole.next_cursor is None
    assert [hit.id for hit in all_pages(client, "red")] == [hit.id for hit in whole.hits]
    assert [hit.rank for hit in all_pages(client, "red")] == list(range(1, len(whole.hits) + 1))
    few = [hit.id for hit in client.search("red", options=Narrowed(k=200, fold=False, where="id<30")).hits]
    assert [hit.id for hit in all_pages(client, "red", where="id<30")] == few


def test_what_is_added_and_removed_meanwhile_repeats_and_skips_nothing(client):
    before = [hit.id for hit in client.search("red", options=Narrowed(k=200, fold=False)).hits]
    gone = []

    def meanwhile(number):
        for each in range(3):  # they come before the place where the client reads
            client.add(encoded("red", 100 * number + each), title=f"red {number} {each}", text="red")
        if number == 2:  # the last one that the client has seen, and one of the first
            gone.extend((before[13], before[0]))
            for item_id in gone:
                client.remove(item_id)

    found = [hit.id for hit in all_pages(client, "red", meanwhile)]
    assert len(set(found)) == len(found)
    assert set(before) <= set(found)
    assert len(gone) == 2


def test_a_cursor_is_of_one_search(client):
    first = client.search("red", options=Narrowed(**FLAT))
    told = problem(client.search, "blue", options=Narrowed(**FLAT, cursor=first.next_cursor))
    assert (told.status, "another search" in told.detail) == (400, True)
    other = problem(client.search, "red", options=Narrowed(**FLAT, where="id<50", cursor=first.next_cursor))
    assert other.status == 400
    both = problem(client.search, "red", options=Narrowed(**FLAT, offset=7, cursor=first.next_cursor))
    assert "not both" in both.detail
    longer = client.search("red", options=Narrowed(k=3, fold=False, cursor=first.next_cursor))
    assert [hit.rank for hit in longer.hits] == [8, 9, 10]


def test_a_later_page_is_no_question_of_its_own(client):
    first = client.search("yellow", options=Narrowed(**FLAT))
    client.search("yellow", options=Narrowed(**FLAT, cursor=first.next_cursor))
    assert [gap.times for gap in client.gaps().gaps] == [1]


def test_items_are_listed_newest_first_whatever_comes_and_goes(client):
    first = client.items(limit=40)
    assert [item.id for item in first.items] == list(range(96, 56, -1))
    assert first.total == 96
    client.add(encoded("yellow", 1), title="new")
    client.remove(first.items[-1].id)
    second = client.items(limit=40, cursor=first.next_cursor)
    assert [item.id for item in second.items] == list(range(56, 16, -1))
    last = client.items(limit=40, cursor=second.next_cursor)
    assert [item.id for item in last.items] == list(range(16, 0, -1))
    assert last.next_cursor is None
    assert [item.id for item in client.items(where="id<4").items] == [3, 2, 1]
    assert problem(client.items, where="id <").title == "Bad filter"


def test_what_was_made_is_promoted_or_discarded_and_nothing_else_is(client):
    def make(seed):
        asked = FillRequest(query="yellow", candidates=3, seed=seed, force=True)
        return client.wait(client.fill(asked).id).filled.kept[0]

    one, two = make(0), make(50)
    assert client.items(limit=1).items[0].id not in (one, two)
    assert client.items(limit=2, generated=True).total == 98
    assert not client.promote(one).apart
    assert not client.promote(one).apart, "twice is once"
    assert one in {hit.id for hit in client.search("yellow").hits}
    assert client.discard(one).file
    assert client.discard(two).id == two
    assert problem(client.item, one).status == 404
    assert problem(client.discard, two).status == 404
    for asked in (client.promote, client.discard):
        assert (problem(asked, 1).status, problem(asked, 1).title) == (409, "Not generated")
    assert client.item(1).id == 1


def test_an_upload_gets_another_caption_and_others_do_not(client):
    item = client.add(encoded("yellow", 1), title="thing", text="a yellow thing")
    assert client.caption(item.id, " a zebra crossing ").text == "a zebra crossing"
    assert client.search("zebra").hits[0].id == item.id
    changed = client.caption(item.id, "")
    assert (changed.id, changed.text) == (item.id, "")
    assert client.caption(item.id, "again").text == "again"
    told = problem(client.caption, 1, "x")
    assert (told.status, "not uploaded" in told.detail) == (409, True)
    assert problem(client.caption, 999, "x").status == 404


@pytest.mark.files
def test_a_caption_that_cannot_be_indexed_stays_as_it_was(client, tmp_path, monkeypatch):
    from indexer import Collection

    monkeypatch.setattr("ui.api.service._PATIENCE_S", 0.1)
    item = client.add(encoded("yellow", 1), title="thing", text="before")
    other = Collection.open(tmp_path / "shelf")
    with other.writing():
        assert problem(client.caption, item.id, "after").status == 503
    other.close()
    assert [file.read_text() for file in (tmp_path / "shelf" / "uploads").rglob("*.txt")] == ["before"]
    assert client.item(item.id).text == "before"
