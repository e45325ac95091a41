"""Ranks and neighbours against plain sorting and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from search.evaluation.retrieval_metrics import (
    agreement,
    best_ranks,
    knn_hits,
    median_rank,
    neighbours,
    recall_at,
    vote,
)


def rows(count, seed, levels=3):
    """Rows of small whole numbers, so that scores are exact and often equal."""
    return np.random.default_rng(seed).integers(-levels, levels + 1, (count, 4)).astype(np.float32)


def directions(count, seed):
    found = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def sorted_ranks(asked, there, answers):
    """Ranks by sorting everything."""
    found = []
    for number, query in enumerate(asked):
        right = {c for q, c in answers.tolist() if q == number}
        order = sorted(range(len(there)), key=lambda i: (-(there[i] @ query), i))
        found.append(1 + next(place for place, i in enumerate(order) if i in right))
    return found


def some_answers(queries, candidates, seed):
    """From one to all candidates for each query, in no order, some pairs twice."""
    rng = np.random.default_rng(seed)
    pairs = [(q, c) for q in range(queries) for c in rng.integers(0, candidates, rng.integers(1, 6))]
    return rng.permutation(np.array(pairs, np.int64))


@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 10_000))
def test_ranks_are_those_of_a_full_sort(queries, candidates, seed):
    asked, there = rows(queries, seed), rows(candidates, seed + 1)
    answers = some_answers(queries, candidates, seed)
    assert best_ranks(asked, there, answers).tolist() == sorted_ranks(asked, there, answers)


@pytest.mark.parametrize("cells", [1, 100, 200])
def test_ranks_and_neighbours_do_not_depend_on_the_memory_used(monkeypatch, cells):
    asked, there, answers = rows(40, 0), rows(50, 1), some_answers(40, 50, 2)
    expected = best_ranks(asked, there, answers).tolist(), neighbours(there, 3).tolist()
    monkeypatch.setattr("search.evaluation.retrieval_metrics._CELLS", cells)
    assert (best_ranks(asked, there, answers).tolist(), neighbours(there, 3).tolist()) == expected


def test_an_encoder_that_sees_nothing_is_no_better_than_chance():
    same = np.ones((10, 4), np.float32) / 2
    ranks = best_ranks(same, same, np.stack([np.arange(10)] * 2, axis=1))
    assert recall_at(ranks, 1) == 0.1
    assert median_rank(ranks) == 5.5


def test_recall_and_median_of_known_ranks():
    ranks = [1, 1, 2, 7, 30]
    assert [recall_at(ranks, k) for k in (1, 5, 10, 30)] == [0.4, 0.6, 0.8, 1.0]
    assert median_rank(ranks) == 2


def test_a_query_without_right_answer_is_refused():
    with pytest.raises(ValueError, match="right answer"):
        best_ranks(rows(2, 0), rows(2, 1), np.array([[1, 0]]))


@given(st.integers(3, 40), st.integers(0, 10_000), st.data())
def test_neighbours_are_those_of_a_full_sort(count, seed, data):
    k = data.draw(st.integers(1, count - 1))
    there = rows(count, seed, levels=1)  # nearly everything is tied
    for own, found in enumerate(neighbours(there, k)):
        order = sorted(range(count), key=lambda i: (-(there[i] @ there[own]), i))
        assert found.tolist() == [i for i in order if i != own][:k]


def test_neighbours_that_do_not_exist_are_refused():
    for k in (0, 3):
        with pytest.raises(ValueError, match="no"):
            neighbours(rows(3, 0), k)


def test_a_vote_goes_to_the_most_and_then_to_the_nearest():
    labels = np.array([7, 8, 9])
    nearest = np.array([[0, 1, 1, 2, 2], [2, 1, 1, 0, 0], [0, 1, 2, 2, 2]])
    assert vote(nearest, labels).tolist() == [8, 8, 9]
    assert vote(nearest[:, :2], labels).tolist() == [7, 9, 7]


@pytest.mark.parametrize("k", [1, 3])
def test_knn_is_that_of_scikit_learn_where_votes_cannot_tie(k):
    there, labels = directions(80, 0), np.arange(80) % 2
    expected = []
    for own in range(80):
        others = np.arange(80) != own
        judge = KNeighborsClassifier(k).fit(there[others], labels[others])
        expected.append(judge.predict(there[own : own + 1])[0] == labels[own])
    assert knn_hits(there, labels, k=k).tolist() == expected


def test_the_only_one_of_its_kind_is_counted_as_wrong():
    assert knn_hits(directions(3, 0), np.array([0, 0, 1]), k=1)[2] == np.False_


def test_agreement_does_not_ask_for_the_order():
    exact = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    found = np.array([[4, 3, 2, 1], [5, 6, 70, 80]])
    assert agreement(found, exact).tolist() == [1.0, 0.5]
