"""Signals against plain loops, and at the edges of what may come."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from search.verdict.knowledge import KNOWLEDGE_SIGNALS, Knowledge, Landmarks, Rivalry
from search.verdict.signals import (
    COVERAGE_CONTEXT,
    COVERAGE_SIGNALS,
    HIT_CONTEXT,
    HIT_SIGNALS,
    INFORMED_CONTEXT,
    INFORMED_SIGNALS,
    Bank,
    Null,
    coverage_signals,
    hit_signals,
    rivals,
    whole_signals,
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
    context = ("query_mean", "query_spread", "nearest", "size")
    assert COVERAGE_SIGNALS[-COVERAGE_CONTEXT:] == context
    assert INFORMED_SIGNALS[-INFORMED_CONTEXT:] == ("known",)


LEARNED = 8  # of the dimensions


def known_kinds(seed, count=7):
    rng = np.random.default_rng(seed)
    return Landmarks(
        names=unit_rows(count, DIM, seed),
        weights=(20 * unit_rows(count, DIM, seed + 1)).astype(np.float32),
        bias=rng.normal(-40, 3, count).astype(np.float32),
    )


def knowing(landmarks):
    return Knowledge(landmarks=landmarks, background=SAMPLES["image"], learned=LEARNED)


def known_signals(knowledge, bank, query, rows):
    level, deviation = bank.levels["image"]
    hits = hit_signals(bank, "image", query, rows, rows @ query)
    rivalry = Rivalry(
        own=hits[:, HIT_SIGNALS.index("null")],
        described=(rows @ bank.phrases.T - level) / deviation,
        alike=bank.phrases @ query,
    )
    values = knowledge.signals(query, rows, rows @ query, rivalry)
    return dict(zip(KNOWLEDGE_SIGNALS, values.tolist(), strict=True))


@given(seed=st.integers(0, 10_000), hits=st.integers(1, 14))
@settings(max_examples=40, deadline=None)
def test_landmarks_against_plain_loops(bank, seed, hits):
    landmarks = known_kinds(seed)
    query, rows = unit_rows(1, DIM, seed + 2)[0], unit_rows(hits, DIM, seed + 3)
    alike = [float(name @ query) for name in landmarks.names]
    third, fourth = sorted(alike, reverse=True)[2:4]
    assume(third - fourth > 1e-6)  # of two that are equally near, either may count
    meant = np.exp([60 * (value - max(alike)) for value in alike])
    meant /= meant.sum()
    nearest = sorted(range(7), key=lambda k: -alike[k])[:3]
    shared, kindred, named = [], [], []
    for row in rows[:10]:
        logits = [
            0.5 * (float(w @ row) + float(b)) for w, b in zip(landmarks.weights, landmarks.bias, strict=True)
        ]
        shown = np.exp([value - max(logits) for value in logits])
        shown /= shown.sum()
        shared.append(math.log(sum(s * m for s, m in zip(shown, meant, strict=True))))
        kindred.append(sum(s * a for s, a in zip(shown, alike, strict=True)))
        named.append(math.log(max(shown[k] for k in nearest)))
    signals = known_signals(knowing(landmarks), bank, query, rows)
    for depth, count in (("first", 1), ("three", 3), ("ten", 10)):
        for name, values in (("shared", shared), ("kindred", kindred), ("named", named)):
            assert signals[f"{depth}_{name}"] == pytest.approx(np.mean(values[:count]), abs=0.02)
    assert signals["known"] == pytest.approx(max(alike), abs=1e-5)
    entropy = -sum(m * math.log(m) for m in meant if m > 0)
    assert signals["vague"] == pytest.approx(entropy, abs=1e-3)


@given(seed=st.integers(0, 10_000), hits=st.integers(1, 14))
@settings(max_examples=40, deadline=None)
def test_parts_and_background_against_plain_loops(bank, seed, hits):
    query, rows = unit_rows(1, DIM, seed + 2)[0], unit_rows(hits, DIM, seed + 3)
    signals = known_signals(knowing(known_kinds(seed)), bank, query, rows)
    background = [float(other @ query) for other in SAMPLES["image"]]
    first = float(rows[0] @ query)
    assert signals["above_first"] == pytest.approx(
        (first - np.quantile(background, 0.99)) / np.std(background), abs=1e-2
    )
    share = sum(score >= first for score in background) / len(background)
    assert signals["above_share"] == pytest.approx(math.log(share + 1 / len(background)), abs=1e-2)
    for name, columns in (("learned", slice(0, LEARNED)), ("posterior", slice(LEARNED, None))):
        direction = query[columns] / np.linalg.norm(query[columns])
        scores = [float(other[columns] @ direction) for other in SAMPLES["image"]]
        own = (float(rows[0][columns] @ direction) - np.mean(scores)) / np.std(scores, ddof=1)
        assert signals[f"{name}_first"] == pytest.approx(own, abs=1e-2)
    assert signals["both_first"] == min(signals["learned_first"], signals["posterior_first"])
    assert signals["posterior_weight"] == pytest.approx(np.linalg.norm(query[LEARNED:]), abs=1e-5)


def test_signals_stay_finite_where_no_landmark_fits(bank):
    landmarks = known_kinds(4)
    rows = unit_rows(3, DIM, 9)
    far = Landmarks(names=landmarks.names, weights=1_000 * landmarks.weights, bias=landmarks.bias - 1_000)
    assert np.isfinite(list(known_signals(knowing(far), bank, rows[0], rows).values())).all()


def test_a_query_by_a_landmarks_name_is_familiar_and_others_are_not():
    landmarks = known_kinds(5)
    knowledge = knowing(landmarks)
    assert knowledge.familiarity(landmarks.names[2]) == 1
    assert knowledge.familiarity(-landmarks.names.mean(0) / np.linalg.norm(landmarks.names.mean(0))) == 0


def test_knowledge_is_of_pictures_and_stands_around_what_is_known_of_any_encoder(bank):
    query, rows = unit_rows(1, DIM, 12)[0], unit_rows(10, DIM, 13)
    informed = Bank.of(bank.phrases, bank.nulls, knowing(known_kinds(3)))
    hits, whole = whole_signals(bank, "image", query, rows, rows @ query, size=50)
    np.testing.assert_array_equal(whole, coverage_signals(hits, rows, size=50))
    _, more = whole_signals(informed, "image", query, rows, rows @ query, size=50)
    assert more.shape == (len(INFORMED_SIGNALS),)
    np.testing.assert_array_equal(more[-len(COVERAGE_SIGNALS) - 1 : -1], whole)
    _, text = whole_signals(informed, "text", query, rows, rows @ query, size=50)
    assert text.shape == (len(COVERAGE_SIGNALS),)


def test_knowledge_that_does_not_fit_together_is_refused():
    landmarks = known_kinds(6)
    with pytest.raises(ValueError, match="do not fit together"):
        Landmarks(names=landmarks.names, weights=landmarks.weights[:3], bias=landmarks.bias)
    with pytest.raises(ValueError, match="do not fit a background"):
        Knowledge(landmarks=landmarks, background=SAMPLES["image"], learned=DIM)


@pytest.mark.parametrize("kind", ["image", "text"])
def test_hits_are_never_said_to_look_like_what_was_sought(bank, kind):
    level, deviation = bank.levels[kind]
    for number, phrase in enumerate(bank.phrases):
        row = phrase[None]  # a hit that shows what the phrase says
        plain = int(((row @ bank.phrases.T - level) / deviation).argmax())
        unrelated = unit_rows(1, DIM, 9)[0]
        if float(bank.phrases[plain] @ unrelated) < 0.7:
            assert rivals(bank, kind, unrelated, row, PHRASES) == [plain]
        (found,) = rivals(bank, kind, phrase, row, PHRASES)
        assert found != number
        assert all(place < 5 for place in rivals(bank, kind, phrase, row, 5))
        assert float(bank.phrases[found] @ phrase) < 0.75 + 1e-6
    alone = Bank.of(bank.phrases[:1], bank.nulls)
    assert rivals(alone, kind, bank.phrases[0], bank.phrases[:1], 1) == []
