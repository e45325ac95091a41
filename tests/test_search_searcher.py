"""Searching a collection: words, pictures, both, items; paging; pictures and texts on one scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import EncoderDrift, ItemNotFound, UnreadableImage
from search import EmptyQuery, Like, Picture, Query, Searcher, Words, parse_query
from search.ranking import Spread, level, merge
from tests.colour_encoder import COLOURS, ColourEncoder
from tests.colour_pictures import encoded, write_pictures


@pytest.fixture
def searcher(collection, encoder, index, tmp_path):
    write_pictures(tmp_path / "photos", 28)
    index(tmp_path / "photos")
    return Searcher(collection, encoder)


def titles(results):
    return [hit.item.title for hit in results.hits]


@pytest.mark.parametrize("colour", sorted(COLOURS.keys() - {"grey"}))  # grey has no direction of its own
def test_words_find_the_pictures_they_describe(searcher, colour):
    results = searcher.search(parse_query([f"{colour} colour"], k=4))
    assert all(colour in title for title in titles(results))
    assert {hit.matched for hit in results.hits} == {"image"}
    assert [hit.rank for hit in results.hits] == [1, 2, 3, 4]
    assert results.considered == 28


def test_scores_are_the_cosines_of_the_exact_search(searcher, collection, encoder):
    results = searcher.search(parse_query(["red"], k=28))
    found = collection.search(encoder.encode_texts(["red"])[0], 28)["image"]
    assert [hit.item.id for hit in results.hits] == found.ids.tolist()
    assert [hit.score for hit in results.hits] == found.scores.tolist()


def test_a_picture_finds_itself_first(searcher, tmp_path):
    for path in sorted((tmp_path / "photos").glob("*.png"))[:3]:
        first = searcher.search(parse_query([str(path)])).hits[0]
        assert first.item.path == str(path)
        assert first.score == pytest.approx(1, abs=1e-3)
        data = Picture(name="upload", data=path.read_bytes())
        assert searcher.search(Query(terms=(data,), text="upload")).hits[0].item.path == str(path)


def test_an_item_finds_others_but_not_itself(searcher):
    results = searcher.search(Query(terms=(Like(item_id=3),), text="item:3", k=28))
    assert len(results.hits) == 27
    assert 3 not in {hit.item.id for hit in results.hits}
    colour = searcher.collection.item(3).title.split()[-1]
    assert colour in results.hits[0].item.title


def test_a_minus_steers_away(searcher):
    plain = titles(searcher.search(parse_query(["red + blue"], k=8)))
    steered = titles(searcher.search(parse_query(["red + blue - 2:blue"], k=8)))
    assert any("blue" in title for title in plain)
    assert not any("blue" in title for title in steered)


def test_pages_follow_on_each_other(searcher):
    whole = searcher.search(parse_query(["green"], k=28)).hits
    pages = [searcher.search(parse_query(["green"], k=9, offset=offset)).hits for offset in (0, 9, 18, 27)]
    assert [hit for page in pages for hit in page] == list(whole)
    assert searcher.search(parse_query(["green"], k=9, offset=28)).hits == ()


def test_terms_that_cancel_out_are_an_error(searcher):
    with pytest.raises(EmptyQuery, match="cancel"):
        searcher.search(parse_query(["red - red"]))


def test_what_is_not_there_is_told(searcher, tmp_path):
    with pytest.raises(ItemNotFound):
        searcher.search(Query(terms=(Like(item_id=999),), text="item:999"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(UnreadableImage):
        searcher.search(parse_query([str(broken)]))
    with pytest.raises(UnreadableImage):
        searcher.search(Query(terms=(Picture(name="x", data=b""),), text="x"))


def test_a_drifted_encoder_is_refused(searcher):
    drifted = Searcher(searcher.collection, ColourEncoder("colours", seed=9))
    with pytest.raises(EncoderDrift):
        drifted.search(parse_query(["red"]))


def test_an_empty_collection_answers_with_nothing(collection, encoder):
    results = Searcher(collection, encoder).search(parse_query(["red"]))
    assert (results.hits, results.considered) == ((), 0)


def test_the_same_words_are_encoded_once(searcher, encoder):
    searcher.search(parse_query(["yellow"]))
    before = encoder.texts_encoded
    searcher.search(parse_query(["yellow - white"]))
    searcher.search(parse_query(["yellow"]))
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
    results = Searcher(collection, encoder).search(parse_query(["yellow"], k=5))
    assert {hit.matched for hit in results.hits[:4]} == {"image", "text"}
    assert all("yellow" in title for title in titles(results))
    scores = [hit.score for hit in results.hits]
    assert scores == sorted(scores, reverse=True)


scores_and_ids = st.dictionaries(st.integers(0, 50), st.floats(-1, 1, width=32), max_size=20)


@given(scores_and_ids, scores_and_ids)
def test_merging_takes_each_item_once_by_its_better_score(images, texts):
    found = {
        kind: (np.array(list(scores.values()), np.float32), np.array(list(scores), np.int64))
        for kind, scores in (("image", images), ("text", texts))
    }
    merged = merge(found)
    assert {item_id for item_id, _, _ in merged} == images.keys() | texts.keys()
    assert len(merged) == len({item_id for item_id, _, _ in merged})
    for item_id, score, kind in merged:
        assert score == max(images.get(item_id, -9), texts.get(item_id, -9))
        assert {"image": images, "text": texts}[kind][item_id] == score
    assert merged == sorted(merged, key=lambda entry: (-entry[1], entry[0]))


@given(st.integers(0, 100))
def test_levelling_keeps_the_order_and_matches_the_spread(seed):
    rng = np.random.default_rng(seed)
    own, other = rng.normal(0.6, 0.05, 100).astype(np.float32), rng.normal(0.2, 0.02, 100).astype(np.float32)
    levelled = level(own, Spread.of(own), Spread.of(other))
    assert (np.argsort(levelled) == np.argsort(own)).all()
    assert levelled.mean() == pytest.approx(other.mean(), abs=1e-4)
    assert levelled.std() == pytest.approx(other.std(), abs=1e-4)
    few = Spread.of(own[:3])
    np.testing.assert_array_equal(level(own, few, Spread.of(other)), own)


def test_a_query_needs_a_term():
    with pytest.raises(EmptyQuery):
        Query(terms=(), text="")
    assert Query(terms=(Words(text="x"),), text="x").k == 10


def test_an_uploaded_picture_and_words_work_together(searcher):
    upload = Picture(name="upload", data=encoded("red", seed=1000))
    alone = searcher.search(Query(terms=(upload,), text="upload", k=4))
    assert all("red" in title for title in titles(alone))
    away = Query(terms=(upload, Words(text="red", weight=-0.9), Words(text="green")), text="to green", k=4)
    assert all("green" in title for title in titles(searcher.search(away)))


def test_a_picture_is_compared_with_pictures_where_there_are_some(collection, encoder, index, tmp_path):
    paths = write_pictures(tmp_path / "photos", 14)
    for path in paths:
        path.with_suffix(".txt").write_text("red")  # every caption lies, and says what the query shows
    (tmp_path / "photos" / "note.txt").write_text("a red note")
    index(tmp_path / "photos")
    upload = Picture(name="upload", data=encoded("red", seed=1000))
    results = Searcher(collection, encoder).search(Query(terms=(upload,), text="upload", k=15))
    assert {hit.matched for hit in results.hits if "note" not in hit.item.title} == {"image"}
    assert [hit.matched for hit in results.hits if "note" in hit.item.title] == ["text"]
    assert all("red" in title or title == "note" for title in titles(results)[:2])
