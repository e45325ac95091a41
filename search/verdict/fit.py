"""Fitting the calibration: from episodes with and without answers to logistic models."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer import Kind

from .calibration import PAIRS, QUERY_KINDS, Bars, Models, Orders, QueryKind, Shares
from .leave_one_out import Observation
from .logistic import Logistic, expanded
from .score_scale import Order, Share
from .signals import COVERAGE_CONTEXT, HIT_CONTEXT, HIT_SIGNALS, INFORMED_CONTEXT, INFORMED_SIGNALS, Signals

# Of standardised weights; chosen by cross-validation over concepts, and for informed models over domains.
_INVERSE_PENALTY, _INVERSE_PENALTY_INFORMED = 0.01, 0.003
_LEAST_SLOPE = 0.05  # log-odds per deviation: whatever the data say, a higher score comes first
_SHARE = Share(level=1.0, rise=0.5, fall=1.0)  # where nothing was seen that tells
# Only the ten best hits are observed, often answers all: hits far behind are less likely all the same.
_HIGHEST_LEVEL, _LEAST_FALL = 3.0, 0.3
_FOLDS = 5  # of concepts, to see what a model makes of concepts that it was not fitted on
_LEAST = 20  # observations with and without answers that a model of its own needs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What was fitted, for every kind of query and of embedding.

    Attributes:
        hits: models of P(this hit answers the query).
        coverage: models of P(anything here does).
        order: what hits of different kinds are ordered by.
        shares: P(a hit answers, given that anything does).
    """

    hits: Models
    shares: Shares
    coverage: Models
    order: Orders


def fit_models(observations: Sequence[Observation]) -> Fitted:
    """Fit the models for every kind of query and of embedding.

    Where too little was observed of one pair of kinds, the nearest other pair stands in.

    Args:
        observations: of episodes, with and without answers.

    Raises:
        ValueError: no pair of kinds has enough observations.
    """
    hits: dict[tuple[QueryKind, Kind], Logistic] = {}
    coverage: dict[tuple[QueryKind, Kind], Logistic] = {}
    order: dict[tuple[QueryKind, Kind], Order] = {}
    for pair in PAIRS:
        some = [one for one in observations if (one.asked, one.kind) == pair]
        present = np.array([one.present for one in some], bool)
        if min(present.sum(), (~present).sum()) < _LEAST:
            continue
        coverage[pair] = _fit_coverage(some)
        answers = np.concatenate([one.answers for one in some])
        signals = np.concatenate([one.hits for one in some])
        spread = [one.concept for one in some for _ in one.answers]
        hits[pair] = fit_logistic(signals, answers, spread, context=HIT_CONTEXT)
        order[pair] = _fit_order(signals, answers)
    if not hits:
        raise ValueError(f"{len(observations)} observations are too few to fit anything")
    return Fitted(
        hits=_completed(hits),
        shares={asked: _fit_share(observations, asked, _completed(coverage)) for asked in QUERY_KINDS},
        coverage=_completed(coverage),
        order=_completed(order),
    )


def _fit_share(observations: Sequence[Observation], asked: QueryKind, coverage: Models) -> Share:
    """Fit how fast answers thin out behind the first hit, where there are any; on pictures, if possible."""
    from sklearn.linear_model import LogisticRegression

    answered = [one for one in observations if one.present]
    chosen = [one for one in answered if one.asked == asked] or answered
    chosen = [one for one in chosen if one.kind == "image"] or chosen
    null = HIT_SIGNALS.index("null")
    gaps = np.concatenate([one.hits[0, null] - one.hits[:, null] for one in chosen])
    answers = np.concatenate([one.answers for one in chosen])
    if len(np.unique(answers)) < 2:
        return _SHARE
    odds = [
        np.clip(coverage[one.asked, one.kind].log_odds(one.coverage), -7, 7).repeat(len(one.answers))
        for one in chosen
    ]
    model = LogisticRegression(max_iter=1_000).fit(np.stack([gaps, np.concatenate(odds)], axis=1), answers)
    fall, rise = -float(model.coef_[0, 0]), float(model.coef_[0, 1])
    return Share(
        level=min(float(model.intercept_[0]), _HIGHEST_LEVEL),
        rise=max(rise, 0.0),
        fall=max(fall, _LEAST_FALL),
    )


def _fit_coverage(chosen: Sequence[Observation]) -> Logistic:
    """Fit the model of the whole; domains weigh by the root of how often they were asked."""
    signals = np.stack([one.coverage for one in chosen])
    present = np.array([one.present for one in chosen])
    informed = signals.shape[1] == len(INFORMED_SIGNALS)
    asked = Counter(one.domain for one in chosen)
    domains = sorted(asked)
    several = len(domains) >= _FOLDS
    return fit_logistic(
        signals,
        present,
        [one.domain if several else one.concept for one in chosen],
        context=INFORMED_CONTEXT if informed else COVERAGE_CONTEXT,
        weights=np.array([asked[one.domain] ** -0.5 for one in chosen], np.float32) if several else None,
    )


