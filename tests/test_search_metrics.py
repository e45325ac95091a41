"""Verdict figures against scikit-learn and plain loops; the bootstrap against theory."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from search.evaluation.verdict_metrics import (
    Interval,
    auroc,
    bootstrap,
    brier_score,
    calibration_error,
    false_accepts,
    reliability_table,
)

TENTHS = st.integers(0, 10).map(lambda n: n / 10)  # so that ties are the rule


@st.composite
def judged(draw):
    """Scores with ties, and truths of both kinds."""
    truths = draw(st.lists(st.booleans(), min_size=2, max_size=60).filter(lambda ts: 0 < sum(ts) < len(ts)))
    scores = draw(st.lists(TENTHS, min_size=len(truths), max_size=len(truths)))
    return np.array(scores), np.array(truths)


@given(judged())
def test_auroc_is_that_of_scikit_learn_and_of_all_pairs(sample):
    scores, truths = sample
    pairs = [(h > low) + (h == low) / 2 for h in scores[truths] for low in scores[~truths]]
    assert auroc(scores, truths) == pytest.approx(np.mean(pairs))
    assert auroc(scores, truths) == pytest.approx(roc_auc_score(truths, scores))


@given(judged(), st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_false_accepts_are_those_of_the_best_of_all_cutoffs(sample, recall):
    scores, truths = sample
    fine = [cut for cut in scores[truths] if (scores[truths] >= cut).mean() >= recall - 1e-12]
    assert false_accepts(scores, truths, recall=recall) == (scores[~truths] >= max(fine)).mean()


def test_false_accepts_of_twenty_positives_leave_one_out():
    scores = np.concatenate([np.arange(20) / 20, [0.01]])
    truths = np.arange(21) < 20
    assert false_accepts(scores, truths) == 0  # the cutoff is 0.05; only the positive at 0 is lost
    assert false_accepts(scores, truths, recall=1.0) == 1


@given(judged())
def test_brier_score_is_that_of_scikit_learn(sample):
    assert brier_score(*sample) == pytest.approx(brier_score_loss(sample[1], sample[0]))


@given(judged(), st.integers(1, 15))
def test_calibration_error_is_that_of_a_plain_loop(sample, bins):
    found, truths = sample
    error = 0.0
    for number in range(bins):
        inside = [
            (p, t)
            for p, t in zip(found, truths, strict=True)
            if number == max(0, math.ceil(round(p * bins, 9)) - 1)
        ]
        if inside:
            ps, ts = zip(*inside, strict=True)
            error += len(inside) / len(found) * abs(np.mean(ps) - np.mean(ts))
    assert calibration_error(found, truths, bins=bins) == pytest.approx(error)


@given(judged(), st.booleans())
def test_every_sample_is_in_one_row_of_the_table(sample, equal_mass):
    found, truths = sample
    table = reliability_table(found, truths, equal_mass=equal_mass)
    assert sum(row.count for row in table) == len(found)
    assert sum(row.count * row.observed for row in table) == pytest.approx(truths.sum())
    assert all(row.low - 1e-12 <= row.predicted <= row.high + 1e-12 for row in table)
    assert 0 <= calibration_error(found, truths, equal_mass=equal_mass) <= 1


@given(judged())
def test_the_order_of_samples_does_not_matter(sample):
    found, truths = sample
    order = np.random.default_rng(1).permutation(len(found))
    for equal_mass in (False, True):
        forth = calibration_error(found, truths, equal_mass=equal_mass)
        assert calibration_error(found[order], truths[order], equal_mass=equal_mass) == pytest.approx(forth)


def test_bins_of_equal_mass_hold_as_many():
    found = np.random.default_rng(0).random(150) ** 3
    table = reliability_table(found, found > 0.5, equal_mass=True)
    assert [row.count for row in table] == [10] * 15


def test_calibrated_probabilities_have_little_error_and_shifted_ones_their_shift():
    rng = np.random.default_rng(0)
    found = rng.random(20_000)
    truths = rng.random(20_000) < found
    assert calibration_error(found, truths) < 0.02
    assert calibration_error(np.full(1000, 0.9), np.arange(1000) < 600) == pytest.approx(0.3)


def test_what_has_no_answer_is_refused():
    with pytest.raises(ValueError, match="positives and negatives"):
        auroc([0.1, 0.2], [True, True])
    with pytest.raises(ValueError, match="positives and negatives"):
        false_accepts([0.1], [False])
    with pytest.raises(ValueError, match="without NaN"):
        auroc([0.1, float("nan")], [True, False])
    with pytest.raises(ValueError, match="not empty"):
        brier_score([], [])
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration_error([1.2], [True])
    with pytest.raises(ValueError, match="wrong order"):
        Interval(low=1, high=0)


# -- the bootstrap -------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_has_the_width_that_theory_says():
    values = np.random.default_rng(0).random(400)
    found = bootstrap(np.mean, [values])
    half = 1.96 * values.std() / math.sqrt(400)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.12)
    assert found.low < values.mean() < found.high


def test_a_seed_gives_the_same_interval_again():
    values = np.random.default_rng(0).random(50)
    assert bootstrap(np.mean, [values], seed=3) == bootstrap(np.mean, [values], seed=3)
    assert bootstrap(np.mean, [values], seed=3) != bootstrap(np.mean, [values], seed=4)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    intervals = [bootstrap(np.mean, [rng.random(60) < 0.3], resamples=300, seed=i) for i in range(200)]
    assert sum(found.low <= 0.3 <= found.high for found in intervals) >= 180


def test_rows_are_drawn_together_and_strata_keep_their_sizes():
    scores = np.arange(30) / 30
    truths = np.arange(30) >= 28  # two positives: drawing freely would often lose both
    assert bootstrap(auroc, [scores, truths], strata=truths) == Interval(low=1, high=1)
    sizes = []
    bootstrap(lambda t: sizes.append(t.sum()) or 0.0, [truths], strata=truths, resamples=50)
    assert set(sizes) == {2}


def test_clusters_come_whole_and_widen_the_interval():
    values = np.repeat(np.random.default_rng(0).random(40), 5)  # five equal samples each
    clusters = np.repeat(np.arange(40), 5)
    shuffled = np.random.default_rng(1).permutation(200)
    alone = bootstrap(np.mean, [values])
    together = bootstrap(np.mean, [values[shuffled]], clusters=clusters[shuffled])
    assert together.high - together.low > 1.8 * (alone.high - alone.low)  # theory: the root of five
    seen = []
    bootstrap(lambda c: seen.append(np.bincount(c)) or 0.0, [clusters], clusters=clusters, resamples=20)
    assert all((counts % 5 == 0).all() and counts.sum() == 200 for counts in seen)


def test_a_bootstrap_of_nothing_is_refused():
    for arrays in ([], [[]], [[1], [1, 2]]):
        with pytest.raises(ValueError, match="one length"):
            bootstrap(np.mean, arrays)
    with pytest.raises(ValueError, match="not both"):
        bootstrap(np.mean, [[1]], strata=[0], clusters=[0])
