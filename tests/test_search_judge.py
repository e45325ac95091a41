"""Judging: reasons in a sentence, words that decide, pages that agree, generated items."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import Like, Query, Searcher, Words, calibrate_collection, parse_query
from search.ranking_input import Best, Rows
from search.verdict.calibration import Bars
from search.verdict.judge import Judge, WordMatch
from search.verdict.phrase_bank import PHRASES
from tests.catalogues import catalogue
from tests.colour_pictures import write_pictures
from tests.strategies import unit_rows


@pytest.fixture
def calibration(collection, encoder, index, tmp_path):
    """Of 84 pictures of seven colours with captions."""
    for path in write_pictures(tmp_path / "photos", 84):
        path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} picture")
    index(tmp_path / "photos")
    return calibrate_collection(collection, encoder)


@pytest.fixture
def searcher(collection, encoder, calibration):
    return Searcher(collection, encoder, calibrated=lambda *_: calibration)


def judged_with(searcher, calibration, **bars):
    found = replace(calibration, bars=Bars(**bars))
    return Searcher(searcher.collection, searcher.encoder, calibrated=lambda *_: found)


def vectors(text, **options):
    return replace(parse_query([text], **options), hybrid=False, fold=False)


@pytest.mark.parametrize(
    ("bars", "verdict", "begins"),
    [
        ({"match": 0.0, "weak": 0.0}, "match", "The best hits stand out"),
        ({"match": 1.0, "weak": 0.0}, "weak", "Something here may answer"),
        ({"match": 1.0, "weak": 1.0}, "no match", "Nothing here seems to answer"),
    ],
)
def test_each_verdict_has_its_reason_in_one_sentence(searcher, calibration, bars, verdict, begins):
    results = judged_with(searcher, calibration, **bars).search(vectors("red thing", k=5))
    reason = results.judgement.reason
    assert results.verdict == verdict
    assert reason.startswith(begins)
    assert reason.endswith(".")
    assert "\n" not in reason
    if verdict != "match":  # what it looks like instead is a phrase of the bank
        assert reason.split("'")[1] in PHRASES
    assert len(results.hits) == 5  # the nearest misses are still there


def test_a_code_that_singles_out_an_item_decides(searcher):
    """The name of a file: the model cannot know it."""
    results = searcher.search(replace(parse_query(["013"]), fold=False))
    assert results.verdict == "match"
    assert results.coverage >= 0.9
    assert results.hits[0].item.title.startswith("013")
    assert results.judgement.reason == "All words of the query stand in one item."


def coherent(results):
    """Hold hits against the verdict: one rule for both."""
    chances = [hit.probability for hit in results.hits]
    assert all(0 <= chance <= results.coverage for chance in chances)
    assert chances == sorted(chances, reverse=True)


@given(
    terms=st.lists(
        st.sampled_from(["red", "a blue thing", "tractor", "013", "green", "an", "xylophone music"]),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    offset=st.integers(0, 40),
    k=st.integers(1, 40),
    fold=st.booleans(),
    steer=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_verdict_and_hits_agree_for_any_query(searcher, terms, offset, k, fold, steer):
    query = parse_query([*terms, "- yellow"] if steer else terms)
    coherent(searcher.search(replace(query, offset=offset, k=k, fold=fold)))


def test_verdict_and_hits_agree_for_pictures_and_for_pictures_with_words(searcher):
    for item_id in (1, 7, 30):
        like = Like(item_id=item_id)
        coherent(searcher.search(Query(terms=(like,), text="", k=20)))
        coherent(searcher.search(Query(terms=(like, Words(text="red")), text="red", k=20)))


def test_words_beside_a_picture_do_not_put_their_items_first(searcher):
    """What is called so is one witness, what the picture shows is another."""
    ids, _ = searcher.collection.store.embeddings("image")
    terms = (Like(item_id=int(ids[0])), Words(text="013"))
    alone = searcher.search(Query(terms=terms, text="013", k=84, fold=False, hybrid=False))
    both = searcher.search(Query(terms=terms, text="013", k=84, fold=False))
    assert "words" not in both.judgement.reason
    assert both.verdict == alone.verdict


def test_all_pages_are_judged_alike(searcher):
    whole = searcher.search(vectors("blue", k=40))
    for offset in (0, 10, 30):
        page = searcher.search(vectors("blue", k=10, offset=offset))
        assert page.judgement == whole.judgement
        shown = whole.hits[offset : offset + 10]
        assert [(hit.item.id, hit.probability) for hit in page.hits] == [
            (hit.item.id, hit.probability) for hit in shown
        ]


def test_a_threshold_drops_hits_and_leaves_the_verdict(searcher):
    loose = searcher.search(vectors("tractor", k=84))
    bar = sorted(hit.probability for hit in loose.hits)[-20]
    strict = searcher.search(replace(vectors("tractor", k=84), threshold=bar))
    assert [h.item.id for h in strict.hits] == [h.item.id for h in loose.hits if h.probability >= bar]
    assert 0 < len(strict.hits) < len(loose.hits)
    assert strict.judgement == loose.judgement


def test_nothing_to_search_is_no_match(calibration, searcher):
    judge = Judge(calibration, searcher.embedder.embed(parse_query(["red"])))
    assert judge.probabilities({}) == {}
    found = judge.judgement({})
    assert (found.verdict, found.coverage, found.reason) == (
        "no match",
        0.0,
        "There is nothing here to search.",
    )


def test_without_a_calibration_there_is_an_order_but_no_verdict(searcher, calibration):
    embedded = searcher.embedder.embed(parse_query(["red"]))
    judge = Judge(None, embedded)
    nearest = searcher.collection.search(embedded.embedding, 10)["image"]
    scores = np.linspace(-1, 1, 30, dtype=np.float32)
    for one in (judge, Judge(calibration, embedded)):
        assert (np.diff(one.relevance("image", nearest, scores)) > 0).all()
    assert judge.judgement({}, words=WordMatch(items=3, words=("red",))) is None
    row = unit_rows(1, 32, 0)
    best = Best(ids=np.array([1]), rows=row, scores=row @ embedded.embedding, size=1)
    assert judge.probabilities({"image": best}) == {}


def test_an_item_counts_by_the_likelier_of_its_picture_and_its_text(searcher, calibration):
    embedded = searcher.embedder.embed(parse_query(["red"]))
    judge = Judge(calibration, embedded)
    best = {
        kind: Rows(searcher.collection, kind, embedded.embedding, size=84).of([1, 3, 5])
        for kind in ("image", "text")
    }
    single = [judge.probabilities({kind: some}) for kind, some in best.items()]
    both = judge.probabilities(best)
    assert both == {item_id: max(one.get(item_id, 0) for one in single) for item_id in (1, 3, 5)}


def test_rows_are_those_of_the_store_in_the_order_asked(tmp_path):
    drawn = catalogue(tmp_path / "drawn", [{}] * 40)
    query = unit_rows(1, 32, 9)[0]
    ids, rows = drawn.store.embeddings("image")
    wanted = [*ids[::-1][:7].tolist(), 10_000]  # the last is not there
    best = Rows(drawn, "image", query, size=40).of(wanted)
    assert best.ids.tolist() == wanted[:-1]
    np.testing.assert_allclose(best.rows, rows[::-1][:7], atol=1e-6)
    np.testing.assert_allclose(best.scores, rows[::-1][:7] @ query, atol=1e-5)
    assert len(Rows(drawn, "image", query, size=40).of([]).ids) == 0
    drawn.close()


def test_pictures_are_judged_by_what_they_show_whatever_they_are_called(searcher, calibration):
    """A made picture has no id yet: all that are tried go by the same."""
    judge = Judge(calibration, searcher.embedder.embed(parse_query(["red"])))
    _ids, rows = searcher.collection.store.embeddings("image")
    query = searcher.embedder.embed(parse_query(["red"])).embedding
    alone = [Best(ids=np.array([0]), rows=row[None], scores=row[None] @ query, size=84) for row in rows[:20]]
    fresh = [Judge(calibration, searcher.embedder.embed(parse_query(["red"]))) for _ in alone]
    for one in alone:
        judge.judgement({"image": one})
    for one, other in zip(alone, fresh, strict=True):
        assert judge.probabilities({"image": one}) == other.probabilities({"image": one})
    assert (
        len({round(each.probabilities({"image": one})[0], 3) for each, one in zip(fresh, alone, strict=True)})
        > 1
    )
