"""Maximal marginal relevance against its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ranking.reorder import diversify
from tests.strategies import unit_rows


def naive(scores, rows, weight):
    """Compute the formula of Carbonell & Goldstein for every candidate at every step."""
    left = list(range(len(scores)))
    chosen = []
    alike = np.vecdot(rows[:, None], rows[None]).astype(np.float64)
    while left:
        worth = [
            (1 - weight) * np.float64(scores[i]) - weight * max((alike[i, j] for j in chosen), default=0)
            for i in left
        ]
        chosen.append(left.pop(int(np.argmax(worth))) if chosen else left.pop(0))
    return chosen


@st.composite
def candidates(draw):
    n = draw(st.integers(0, 40))
    scores = sorted(draw(st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n)), reverse=True)
    rows = unit_rows(
        n, draw(st.sampled_from([2, 16])), draw(st.integers(0, 2**16)), draw(st.sampled_from([1, 3]))
    )
    return np.array(scores, np.float32), rows


@given(candidates(), st.floats(0, 1))
def test_diversity_is_the_formula(found, weight):
    scores, rows = found
    order = diversify(scores, rows, weight=weight)
    assert order.tolist() == naive(scores, rows, weight)
    assert sorted(order.tolist()) == list(range(len(scores)))


@given(candidates())
def test_no_weight_keeps_the_order(found):
    scores, rows = found
    assert diversify(scores, rows, weight=0).tolist() == list(range(len(scores)))


def test_a_second_copy_waits_until_the_others_had_their_turn():
    rows = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    scores = np.array([0.9, 0.9, 0.5, 0.4], np.float32)
    assert diversify(scores, rows, weight=0.5).tolist() == [0, 2, 3, 1]
    assert diversify(scores, rows, weight=0.1).tolist() == [0, 1, 2, 3]


def test_more_weight_makes_the_first_ones_less_alike():
    rows = unit_rows(100, 8, seed=3)
    scores = np.sort(np.random.default_rng(4).random(100).astype(np.float32))[::-1]
    likeness = []
    for weight in (0.0, 0.3, 0.9):
        first = rows[diversify(scores, rows, weight=weight)[:10]]
        likeness.append(float((first @ first.T)[np.triu_indices(10, 1)].mean()))
    assert likeness[0] > likeness[1] > likeness[2]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_its_range_is_refused(weight):
    with pytest.raises(ValueError, match="within 0 and 1"):
        diversify(np.ones(1, np.float32), np.ones((1, 1), np.float32), weight=weight)


def test_candidates_out_of_order_are_refused():
    rows = unit_rows(2, 4, seed=0)
    for scores in ([0.1, 0.2], [0.2, np.nan]):
        with pytest.raises(ValueError, match="best first"):
            diversify(np.array(scores, np.float32), rows, weight=0.5)
    with pytest.raises(ValueError, match="do not match"):
        diversify(np.ones(3, np.float32), rows, weight=0.5)
