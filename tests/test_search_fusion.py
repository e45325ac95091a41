"""Fusing rankings: against the formulas, with ties, and as deep as one looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ranking.fusion import Found, WordHits, blend, fuse, is_decisive


def found(scores, ids):
    return Found(scores=np.array(scores, float), ids=np.array(ids, np.int64))


def best_first(scores):
    """Rank a dict of id -> score as every search here does."""
    ranked = sorted(scores, key=lambda item_id: (-scores[item_id], item_id))
    return found([scores[item_id] for item_id in ranked], ranked)


few_values = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 3.5])
scored = st.dictionaries(st.integers(0, 30), few_values, max_size=20)


@given(st.lists(scored, max_size=4), st.data(), st.sampled_from([0.0, 1.0, 60.0]))
def test_reciprocal_rank_fusion_is_the_formula(parts, data, k):
    weights = data.draw(st.lists(few_values, min_size=len(parts), max_size=len(parts)))
    expected = {}
    for scores, weight in zip(parts, weights, strict=True):
        for item_id, score in scores.items():
            better = sum(other > score for other in scores.values())
            equal = sum(other == score for other in scores.values())
            place = better + (equal + 1) / 2
            expected[item_id] = expected.get(item_id, 0) + weight / (k + place)
    fused = fuse([best_first(scores) for scores in parts], weights, k=k)
    assert dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True)) == pytest.approx(expected)
    assert sorted(fused.ids.tolist()) == sorted(expected)
    keys = list(zip(-fused.scores, fused.ids, strict=True))
    assert keys == sorted(keys)


def test_each_entry_may_have_its_own_weight():
    one, two = found([3, 2], [1, 2]), found([3, 2], [2, 3])
    assert fuse([one, two]).ids.tolist() == [2, 1, 3]
    assert fuse([one, two], [1, np.array([0.0, 5.0])], k=0).ids.tolist() == [3, 1, 2]
    assert fuse([one], [0.0]).ids.tolist() == [1, 2]  # ties by id


def test_what_makes_no_sense_is_refused():
    one = found([1], [1])
    for weights, k in (([1, 1], 60), ([-1], 60), ([1], -1)):
        with pytest.raises(ValueError, match="weight"):
            fuse([one], weights, k=k)
    for scores, ids, words in (
        ([1, 2], [1, 2], "best first"),
        ([np.nan], [1], "best first"),
        ([1, 1], [1, 1], "twice"),
        ([1], [1, 2], "match"),
    ):
        with pytest.raises(ValueError, match=words):
            found(scores, ids)
    for relevance, total, words in (
        ([1, 2], 5, "match"),
        ([np.inf], 5, "number"),
        ([np.nan], 5, "number"),
        ([1], 0, "collection of 0"),
    ):
        with pytest.raises(ValueError, match=words):
            WordHits(found=one, relevance=np.array(relevance), total=total)
    hits = WordHits(found=one, relevance=np.ones(1), total=5)
    with pytest.raises(ValueError, match="at least 0"):
        blend(one, hits, weight=-1, exhausted=True)


@st.composite
def searches(draw):
    """Draw a whole ranking by vectors, and what words found in it."""
    relevance = draw(st.dictionaries(st.integers(0, 99), few_values, max_size=40))
    bm25 = draw(st.dictionaries(st.sampled_from(sorted(relevance)), few_values)) if relevance else {}
    words = best_first(bm25)
    hits = WordHits(
        found=words,
        relevance=np.array([relevance[item_id] for item_id in words.ids.tolist()]),
        total=len(relevance),
        decisive=draw(st.booleans()),
    )
    return best_first(relevance), hits


def naive(nearest, hits, weight):
    """Rank everything by the definition."""
    relevance = dict(zip(nearest.ids.tolist(), nearest.scores.tolist(), strict=True))
    words = hits.found.ids.tolist()
    scores = relevance | {
        item_id: relevance[item_id] + weight * evidence
        for item_id, evidence in zip(words, hits.evidence().tolist(), strict=True)
    }
    ahead = words if hits.decisive else []
    others = sorted(scores.keys() - set(ahead), key=lambda item_id: (-scores[item_id], item_id))
    return ahead + others


@given(searches(), st.sampled_from([0.0, 0.5, 2.0]), st.integers(0, 60))
def test_blending_is_the_definition_and_deep_looks_change_no_prefix(search, weight, n):
    nearest, hits = search
    whole = naive(nearest, hits, weight)
    assert blend(nearest, hits, weight=weight, exhausted=True).ids.tolist() == whole
    depth = n + len(hits.found.ids)
    seen = Found(scores=nearest.scores[:depth], ids=nearest.ids[:depth])
    exhausted = depth > len(nearest.ids)
    shallow = blend(seen, hits, weight=weight, exhausted=exhausted).ids.tolist()
    assert shallow == whole[: len(shallow)]
    assert len(shallow) >= min(n, len(whole))
    assert exhausted is False or shallow == whole


@given(searches())
def test_evidence_is_within_0_and_1_and_ordered_like_bm25(search):
    _, hits = search
    evidence = hits.evidence()
    assert ((evidence >= 0) & (evidence <= 1)).all()
    assert (np.diff(evidence) <= 0).all()


def test_an_article_number_comes_first_and_words_that_say_nothing_change_nothing():
    nearest = best_first({item_id: 4 - item_id / 100 for item_id in range(100)})
    number = WordHits(
        found=found([6.0], [90]),
        relevance=np.array([-2.0]),
        total=100,
        decisive=is_decisive(1, 100),
    )
    assert blend(nearest, number, exhausted=True).ids[:3].tolist() == [90, 0, 1]
    stop_words = WordHits(
        found=found([1e-6] * 20, list(range(20, 40))),
        relevance=nearest.scores[20:40],
        total=100,
        decisive=is_decisive(20, 100),
    )
    assert blend(nearest, stop_words, exhausted=True).ids.tolist() == nearest.ids.tolist()


@pytest.mark.parametrize(
    ("matching", "total", "decisive"),
    [(0, 0, False), (0, 9, False), (1, 1, True), (3, 9, True), (4, 9, False), (100, 10_000, True)],
)
def test_few_that_hold_all_words_are_decisive(matching, total, decisive):
    assert is_decisive(matching, total) is decisive


def test_what_vectors_do_not_know_comes_by_decisive_words_only():
    nearest = best_first({1: 3.0, 2: 1.0})
    words = found([2, 1], [8, 9])
    for decisive, ids in ((True, [8, 9, 1, 2]), (False, [9, 1, 2])):
        hits = WordHits(found=words, relevance=np.array([-np.inf, 2.9]), total=9, decisive=decisive)
        blended = blend(nearest, hits, exhausted=True)
        assert blended.ids.tolist() == ids
        assert np.isfinite(blended.scores).all()
    nothing = Found(scores=np.empty(0), ids=np.empty(0, np.int64))
    alone = WordHits(found=words, relevance=np.full(2, -np.inf), total=9, decisive=True)
    assert blend(nothing, alone, exhausted=True).ids.tolist() == [8, 9]


@given(searches(), st.integers(0, 60))
def test_scores_fall_and_are_the_same_at_any_depth(search, n):
    nearest, hits = search
    whole = blend(nearest, hits, exhausted=True)
    assert (np.diff(whole.scores) <= 0).all()
    depth = n + len(hits.found.ids) + 1
    seen = Found(scores=nearest.scores[:depth], ids=nearest.ids[:depth])
    shallow = blend(seen, hits, exhausted=depth > len(nearest.ids))
    np.testing.assert_array_equal(shallow.scores, whole.scores[: len(shallow.scores)])
