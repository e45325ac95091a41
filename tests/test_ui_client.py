"""The typed client against a real server: every way in, and what goes wrong."""

import io

import httpx
import pytest
from PIL import Image

from tests.colour_pictures import encoded
from tests.served import TOKEN, client_of, serving
from ui.api.client import ApiProblem, Client, ServerUnreachable
from ui.api.schemas.jobs import FillRequest
from ui.api.schemas.search import Narrowed


@pytest.fixture
def client(tmp_path):
    with client_of(tmp_path) as client:
        yield client


def problem(asked, *arguments, **options):
    with pytest.raises(ApiProblem) as caught:
        asked(*arguments, **options)
    return caught.value.problem


def test_words_find_and_what_is_lacking_is_said(client):
    answer = client.search("red")
    assert answer.verdict == "match"
    assert answer.coverage > 0.5
    assert len(answer.hits) == 10
    assert [hit.rank for hit in answer.hits] == list(range(1, 11))
    assert {hit.path for hit in answer.hits} == {None}
    assert "red" in client.item(answer.hits[0].id).text
    assert client.search("yellow").verdict == "no match"
    assert [gap.name for gap in client.gaps().gaps] == ["yellow"]


def test_pages_conditions_facets_and_explanations(client):
    options = Narrowed(k=4, fold=False, explain=True, facets=["modality"])
    first = client.search("red - blue", options=options)
    assert first.next_offset == 4
    assert [part.term for part in first.hits[0].explain] == ["red", "blue"]
    assert first.facets["modality"].items >= 4
    second = client.search("red - blue", options=Narrowed(k=4, offset=4, fold=False))
    assert not {hit.id for hit in first.hits} & {hit.id for hit in second.hits}
    assert [hit.rank for hit in second.hits] == [5, 6, 7, 8]
    few = client.search("red", options=Narrowed(where="id<3"))
    assert {hit.id for hit in few.hits} == {1, 2}
    assert few.next_offset is None
    likely = client.search("red", options=Narrowed(threshold=0.5, diverse=0.3, order="-id", words=False))
    assert [hit.id for hit in likely.hits] == sorted((hit.id for hit in likely.hits), reverse=True)


def test_items_and_pictures_are_queries(client):
    first = client.search("red", options=Narrowed(k=1)).hits[0].id
    alike = client.search(item=first)
    assert first not in {hit.id for hit in alike.hits}
    assert "red" in client.item(alike.hits[0].id).text
    shown = client.search_picture(encoded("blue", 7), options=Narrowed(k=3))
    assert len(shown.hits) == 3
    assert "blue" in client.item(shown.hits[0].id).text
    both = client.search_picture(encoded("blue", 7), query="- blue", item=first)
    assert "red" in client.item(both.hits[0].id).text


def test_an_item_with_its_pictures(client):
    item = client.item(1)
    assert (item.id, item.modality, item.origin, item.path) == (1, "image+text", "imported", None)
    assert "source" not in item.provenance
    assert Image.open(io.BytesIO(client.thumbnail(1))).format == "WEBP"
    assert client.image(1) == encoded("black", 0)
    assert Image.open(io.BytesIO(client.image(1, side=32))).format == "WEBP"
    assert problem(client.item, 999).status == 404
    assert problem(client.thumbnail, 999).title == "Item not found"


def test_an_upload_is_found_tagged_and_removed(client):
    data = encoded("yellow", 3)
    item = client.add(data, title="../../etc/a yellow: thing.png", text="a yellow picture")
    assert item.title == "a yellow thing"
    assert client.image(item.id) == data
    assert client.search("yellow").hits[0].id == item.id
    assert client.search("yellow").verdict == "match"
    assert client.add(data, title="another name").id == item.id
    tagged = client.tag(item.id, add=["Sale", "new"])
    assert tagged.tags == ["new", "sale"]
    assert client.tag(item.id, remove=["new"]).tags == ["sale"]
    assert [hit.id for hit in client.search("red", options=Narrowed(where="tag:sale")).hits] == [item.id]
    removed = client.remove(item.id)
    assert removed.file
    assert problem(client.item, item.id).status == 404
    assert client.search("yellow").verdict == "no match"
    assert problem(client.remove, item.id).status == 404


def test_a_gap_is_filled_watched_and_discarded(client):
    assert client.search("yellow").verdict == "no match"
    began = client.fill(FillRequest(query="yellow", candidates=3, seed=0))
    states = list(client.events(began.id))
    assert states[-1].state == "done"
    assert [job.state for job in states] == sorted(
        (job.state for job in states), key=["queued", "running", "done"].index
    )
    filled = states[-1].filled
    assert (filled.outcome, len(filled.candidates), len(filled.kept)) == ("filled", 3, 1)
    assert client.job(began.id) == states[-1]
    made = client.item(filled.kept[0])
    assert (made.origin, made.apart, made.provenance["for_query"]) == ("generated", True, "yellow")
    assert "extras" not in made.provenance
    assert made.id in {hit.id for hit in client.search("yellow", options=Narrowed(generated=True)).hits}
    assert made.id not in {hit.id for hit in client.search("yellow").hits}
    again = client.wait(client.fill(FillRequest(query="yellow")).id)
    assert (again.filled.outcome, again.filled.reused) == ("reused", [made.id])
    assert client.gaps().gaps[0].filled_by == [made.id]
    assert client.remove(made.id).file
    assert client.gaps().gaps[0].filled_by == []


def test_what_is_served_and_how_it_does(client):
    [served] = client.collections().collections
    assert (served.name, served.items, served.path) == ("shelf", 96, None)
    assert client.health().items == 96
    client.search("red")
    text = client.metrics()
    assert 'findmake_verdicts_total{verdict="match"} 1.0' in text
    assert 'findmake_requests_total{method="POST",route="/search",status="200"} 1.0' in text
    assert "findmake_items 96.0" in text


def test_problems_are_sentences(client):
    bad = problem(client.search, "red", options=Narrowed(where="price <"))
    assert (bad.status, bad.title) == (400, "Bad filter")
    assert "character" in bad.detail
    assert problem(client.search, "").title == "Empty query"
    assert problem(client.search, "red - red").title == "Empty query"
    assert problem(client.search_picture, b"no picture").title == "Unreadable image"
    assert problem(client.job, "0" * 32).status == 404
    assert problem(client.job, "x").status == 422
    assert problem(client.tag, 1, add=[" "]).title == "Bad tag"
    assert problem(client.fill, FillRequest(query="a", keep=3, candidates=2)).title == "Bad request"


def test_a_token_is_needed_and_enough(tmp_path):
    with serving(tmp_path, token=TOKEN) as (address, _):
        for token in (None, TOKEN[:-1], TOKEN + "x"):
            with Client(address, token=token) as stranger:
                assert problem(stranger.search, "red").status == 401
                assert problem(stranger.metrics).status == 401
                assert stranger.health().status == "ok"
        with Client(address, token=TOKEN) as friend:
            assert friend.search("red").hits


def test_a_server_that_is_not_there_is_told_of():
    with Client("http://127.0.0.1:9") as client, pytest.raises(ServerUnreachable, match="serve --api"):
        client.health()


def test_another_server_is_not_taken_for_one(tmp_path, monkeypatch):
    with Client("http://127.0.0.1:9") as client:
        client._http = httpx.Client(
            base_url="http://x", transport=httpx.MockTransport(lambda _: httpx.Response(502, text="nginx"))
        )
        with pytest.raises(ServerUnreachable, match="502"):
            client.health()
