"""The ranking: longer looks begin like shorter ones, and agree with plain sorting."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import KINDS
from search import calibrate_collection, parse_query
from search.query.embed import QueryEmbedder
from search.ranking.ranking import Ranking
from search.verdict.judge import Judge
from tests.colour_pictures import write_pictures

TEXTS = ("red", "blue picture", "013", "a green thing + yellow", "tractor")


@pytest.fixture
def calibration(collection, encoder, index, tmp_path):
    for path in write_pictures(tmp_path / "photos", 84)[::2]:  # every other one has a caption
        path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} picture")
    for number in range(30):
        (tmp_path / "photos" / f"note{number}.txt").write_text(f"a blue note number {number}")
    index(tmp_path / "photos")
    return calibrate_collection(collection, encoder)


def ranking_of(collection, encoder, calibration, text, *, hybrid, **options):
    query = replace(parse_query([text]), hybrid=hybrid)
    embedded = QueryEmbedder(collection, encoder).embed(query)
    return Ranking(collection, query, embedded, Judge(calibration, embedded), **options), embedded


@given(
    text=st.sampled_from(TEXTS),
    depths=st.lists(st.integers(1, 130), min_size=2, max_size=4).map(sorted),
    mode=st.tuples(st.booleans(), st.booleans()),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_longer_looks_begin_like_shorter_ones(collection, encoder, calibration, text, depths, mode):
    hybrid, calibrated = mode
    known = calibration if calibrated else None
    found = []
    for depth in depths:
        some, _ = ranking_of(collection, encoder, known, text, hybrid=hybrid)
        found.append([one.id for one in some.first(depth)])
        assert len(found[-1]) >= min(depth, len(collection))
    for depth, (shorter, longer) in zip(depths, pairwise(found), strict=False):
        assert longer[:depth] == shorter[:depth]


@pytest.mark.parametrize("text", TEXTS)
def test_an_item_counts_by_its_better_kind(collection, encoder, calibration, text):
    """Against a sort of everything by the relevance of picture and text."""
    ranking, embedded = ranking_of(collection, encoder, calibration, text, hybrid=False)
    judge, direction = Judge(calibration, embedded), embedded.embedding
    nearest, best = collection.search(direction, 5), {}
    for kind in KINDS:
        ids, rows = collection.store.embeddings(kind)
        values = judge.relevance(kind, nearest[kind], np.vecdot(rows, direction))
        for item_id, value in zip(ids.tolist(), values.tolist(), strict=True):
            if item_id not in best or value > best[item_id][0]:
                best[item_id] = value, kind
    ranked = ranking.first(1_000)
    assert {one.id for one in ranked} == set(best)
    values = [best[one.id][0] for one in ranked]
    assert all(later <= earlier + 1e-4 for earlier, later in pairwise(values))
    relevance = ranking.relevance([one.id for one in ranked])
    np.testing.assert_allclose(relevance, values, atol=1e-3)


def test_only_what_is_allowed_and_not_left_out_is_ranked(collection, encoder, calibration):
    allowed = np.arange(5, 60, 3)
    ranking, _ = ranking_of(
        collection, encoder, calibration, "blue", hybrid=True, allowed=allowed, left_out=frozenset({8, 11})
    )
    assert {one.id for one in ranking.first(1_000)} == set(allowed.tolist()) - {8, 11}


def test_words_that_single_out_an_item_are_decisive(collection, encoder, calibration):
    ranking, _ = ranking_of(collection, encoder, calibration, "013", hybrid=True)
    first = ranking.first(5)[0]
    assert first.worded
    assert ranking.decisive == 1
    without, _ = ranking_of(collection, encoder, calibration, "013", hybrid=False)
    assert without.decisive == 0
