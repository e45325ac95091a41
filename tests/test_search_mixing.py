"""Picture and text of one product as one entry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ranking.combine import combine, combine_max, combine_noisy_or

RULES = {
    combine_max: max,
    combine_noisy_or: lambda image, text: 1 - (1 - image) * (1 - text),
}
probability = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])
scored = st.dictionaries(st.integers(0, 30), probability, max_size=20)


def listed(scores):
    return np.array(list(scores.values()), float), np.array(list(scores), np.int64)


@given(scored, scored, st.sampled_from(list(RULES)))
def test_each_product_is_one_entry_with_the_kind_that_matched_better(images, texts, how):
    entries = combine({"image": listed(images), "text": listed(texts)}, how)
    assert sorted(item_id for item_id, _, _ in entries) == sorted(images.keys() | texts.keys())
    assert entries == sorted(entries, key=lambda entry: (-entry[1], entry[0]))
    for item_id, value, kind in entries:
        image, text = images.get(item_id, 0), texts.get(item_id, 0)
        assert value == pytest.approx(RULES[how](image, text))
        if item_id in images and item_id in texts:
            assert kind == ("text" if text > image else "image")
        else:
            assert kind == ("image" if item_id in images else "text")


@given(scored)
def test_one_kind_alone_keeps_its_probabilities(scores):
    for kind in ("image", "text"):
        for how in RULES:
            entries = combine({kind: listed(scores)}, how)
            assert {item_id: value for item_id, value, _ in entries} == pytest.approx(scores)
            assert {of for _, _, of in entries} <= {kind}
    assert combine({}, combine_max) == []


@given(scored, scored, st.integers(0, 10))
def test_the_first_by_the_greater_one_are_among_the_first_of_either_kind(images, texts, n):
    def first(scores):
        ranked = sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))[:n]
        return listed(dict(ranked))

    whole = combine({"image": listed(images), "text": listed(texts)}, combine_max)
    short = combine({"image": first(images), "text": first(texts)}, combine_max)
    assert [entry[:2] for entry in short[:n]] == [entry[:2] for entry in whole[:n]]


def test_what_is_no_probability_is_refused():
    for how in RULES:
        for wrong in (-0.1, 1.1, np.nan):
            with pytest.raises(ValueError, match="within 0 and 1"):
                how(np.array([0.5]), np.array([wrong]))