def _fit_order(signals: Signals, answers: NDArray[np.bool_]) -> Order:
    from sklearn.linear_model import LogisticRegression

    columns = [HIT_SIGNALS.index(name) for name in ("null", "query_mean", "query_spread")]
    some = signals[:, columns]
    mean, deviation = some.mean(axis=0), some.std(axis=0) + 1e-4
    model = LogisticRegression(max_iter=2_000).fit((some - mean) / deviation, answers)
    weights = model.coef_[0] / deviation
    bias = float(model.intercept_[0] - weights @ mean)
    null, by_mean, by_spread = (float(weight) for weight in weights)
    return Order(null=max(null, _LEAST_SLOPE), mean=by_mean, spread=by_spread, bias=bias)


def fit_logistic(
    signals: Signals,
    positive: NDArray[np.bool_],
    groups: Sequence[str],
    *,
    context: int,
    weights: Signals | None = None,
) -> Logistic:
    """Fit one logistic model over signals and their products.

    So many products need a strong penalty, which draws probabilities to the middle. So the model's log-odds
    are stretched afterwards (Platt 1999), as far as those for groups that were left out of fitting tell.

    Args:
        signals: (n, s) float32.
        positive: (n,) with both values.
        groups: (n,) what is left out together: concepts, or domains.
        context: how many of the signals, the last ones, tell of query and collection.
        weights: (n,) how much each counts, above 0; None if all count alike.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to import; only fitting needs it

    counts = np.ones(len(signals), np.float32) if weights is None else weights / weights.mean()
    folds = np.array([zlib.crc32(group.lower().encode()) % _FOLDS for group in groups])
    unseen = np.full(len(signals), np.nan)
    for fold in range(_FOLDS):
        inside, outside = folds != fold, folds == fold
        if outside.any() and len(np.unique(positive[inside])) == 2:
            part = _penalised(signals[inside], positive[inside], counts[inside], context)
            unseen[outside] = part.log_odds(signals[outside])
    model = _penalised(signals, positive, counts, context)
    known = np.isfinite(unseen)
    if len(np.unique(positive[known])) < 2:
        return model
    stretch = LogisticRegression(max_iter=1_000).fit(unseen[known, None], positive[known], counts[known])
    slope, shift = max(float(stretch.coef_[0, 0]), 0.1), float(stretch.intercept_[0])
    return replace(model, weights=model.weights * slope, bias=model.bias * slope + shift)


def _penalised(signals: Signals, positive: NDArray[np.bool_], counts: Signals, context: int) -> Logistic:
    from sklearn.linear_model import LogisticRegression

    mean, deviation = signals.mean(axis=0), signals.std(axis=0) + 1e-4
    informed = signals.shape[1] == len(INFORMED_SIGNALS)
    model = LogisticRegression(C=_INVERSE_PENALTY_INFORMED if informed else _INVERSE_PENALTY, max_iter=2_000)
    model.fit(expanded((signals - mean) / deviation, context), positive, counts)
    weights, bias = model.coef_[0].astype(np.float32), float(model.intercept_[0])
    return Logistic(mean=mean, deviation=deviation, weights=weights, bias=bias, context=context)


def choose_bars(coverage: NDArray[np.float32], present: NDArray[np.bool_], *, recall: float = 0.95) -> Bars:
    """Set the bars: ``weak`` lets through nearly all that has answers, ``match`` is more likely than not.

    Args:
        coverage: (n,) calibrated probabilities.
        present: (n,) whether there were answers.
        recall: share of the answered that stays above ``weak``.
    """
    answered = np.sort(coverage[present])
    weak = float(answered[int((1 - recall) * len(answered))]) if len(answered) else 0.3
    weak = round(min(max(weak, 0.05), 0.5), 2)
    return Bars(match=max(0.6, weak), weak=weak)


Model = TypeVar("Model")


def _completed(models: dict[tuple[QueryKind, Kind], Model]) -> dict[tuple[QueryKind, Kind], Model]:
    """Let the nearest model stand in for each that is missing."""
    preference: dict[QueryKind, tuple[QueryKind, ...]] = {
        "phrase": ("phrase", "text", "mixed", "image"),
        "text": ("text", "phrase", "mixed", "image"),
        "image": ("image", "mixed", "text", "phrase"),
        "mixed": ("mixed", "text", "image", "phrase"),
    }
    found = dict(models)
    for asked, kind in PAIRS:
        other: Kind = "text" if kind == "image" else "image"
        candidates = [(a, k) for k in (kind, other) for a in preference[asked]]
        found[asked, kind] = next(models[c] for c in candidates if c in models)
    return found
