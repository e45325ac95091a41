"""Signals against plain loops, and at the edges of what may come."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.signals import (
    COVERAGE_CONTEXT,
    COVERAGE_SIGNALS,
    HIT_CONTEXT,
    HIT_SIGNALS,
    Bank,
    Null,
    coverage_signals,
    hit_signals,
)
from tests.strategies import unit_rows

DIM, PHRASES = 12, 40
SAMPLES = {"image": unit_rows(300, DIM, 1), "text": unit_rows(300, DIM, 2)}


@pytest.fixture(scope="module")
def bank():
    return Bank.of(unit_rows(PHRASES, DIM, 3), {kind: Null.of(rows) for kind, rows in SAMPLES.items()})


def column(signals, name):
    return signals[..., HIT_SIGNALS.index(name)].astype(np.float64)


def of_whole(summary, name):
    return float(summary[COVERAGE_SIGNALS.index(name)])


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["image", "text"]))
@settings(max_examples=40, deadline=None)
def test_a_score_is_standardised_by_this_querys_scores_over_samples(bank, seed, kind):
    query, rows = unit_rows(1, DIM, seed)[0], unit_rows(5, DIM, seed + 1)
    signals = hit_signals(bank, kind, query, rows, rows @ query)
    scores = SAMPLES[kind].astype(np.float64) @ query
    expected = (rows @ query - scores.mean()) / scores.std(ddof=1)
    np.testing.assert_allclose(column(signals, "null"), expected, atol=1e-3)
    np.testing.assert_allclose(column(signals, "query_mean"), scores.mean(), atol=1e-4)
    np.testing.assert_allclose(column(signals, "query_spread"), scores.std(ddof=1), atol=1e-4)
    np.testing.assert_allclose(column(signals, "score"), rows @ query, atol=1e-6)


def reversed_by_hand(bank, kind, query, row):
    """The reverse check of one hit, in plain words: its share and its margin."""
    samples = SAMPLES[kind].astype(np.float64)

    def standard(text):
        scores = samples @ text
        return (float(row @ text) - scores.mean()) / scores.std(ddof=1)

    own, total, best = math.exp(2 * standard(query)), 0.0, -10.0
    for phrase in bank.phrases.astype(np.float64):
        other = min(max((0.9 - float(phrase @ query)) / 0.3, 1e-6), 1.0)
        total += other * math.exp(2 * standard(phrase))
        if other > 0.5:
            best = max(best, standard(phrase))
    return math.log(own / (own + total)), standard(query) - best


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["image", "text"]))
@settings(max_examples=25, deadline=None)
def test_the_reverse_check_by_hand(bank, seed, kind):
    query, row = unit_rows(1, DIM, seed)[0], unit_rows(1, DIM, seed + 1)
    signals = hit_signals(bank, kind, query, row, row @ query)[0]
    share, margin = reversed_by_hand(bank, kind, query.astype(np.float64), row[0].astype(np.float64))
    assert column(signals, "reverse") == pytest.approx(share, abs=0.01)
    assert column(signals, "margin") == pytest.approx(margin, abs=0.01)


@given(number=st.integers(0, PHRASES - 1), seed=st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_a_phrase_equal_to_the_query_is_no_rival(bank, number, seed):
    """With it in the bank or without, the signals are nearly the same."""
    query, rows = bank.phrases[number], unit_rows(4, DIM, seed)
    without = Bank.of(np.delete(bank.phrases, number, axis=0), bank.nulls)
    own, others = (hit_signals(one, "image", query, rows, rows @ query) for one in (bank, without))
    for name in ("reverse", "margin", "nearest"):
        np.testing.assert_allclose(column(own, name), column(others, name), atol=1e-2)


@given(seed=st.integers(0, 10_000), count=st.integers(1, 15), dim=st.sampled_from([2, 8]))
@settings(max_examples=60, deadline=None)
def test_signals_are_finite_whatever_unit_vectors_come(seed, count, dim):
    """Also where all phrases, samples and hits are one vector, and the query its opposite."""
    same = np.ones((count, dim), np.float32) / np.float32(math.sqrt(dim))
    for rows in (unit_rows(count, dim, seed), same):
        null = Null.of(np.concatenate([rows, rows]))
        bank = Bank.of(rows, {"image": null, "text": null})
        for query in (rows[0], -rows[0], unit_rows(1, dim, seed + 1)[0]):
            hits = hit_signals(bank, "image", query, rows, rows @ query)
            whole = coverage_signals(hits, rows, size=count)
            assert hits.shape == (count, len(HIT_SIGNALS))
            assert whole.shape == (len(COVERAGE_SIGNALS),)
            assert hits.dtype == whole.dtype == np.float32
            assert np.isfinite(hits).all()
            assert np.isfinite(whole).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_hit_is_measured_by_itself(bank, seed):
    query, rows = unit_rows(1, DIM, seed)[0], unit_rows(6, DIM, seed + 1)
    together = hit_signals(bank, "image", query, rows, rows @ query)
    alone = [hit_signals(bank, "image", query, row[None], row[None] @ query)[0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_no_hits_have_no_signals(bank):
    query, none = unit_rows(1, DIM, 5)[0], np.empty((0, DIM), np.float32)
    assert hit_signals(bank, "image", query, none, none @ query).shape == (0, len(HIT_SIGNALS))


def test_the_whole_is_summed_up_over_one_three_and_ten(bank):
    query = unit_rows(1, DIM, 6)[0]
    rows = unit_rows(30, DIM, 7)
    rows = rows[np.argsort(-(rows @ query))]
    scores = rows @ query
    whole = coverage_signals(hit_signals(bank, "image", query, rows, scores), rows, size=1_000)
    assert of_whole(whole, "first_score") == pytest.approx(scores[0], abs=1e-6)
    assert of_whole(whole, "three_score") == pytest.approx(scores[:3].mean(), abs=1e-6)
    assert of_whole(whole, "ten_score") == pytest.approx(scores[:10].mean(), abs=1e-6)
    assert of_whole(whole, "fall") == pytest.approx(scores[0] - scores[9], abs=1e-6)
    assert of_whole(whole, "coherence") == pytest.approx((rows[:10] @ rows[:10].T).mean(), abs=1e-5)
    assert of_whole(whole, "size") == pytest.approx(math.log(1_000))
    ten = hit_signals(bank, "image", query, rows[:10], scores[:10])
    np.testing.assert_allclose(whole, coverage_signals(ten, rows[:10], size=1_000), atol=1e-5)


def test_what_tells_of_query_and_collection_stands_last():
    assert HIT_SIGNALS[-HIT_CONTEXT:] == ("query_mean", "query_spread", "nearest")
    assert COVERAGE_SIGNALS[-COVERAGE_CONTEXT:] == ("query_mean", "query_spread", "nearest", "size")
