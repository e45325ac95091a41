"""Episodes: what each collection holds, and what nothing can be read from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.evaluation.verdict_metrics import auroc
from search.verdict.leave_one_out import Sought, observe
from search.verdict.signals import COVERAGE_SIGNALS, HIT_SIGNALS, Bank, Null
from tests.strategies import unit_rows

DIM = 8
SIZE = COVERAGE_SIGNALS.index("size")


@pytest.fixture(scope="module")
def bank():
    null = Null.of(unit_rows(200, DIM, 1))
    return Bank.of(unit_rows(30, DIM, 2), {"image": null, "text": null})


def sizes(seen):
    return np.exp([float(one.coverage[SIZE]) for one in seen])


@st.composite
def situations(draw):
    """Rows, and queries with any answers and any doubts."""
    count, seed = draw(st.integers(1, 120)), draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    rows = unit_rows(count, DIM, seed)
    sought = [
        Sought(
            concept=str(number),
            asked="phrase",
            query=unit_rows(1, DIM, seed + number + 1)[0],
            answers=rng.random(count) < rng.choice([0.02, 0.3, 1.0]),
            unsure=None if number % 2 else rng.random(count) < 0.3,
        )
        for number in range(3)
    ]
    return rows, sought, seed


@given(situations(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_answers_are_there_or_not_and_doubtful_rows_never(bank, situation, whole):
    rows, sought, seed = situation
    by_concept = {one.concept: one for one in sought}
    for one in observe(bank, "image", rows, sought, seed=seed, whole=whole):
        asked = by_concept[one.concept]
        usable = np.ones(len(rows), bool) if asked.unsure is None else ~asked.unsure
        scores = rows @ asked.query
        may_be_found = usable if one.present else usable & ~asked.answers
        for hit, answers in zip(one.hits, one.answers, strict=True):
            found = may_be_found & (np.abs(scores - hit[HIT_SIGNALS.index("score")]) < 1e-5)
            assert found.any()
            assert asked.answers[found].any() if answers else not asked.answers[found].all()
        assert one.present or not one.answers.any()
        assert 1 <= round(sizes([one])[0]) <= may_be_found.sum()
        assert len(one.hits) == min(10, round(sizes([one])[0]))
        assert one.first_score == pytest.approx(one.hits[0, HIT_SIGNALS.index("score")])
        assert (np.diff(one.hits[:, HIT_SIGNALS.index("score")]) <= 1e-7).all()


@given(situations())
@settings(max_examples=40, deadline=None)
def test_each_query_is_asked_with_and_without_where_both_can_be(bank, situation):
    rows, sought, seed = situation
    seen = [(one.concept, one.present) for one in observe(bank, "image", rows, sought, seed=seed)]
    expected = []
    for one in sought:
        usable = np.ones(len(rows), bool) if one.unsure is None else ~one.unsure
        if (one.answers & usable).any():
            expected.append((one.concept, True))
            if (~one.answers & usable).any():
                expected.append((one.concept, False))
    assert seen == expected


@pytest.mark.parametrize("answering", [1, 5, 60, 400])
def test_a_size_says_nothing_about_answers(bank, answering):
    rows = unit_rows(600, DIM, 3)
    one = Sought(
        concept="c", asked="phrase", query=unit_rows(1, DIM, 4)[0], answers=np.arange(600) < answering
    )
    seen = [found for seed in range(200) for found in observe(bank, "image", rows, [one], seed=seed)]
    present = np.array([found.present for found in seen])
    assert auroc(sizes(seen), present) == pytest.approx(0.5, abs=0.1)


def test_the_whole_is_all_rows_with_and_all_others_without(bank):
    rows = unit_rows(70, DIM, 5)
    one = Sought(concept="c", asked="image", query=rows[0], answers=np.arange(70) < 9)
    there, away = observe(bank, "image", rows, [one], whole=True)
    assert sizes([there, away]).round().tolist() == [70, 61]
    assert there.first_score == pytest.approx(1, abs=1e-5)
    assert away.first_score == pytest.approx((rows[9:] @ rows[0]).max(), abs=1e-5)
    assert there.mean_score == pytest.approx((rows @ rows[0]).mean(), abs=1e-5)


def test_the_seed_alone_decides(bank):
    rows = unit_rows(300, DIM, 6)
    sought = [
        Sought(concept=str(i), asked="phrase", query=rows[i], answers=np.arange(300) % 7 == i)
        for i in range(5)
    ]

    def drawn(seed):
        return [(one.first_score, one.mean_score) for one in observe(bank, "image", rows, sought, seed=seed)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
