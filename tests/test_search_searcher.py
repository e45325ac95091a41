"""Searching a collection: words, pictures, both, items; paging; pictures and texts on one scale."""

from dataclasses import replace

import pytest

from indexer import EncoderDrift, ItemNotFound, UnreadableImage
from search import EmptyQuery, Like, Picture, Query, Searcher, Words, parse_filter, parse_query
from tests.colour_encoder import COLOURS, ColourEncoder
from tests.colour_pictures import encoded, write_pictures


@pytest.fixture
def searcher(collection, encoder, index, tmp_path):
    write_pictures(tmp_path / "photos", 28)
    index(tmp_path / "photos")
    return Searcher(collection, encoder)


def plain(arguments, **options):
    """Read a query that goes by vectors alone, without folding: one colour is one picture to this encoder."""
    return replace(parse_query(arguments, **options), fold=False, hybrid=False)


def titles(results):
    return [hit.item.title for hit in results.hits]


@pytest.mark.parametrize("colour", sorted(COLOURS.keys() - {"grey"}))  # grey has no direction of its own
def test_words_find_the_pictures_they_describe(searcher, colour):
    results = searcher.search(plain([f"{colour} colour"], k=4))
    assert all(colour in title for title in titles(results))
    assert {hit.matched for hit in results.hits} == {"image"}
    assert [hit.rank for hit in results.hits] == [1, 2, 3, 4]
    assert results.considered == 28


def test_scores_are_the_cosines_of_the_exact_search(searcher, collection, encoder):
    results = searcher.search(plain(["red"], k=28))
    found = collection.search(encoder.encode_texts(["red"])[0], 28)["image"]
    assert [hit.item.id for hit in results.hits] == found.ids.tolist()
    assert [hit.score for hit in results.hits] == found.scores.tolist()


def test_a_picture_finds_itself_first(searcher, tmp_path):
    for path in sorted((tmp_path / "photos").glob("*.png"))[:3]:
        first = searcher.search(plain([str(path)])).hits[0]
        assert first.item.path == str(path)
        assert first.score == pytest.approx(1, abs=1e-3)
        data = Picture(name="upload", data=path.read_bytes())
        assert searcher.search(Query(terms=(data,), text="upload", fold=False, hybrid=False)).hits[
            0
        ].item.path == str(path)


def test_an_item_finds_others_but_not_itself(searcher):
    results = searcher.search(Query(terms=(Like(item_id=3),), text="item:3", fold=False, hybrid=False, k=28))
    assert len(results.hits) == 27
    assert 3 not in {hit.item.id for hit in results.hits}
    colour = searcher.collection.item(3).title.split()[-1]
    assert colour in results.hits[0].item.title


def test_a_minus_steers_away(searcher):
    both = titles(searcher.search(plain(["red + blue"], k=8)))
    steered = titles(searcher.search(plain(["red + blue - 2:blue"], k=8)))
    assert any("blue" in title for title in both)
    assert not any("blue" in title for title in steered)


def test_pages_follow_on_each_other(searcher):
    whole = searcher.search(plain(["green"], k=28)).hits
    pages = [searcher.search(plain(["green"], k=9, offset=offset)).hits for offset in (0, 9, 18, 27)]
    assert [hit for page in pages for hit in page] == list(whole)
    assert searcher.search(plain(["green"], k=9, offset=28)).hits == ()


def test_terms_that_cancel_out_are_an_error(searcher):
    with pytest.raises(EmptyQuery, match="cancel"):
        searcher.search(plain(["red - red"]))


