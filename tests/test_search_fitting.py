"""Fitting: a planted signal is found again, and what is missing is stood in for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from search.evaluation.verdict_metrics import auroc, calibration_error
from search.verdict.calibration import QUERY_KINDS
from search.verdict.fit import choose_bars, fit_logistic, fit_models
from search.verdict.leave_one_out import Observation
from search.verdict.logistic import Logistic, expanded
from search.verdict.signals import (
    COVERAGE_CONTEXT,
    COVERAGE_SIGNALS,
    HIT_CONTEXT,
    HIT_SIGNALS,
    INFORMED_CONTEXT,
    INFORMED_SIGNALS,
)

PLANTED = COVERAGE_SIGNALS.index("first_null")


def observations(seed, count=300, *, asked="phrase", kind="image", strength=4.0):
    """Episodes in which one signal tells, and the others are noise."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        present = bool(number % 2)
        answers = (np.arange(10) < 4) & present
        hits = rng.normal(size=(10, len(HIT_SIGNALS))).astype(np.float32)
        hits[:, HIT_SIGNALS.index("null")] += strength * answers
        whole = rng.normal(size=len(COVERAGE_SIGNALS)).astype(np.float32)
        whole[PLANTED] += strength * present
        found.append(
            Observation(
                concept=f"c{number // 2}",
                asked=asked,
                kind=kind,
                present=present,
                hits=hits,
                answers=answers,
                coverage=whole,
                first_score=0.0,
                mean_score=0.0,
            )
        )
    return found


def test_a_planted_signal_is_found_again():
    fitted = fit_models(observations(0))
    fresh = observations(1)
    present = [one.present for one in fresh]
    coverage = fitted.coverage["phrase", "image"].probability(np.stack([one.coverage for one in fresh]))
    assert auroc(coverage, present) == pytest.approx(roc_auc_score(present, coverage))
    assert auroc(coverage, present) > 0.95
    hits = np.concatenate([one.hits for one in fresh])
    answers = np.concatenate([one.answers for one in fresh])
    found = fitted.hits["phrase", "image"].probability(hits)
    assert auroc(found, answers) > 0.95
    assert calibration_error(found, answers) < 0.05


def test_noise_promises_nothing():
    fitted = fit_models(observations(0, strength=0.0))
    fresh = observations(1, 600, strength=0.0)
    coverage = fitted.coverage["phrase", "image"].probability(np.stack([one.coverage for one in fresh]))
    assert abs(float(coverage.mean()) - 0.5) < 0.1
    assert calibration_error(coverage, [one.present for one in fresh]) < 0.1


def test_missing_pairs_of_kinds_have_a_stand_in():
    fitted = fit_models([*observations(0), *observations(1, asked="image", kind="text")])
    for models in (fitted.hits, fitted.coverage, fitted.order):
        assert len(models) == 2 * len(QUERY_KINDS)
        assert models["text", "image"] is models["phrase", "image"]
        assert models["mixed", "text"] is models["image", "text"]
        assert models["image", "image"] is models["phrase", "image"]
        assert models["image", "text"] is not models["phrase", "image"]


def test_one_sided_observations_are_too_few():
    with pytest.raises(ValueError, match="too few"):
        fit_models([one for one in observations(0) if one.present])
    with pytest.raises(ValueError, match="38 observations are too few"):
        fit_models(observations(0, 38))


def test_a_higher_score_comes_first_even_where_data_say_otherwise():
    upside_down = [replace(one, answers=~one.answers) for one in observations(0)]
    assert fit_models(upside_down).order["phrase", "image"].null > 0


@given(seed=st.integers(0, 1_000), large=st.sampled_from([1.0, 1e3, 1e6]))
@settings(max_examples=40, deadline=None)
def test_probabilities_stay_between_0_and_1_however_far_the_signals(seed, large):
    rng = np.random.default_rng(seed)
    model = Logistic(
        mean=np.zeros(8, np.float32),
        deviation=np.full(8, 0.1, np.float32),
        weights=rng.normal(0, 5, 8 * 4).astype(np.float32),
        bias=0.0,
        context=HIT_CONTEXT,
    )
    found = model.probability((large * rng.normal(size=(20, 8))).astype(np.float32))
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()


