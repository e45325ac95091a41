"""What pictures and texts say together, and what words add where landmarks know the thing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ranking_input import Best
from search.verdict.judge import _together

CHANCES = st.floats(0.01, 0.99)


def best(ids):
    rows = np.zeros((len(ids), 4), np.float32)
    return Best(ids=np.array(ids, np.int64), rows=rows, scores=rows[:, 0], size=len(ids))


SAME = {"image": best([1, 2, 3]), "text": best([1, 2, 3])}
OTHERS = {"image": best([1, 2, 3]), "text": best([4, 5])}


@given(CHANCES, CHANCES)
def test_of_different_items_the_likelier_counts(image, text):
    assert _together(OTHERS, {"image": image, "text": text}) == pytest.approx(max(image, text), abs=1e-6)


@given(CHANCES, st.floats(0.5, 0.99))
def test_of_the_same_items_a_text_that_fits_adds_its_odds(image, text):
    odds = image / (1 - image) * text / (1 - text)
    found = _together(SAME, {"image": image, "text": text})
    assert found == pytest.approx(odds / (1 + odds), abs=1e-6)
    assert found >= image - 1e-9


@given(st.floats(0.3, 0.99), st.floats(0.0, 0.4))
def test_a_text_that_does_not_fit_takes_little_away(image, text):
    found = _together(SAME, {"image": image, "text": text})
    assert image - 0.065 <= found < image  # a quarter of a log-odd is worth a sixteenth at most


@given(CHANCES, CHANCES, CHANCES)
def test_the_surer_a_witness_the_surer_the_whole(image, other, text):
    low, high = sorted((image, other))
    for some in (SAME, OTHERS):
        assert (
            _together(some, {"image": low, "text": text})
            <= _together(some, {"image": high, "text": text}) + 1e-9
        )


def test_one_kind_alone_speaks_for_itself():
    assert _together({"image": best([1])}, {"image": 0.4}) == 0.4
    assert _together({}, {}) == 0.0