def test_what_is_not_there_is_told(searcher, tmp_path):
    with pytest.raises(ItemNotFound):
        searcher.search(Query(terms=(Like(item_id=999),), text="item:999"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(UnreadableImage):
        searcher.search(plain([str(broken)]))
    with pytest.raises(UnreadableImage):
        searcher.search(Query(terms=(Picture(name="x", data=b""),), text="x"))


def test_a_drifted_encoder_is_refused(searcher):
    drifted = Searcher(searcher.collection, ColourEncoder("colours", seed=9))
    with pytest.raises(EncoderDrift):
        drifted.search(plain(["red"]))


def test_an_empty_collection_answers_with_nothing(collection, encoder):
    results = Searcher(collection, encoder).search(plain(["red"]))
    assert (results.hits, results.considered) == ((), 0)


def test_the_same_words_are_encoded_once(searcher, encoder):
    searcher.search(plain(["yellow"]))
    before = encoder.texts_encoded
    searcher.search(plain(["yellow - white"]))
    searcher.search(plain(["yellow"]))
    assert encoder.texts_encoded == before + 1


def test_pictures_and_texts_are_found_together_and_each_hit_says_by_what(
    collection, encoder, index, tmp_path
):
    """A text is always nearer to words than a picture is; on one scale the right pictures still come up."""
    write_pictures(tmp_path / "photos", 28)
    for number in range(20):
        (tmp_path / "photos" / f"note{number}.txt").write_text(
            f"plain words number {number} about a red thing"
        )
    (tmp_path / "photos" / "yellow.txt").write_text("yellow")
    index(tmp_path / "photos")
    results = Searcher(collection, encoder).search(plain(["yellow"], k=5))
    assert {hit.matched for hit in results.hits[:4]} == {"image", "text"}
    assert all("yellow" in title for title in titles(results))
    for kind in ("image", "text"):
        scores = [hit.score for hit in results.hits if hit.matched == kind]
        assert scores == sorted(scores, reverse=True)


def test_a_query_needs_a_term():
    with pytest.raises(EmptyQuery):
        Query(terms=(), text="")
    assert Query(terms=(Words(text="x"),), text="x").k == 10


def test_an_uploaded_picture_and_words_work_together(searcher):
    upload = Picture(name="upload", data=encoded("red", seed=1000))
    alone = searcher.search(Query(terms=(upload,), text="upload", fold=False, hybrid=False, k=4))
    assert all("red" in title for title in titles(alone))
    terms = (upload, Words(text="red", weight=-0.9), Words(text="green"))
    away = Query(terms=terms, text="to green", fold=False, hybrid=False, k=4)
    assert all("green" in title for title in titles(searcher.search(away)))


def test_a_picture_is_compared_with_pictures_where_there_are_some(collection, encoder, index, tmp_path):
    paths = write_pictures(tmp_path / "photos", 14)
    for path in paths:
        path.with_suffix(".txt").write_text("red")  # every caption lies, and says what the query shows
    (tmp_path / "photos" / "note.txt").write_text("a red note")
    index(tmp_path / "photos")
    upload = Picture(name="upload", data=encoded("red", seed=1000))
    results = Searcher(collection, encoder).search(
        Query(terms=(upload,), text="upload", fold=False, hybrid=False, k=15)
    )
    assert {hit.matched for hit in results.hits if "note" not in hit.item.title} == {"image"}
    assert [hit.matched for hit in results.hits if "note" in hit.item.title] == ["text"]
    assert all("red" in title or title == "note" for title in titles(results)[:2])


def everything(searcher, query):
    return [hit.item.id for hit in searcher.search(replace(query, k=1_000)).hits]


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("hybrid", [True, False])
@pytest.mark.parametrize("text", ["red", "blue thing", "002_blue", "red + yellow - green"])
def test_pages_are_parts_of_one_ranking(searcher, text, hybrid, fold):
    query = replace(parse_query([text]), hybrid=hybrid, fold=fold)
    whole = everything(searcher, query)
    paged = [
        hit.item.id
        for offset in range(0, 28, 5)
        for hit in searcher.search(replace(query, k=5, offset=offset)).hits
    ]
    assert paged == whole
    assert len(set(whole)) == len(whole)
    assert fold or len(whole) == 28


def test_folded_items_stand_under_one_hit_each(searcher):
    results = searcher.search(replace(parse_query(["red"], k=100), hybrid=False))
    members = [member for hit in results.hits for member in (hit.item.id, *hit.folded)]
    assert sorted(members) == list(range(1, 29))
    assert any(hit.folded for hit in results.hits)


def test_words_find_what_the_model_cannot_know(searcher):
    first = searcher.search(parse_query(["013"])).hits[0]
    assert first.item.title.startswith("013")
    assert first.worded


@pytest.mark.parametrize(("where", "count"), [("id<=9", 9), ("id=3", 1), ("id<0", 0), ("not id<=9", 19)])
def test_a_condition_never_starves(searcher, where, count):
    query = replace(plain(["red"], k=28), condition=parse_filter(where), where=where)
    results = searcher.search(query)
    assert len(results.hits) == results.considered == count


def test_hits_can_be_ordered_by_an_attribute(searcher):
    rising = searcher.search(replace(plain(["red"], k=28), order="title"))
    assert titles(rising) == sorted(titles(rising))
    falling = searcher.search(replace(plain(["red"], k=28), order="-title"))
    assert titles(falling) == sorted(titles(rising), reverse=True)


def test_diverse_hits_differ_more(searcher):
    alike = searcher.search(plain(["red"], k=4))
    diverse = searcher.search(replace(plain(["red"], k=4), diversity=0.9))
    assert diverse.hits[0].item.id == alike.hits[0].item.id
    colours = [len({title.split()[-1] for title in titles(results)}) for results in (alike, diverse)]
    assert colours[1] > colours[0]
