"""The verdict: signals, models, episodes, fitting, and which calibration counts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from search import (
    CalibrationUnusable,
    shipped_calibration,
)
from search.evaluation.verdict_metrics import auroc
from search.ranking_input import Best
from search.verdict.calibration import Bars, Calibration
from search.verdict.fit import choose_bars, fit_models
from search.verdict.knowledge import Knowledge, Landmarks
from search.verdict.leave_one_out import Sought, observe
from search.verdict.logistic import Logistic
from search.verdict.phrase_bank import PHRASES
from search.verdict.score_scale import Order, Share
from search.verdict.signals import (
    COVERAGE_SIGNALS,
    HIT_SIGNALS,
    INFORMED_CONTEXT,
    INFORMED_SIGNALS,
    Bank,
    Null,
    coverage_signals,
    hit_signals,
)

DIM = 16


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def draw(seed, *shape):
    return unit(np.random.default_rng(seed).normal(size=shape))


@pytest.fixture(scope="module")
def bank():
    null = Null.of(draw(1, 400, DIM))
    return Bank.of(draw(2, 60, DIM), {"image": null, "text": null})


def concepts(seed=0, kinds=12, each=30):
    """Clusters of rows, each around the query that asks for it."""
    rng = np.random.default_rng(seed)
    queries = draw(seed + 100, kinds, DIM)
    labels = np.repeat(np.arange(kinds), each)
    rows = unit(queries[labels] + 0.25 * rng.normal(size=(len(labels), DIM)))
    sought = [
        Sought(concept=f"c{kind}", asked="phrase", query=queries[kind], answers=labels == kind)
        for kind in range(kinds)
    ]
    return rows, sought


@pytest.fixture(scope="module")
def calibration(bank):
    rows, sought = concepts()
    seen = [one for seed in range(4) for one in observe(bank, "image", rows, sought, seed=seed)]
    fitted = fit_models(seen)
    return Calibration(
        weights_sha256="w" * 64,
        bank=bank,
        hits=fitted.hits,
        shares=fitted.shares,
        coverage=fitted.coverage,
        order=fitted.order,
        source="a test",
    )


def test_a_null_tells_how_scores_are_spread():
    rows, directions = draw(3, 500, DIM), draw(4, 7, DIM)
    mean, deviation = Null.of(rows).spread(directions)
    scores = rows @ directions.T
    np.testing.assert_allclose(mean, scores.mean(0), atol=1e-5)
    np.testing.assert_allclose(deviation, scores.std(0, ddof=1), atol=1e-4)


@given(st.integers(0, 1_000), st.integers(1, 12))
@settings(max_examples=40)
def test_signals_are_finite_and_shaped_as_named(bank, seed, count):
    query, rows = draw(seed, DIM), draw(seed + 1, count, DIM)
    hits = hit_signals(bank, "image", query, rows, rows @ query)
    assert hits.shape == (count, len(HIT_SIGNALS))
    summary = coverage_signals(hits, rows, size=count)
    assert summary.shape == (len(COVERAGE_SIGNALS),)
    assert np.isfinite(hits).all()
    assert np.isfinite(summary).all()


def test_a_phrase_that_is_the_query_is_no_rival_to_it(bank):
    query = bank.phrases[5]
    rows = unit(query + 0.1 * draw(9, 4, DIM))
    margin = hit_signals(bank, "image", query, rows, rows @ query)[:, HIT_SIGNALS.index("margin")]
    assert (margin > 0).all()


def test_collections_without_answers_hold_none_and_sizes_say_nothing(bank):
    rows, sought = concepts(each=60)
    seen = [one for seed in range(8) for one in observe(bank, "image", rows, sought, seed=seed)]
    present = np.array([one.present for one in seen])
    assert all(not one.answers.any() for one in seen if not one.present)
    assert present.mean() == pytest.approx(0.5)
    sizes = np.array([one.coverage[COVERAGE_SIGNALS.index("size")] for one in seen])
    assert auroc(sizes, present) == pytest.approx(0.5, abs=0.12)


def test_doubtful_rows_are_in_no_collection(bank):
    rows, (first, *_) = concepts()
    doubtful = replace(first, unsure=first.answers.copy())
    assert list(observe(bank, "image", rows, [doubtful])) == []


def test_the_same_seed_gives_the_same_episodes(bank):
    rows, sought = concepts()
    first, second = (list(observe(bank, "image", rows, sought, seed=3)) for _ in range(2))
    assert [one.first_score for one in first] == [one.first_score for one in second]


def test_what_is_there_is_told_from_what_is_not(calibration, bank):
    rows, sought = concepts(seed=50)  # concepts that were not fitted on
    seen = list(observe(bank, "image", rows, sought, seed=1))
    coverage = [float(calibration.coverage["phrase", "image"].probability(one.coverage)) for one in seen]
    assert auroc(coverage, [one.present for one in seen]) > 0.9
    assert min(coverage) >= 0
    assert max(coverage) <= 1


@given(st.integers(0, 500))
@settings(max_examples=30)
def test_relevance_rises_with_the_score(calibration, seed):
    scores = np.linspace(-1, 1, 50, dtype=np.float32)
    for kind in ("image", "text"):
        relevance = calibration.scale("mixed", kind, draw(seed, DIM)).relevance(scores)
        assert (np.diff(relevance) > 0).all()


def test_too_few_observations_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit_models([])


def test_an_order_by_falling_score_is_refused():
    with pytest.raises(ValueError, match="falling"):
        Order(null=0.0, mean=0, spread=0, bias=0)


def test_bars_part_the_verdicts():
    bars = Bars(match=0.6, weak=0.3)
    assert [bars.verdict(value) for value in (0.6, 0.59, 0.3, 0.29)] == ["match", "weak", "weak", "no match"]
    with pytest.raises(ValueError, match="weak <= match"):
        Bars(match=0.2, weak=0.3)
    chosen = choose_bars(np.linspace(0, 1, 100, dtype=np.float32), np.ones(100, bool))
    assert chosen.weak == pytest.approx(0.05, abs=0.01)


def test_a_calibration_survives_being_saved(calibration, tmp_path):
    calibration.save(tmp_path / "c.safetensors")
    loaded = Calibration.load(tmp_path / "c.safetensors")
    query, rows = draw(7, DIM), draw(8, 10, DIM)
    best = Best(ids=np.arange(10), rows=rows, scores=rows @ query, size=100)
    for asked in ("phrase", "text", "image", "mixed"):
        before, after = (one.judge(asked, "image", query, best) for one in (calibration, loaded))
        assert before == pytest.approx(after, abs=0.02)
        before, after = (one.probabilities(asked, "image", query, best) for one in (calibration, loaded))
        np.testing.assert_allclose(before, after, atol=0.02)
        gaps = np.linspace(0, 3, 7, dtype=np.float32)
        np.testing.assert_allclose(
            calibration.shares[asked].of(gaps, 0.7), loaded.shares[asked].of(gaps, 0.7), atol=1e-3
        )
    for familiarity in (0.0, 0.4, 1.0):
        assert loaded.bars.least(familiarity) == calibration.bars.least(familiarity)


@given(
    level=st.floats(-5, 5),
    rise=st.floats(0, 3),
    fall=st.floats(0, 10),
    coverage=st.floats(0, 1),
    gaps=st.lists(st.floats(-2, 20, width=32), min_size=1, max_size=30),
)
def test_shares_never_rise_from_one_hit_to_the_next(level, rise, fall, coverage, gaps):
    shares = Share(level=level, rise=rise, fall=fall).of(np.sort(np.array(gaps, np.float32)), coverage)
    assert (np.diff(shares) <= 0).all()
    assert ((shares >= 0) & (shares <= 1)).all()


def test_a_share_that_would_rise_is_refused():
    with pytest.raises(ValueError, match="later hit"):
        Share(level=0.0, rise=0.0, fall=-0.1)


def test_what_an_encoder_does_not_know_is_denied_later():
    bars = Bars(match=0.6, weak=0.3, strange=0.05)
    assert [bars.verdict(0.2, familiarity) for familiarity in (1.0, 0.5, 0.0)] == ["no match", "weak", "weak"]
    assert bars.verdict(0.04, 0.0) == "no match"
    with pytest.raises(ValueError, match="strange <= weak"):
        Bars(match=0.6, weak=0.3, strange=0.4)


def test_knowledge_is_saved_with_what_relies_on_it(calibration, tmp_path):
    informed = len(INFORMED_SIGNALS)
    model = Logistic(
        mean=np.zeros(informed, np.float32),
        deviation=np.ones(informed, np.float32),
        weights=np.linspace(-0.01, 0.01, informed * (1 + INFORMED_CONTEXT), dtype=np.float32),
        bias=0.5,
        context=INFORMED_CONTEXT,
    )
    # A transposed array, as the solution of linear equations is: its memory lies in another order.
    weights = np.asfortranarray(5 * draw(22, 9, DIM))
    landmarks = Landmarks(names=draw(21, 9, DIM), weights=weights, bias=draw(23, 1, 9)[0])
    knowledge = Knowledge(landmarks=landmarks, background=draw(24, 50, DIM), learned=DIM - 2)
    bank = replace(calibration.bank, knowledge=knowledge)
    coverage = {**calibration.coverage, ("phrase", "image"): model}
    replace(calibration, bank=bank, coverage=coverage).save(tmp_path / "c.safetensors")
    loaded = Calibration.load(tmp_path / "c.safetensors")
    assert loaded.bank.knowledge.learned == DIM - 2
    np.testing.assert_allclose(loaded.bank.knowledge.landmarks.weights, landmarks.weights, rtol=1e-3)
    np.testing.assert_allclose(loaded.bank.knowledge.background, knowledge.background, atol=1e-3)
    signals = np.random.default_rng(0).random((20, informed)).astype(np.float32)
    found = loaded.coverage["phrase", "image"].probability(signals)
    np.testing.assert_allclose(found, model.probability(signals), atol=1e-5)
    assert loaded.knows(landmarks.names[3]) == pytest.approx(1.0)
    assert calibration.knows(landmarks.names[3]) == 0.0


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_calibration_is_told(tmp_path, content):
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(CalibrationUnusable, match="findmake calibrate"):
        Calibration.load(path)


def rewritten(path, change):
    """Write a calibration's file again after ``change(tensors, metadata)``."""
    with safe_open(path, framework="numpy") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors, metadata)
    save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize(
    "part", ["phrases", "null.text.covariance", "coverage.phrase.image", "order.text.image", "share.text"]
)
def test_a_calibration_that_lacks_a_part_is_told(calibration, tmp_path, part):
    path = tmp_path / "c.safetensors"
    calibration.save(path)
    rewritten(path, lambda tensors, _: [tensors.pop(name) for name in list(tensors) if name.startswith(part)])
    with pytest.raises(CalibrationUnusable, match=f"lacks '{part}"):
        Calibration.load(path)


def shorten(tensors, metadata):
    tensors["order.text.image"] = tensors["order.text.image"][:2]


def empty(tensors, metadata):
    metadata["facts"] = "{}"


def upend(tensors, metadata):
    metadata["facts"] = metadata["facts"].replace('"bars": [', '"bars": [-')


def unread(tensors, metadata):
    metadata["facts"] = "no JSON"


@pytest.mark.parametrize("change", [shorten, empty, upend, unread])
def test_a_calibration_whose_parts_do_not_fit_is_told(calibration, tmp_path, change):
    path = tmp_path / "c.safetensors"
    calibration.save(path)
    rewritten(path, change)
    with pytest.raises(CalibrationUnusable, match="findmake calibrate"):
        Calibration.load(path)


def test_the_starter_comes_with_a_calibration():
    from indexer import load_encoder

    found = shipped_calibration(load_encoder("starter").spec.weights_sha256)
    assert found is not None
    assert len(found.bank.phrases) >= len(PHRASES) == len(set(PHRASES))
    assert found.bank.knowledge is not None
    assert not found.approximate