def test_products_stand_beside_signals():
    found = expanded(np.array([1, -9, 3], np.float32), 2)  # clipped at 4
    assert found.tolist() == [1, -4, 3, -4, 3, 16, -12, -12, 9]
    with pytest.raises(ValueError, match="do not fit"):
        Logistic(mean=np.zeros(2), deviation=np.ones(2), weights=np.zeros(3), bias=0, context=1)


def test_log_odds_are_stretched_to_what_unseen_concepts_show():
    """A strong penalty alone would leave a clear signal far from certain."""
    some = observations(0, 600)
    signals = np.stack([one.coverage for one in some])
    present = np.array([one.present for one in some])
    model = fit_logistic(signals, present, [one.concept for one in some], context=COVERAGE_CONTEXT)
    fresh = observations(2, 600)
    found = model.probability(np.stack([one.coverage for one in fresh]))
    assert np.median(found[[one.present for one in fresh]]) > 0.9
    assert calibration_error(found, [one.present for one in fresh]) < 0.05


@given(seed=st.integers(0, 1_000), recall=st.sampled_from([0.9, 0.95]))
@settings(max_examples=40, deadline=None)
def test_bars_let_through_what_has_answers(seed, recall):
    rng = np.random.default_rng(seed)
    present = rng.random(200) < 0.5
    coverage = rng.beta(2, 2, 200).astype(np.float32)
    bars = choose_bars(coverage, present, recall=recall)
    assert 0.05 <= bars.weak <= 0.5
    assert bars.match >= 0.6
    if bars.weak > 0.05:
        assert (coverage[present] >= bars.weak - 0.005).mean() >= recall - 0.02


def informed(some, known, seed, domains=6):
    """Let knowledge tell presence where it knows what is asked for, while the other signals are noise."""
    rng = np.random.default_rng(seed)
    found = []
    for number, one in enumerate(some):
        extra = rng.normal(size=len(INFORMED_SIGNALS) - len(COVERAGE_SIGNALS) - 1).astype(np.float32)
        knows = number // 2 % 2 if known is None else known
        extra[0] += 4 * one.present * knows
        whole = np.concatenate([extra, one.coverage, [0.95 if knows else 0.3]]).astype(np.float32)
        found.append(replace(one, coverage=whole, domain=f"d{number // 2 % domains}"))
    return found


def test_knowledge_counts_for_what_it_knows():
    some = informed(observations(0, 2_400, strength=1.5), None, 1)
    model = fit_models(some).coverage["phrase", "image"]
    assert model.context == INFORMED_CONTEXT
    areas = {}
    for known in (True, False):
        fresh = informed(observations(2, 400, strength=1.5), known, 3)
        signals, present = np.stack([one.coverage for one in fresh]), [one.present for one in fresh]
        areas[known] = auroc(model.probability(signals), present)
    assert areas[True] > 0.92
    assert areas[False] < areas[True] - 0.05


def test_without_knowledge_the_model_is_over_the_signals_of_any_encoder():
    model = fit_models(observations(0)).coverage["phrase", "image"]
    assert len(model.mean) == len(COVERAGE_SIGNALS)
    assert model.context == COVERAGE_CONTEXT


def test_shares_fall_behind_the_first_hit():
    share = fit_models(observations(0)).shares["phrase"]
    values = share.of(np.array([0.0, 1.0, 4.0, 8.0], np.float32), 0.9)
    assert (np.diff(values) < 0).all()


def test_weights_are_relative():
    some = observations(0, 400)
    signals = np.stack([one.coverage for one in some])
    present = np.array([one.present for one in some])
    concepts = [one.concept for one in some]
    thrice = np.full(400, 3.0, np.float32)
    found = fit_logistic(signals, present, concepts, context=COVERAGE_CONTEXT, weights=thrice)
    alone = fit_logistic(signals, present, concepts, context=COVERAGE_CONTEXT)
    np.testing.assert_allclose(found.weights, alone.weights, atol=1e-5)
