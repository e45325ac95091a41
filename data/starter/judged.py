"""How well verdicts hold, by domain; and where to set their bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from domains import Asked

from search.evaluation.verdict_metrics import auroc, calibration_error
from search.verdict.calibration import Bars
from search.verdict.signals import INFORMED_SIGNALS

DRAWN = ("fluent-emoji", "openclipart", "tuxpaint", "lifenjoy51/flash-card")
"""Ends of the names of domains that are no photos; they are judged, and neither fitted on nor set a bar."""

# Of what is there, so much may be called "no match": things that the encoder was taught, in known domains;
# and things that it was not, in all.
_DENIED, _DENIED_STRANGE = 0.04, 0.012
_WRONG = 0.22  # of what is called a match, with half of the concepts taken out, at most so much may be wrong
_KNOWN = INFORMED_SIGNALS.index("known")
_STRANGE, _FAMILIAR = 0.65, 0.88  # as ``Knowledge.familiarity``
_HEADER = (
    "domain                            n     AUROC   raw  | denied  sib ok  foreign no | called wrong | ECE"
)


def familiarity(asked: Sequence[Asked]) -> np.ndarray:
    """Say how far landmarks know what each query asks for, (n,) from 0 to 1."""
    known = np.array([one.observation.coverage[_KNOWN] for one in asked])
    return np.clip((known - _STRANGE) / (_FAMILIAR - _STRANGE), 0, 1)


def bars_for(asked: Sequence[Asked], coverage: np.ndarray) -> Bars:
    """Choose bars on coverages (n,) of domains left out: domains count alike."""
    shown = np.array([not one.observation.domain.endswith(DRAWN) for one in asked])
    asked, coverage = [one for one, photo in zip(asked, shown, strict=True) if photo], coverage[shown]
    domains = np.array([one.observation.domain for one in asked])
    present = np.array([one.observation.present for one in asked])
    sibling = np.array([one.kind == "sibling" for one in asked])
    weights = _domain_weights(domains)
    match = next(
        bar
        for bar in np.arange(0.4, 0.95, 0.01)
        if _share(coverage >= bar, weights * sibling)
        / max(_share(coverage >= bar, weights * sibling) + _share(coverage >= bar, weights * present), 1e-9)
        <= _WRONG
    )
    known = familiarity(asked)
    taught = present & (known > 0.99) & np.char.startswith(domains, "known:")
    untaught = present & (known < 0.5)
    weak = round(min(_quantile(coverage[taught], weights[taught], _DENIED), float(match)), 3)
    strange = round(_quantile(coverage[untaught], weights[untaught], _DENIED_STRANGE), 3)
    return Bars(match=round(float(match), 2), weak=weak, strange=min(strange, weak))


def _domain_weights(domains: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(domains, return_inverse=True, return_counts=True)
    return 1 / counts[place]


def _share(marks: np.ndarray, weights: np.ndarray) -> float:
    return float((marks * weights).sum() / max(weights.sum(), 1e-9))


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    order = np.argsort(values)
    passed = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(passed, share)])


def report(asked: Sequence[Asked], coverage: np.ndarray, bars: Bars) -> None:
    """Print a line for each domain, the mean of new ones, and the worst."""
    print(f"bars: match {bars.match}, weak {bars.weak}, strange {bars.strange}")
    print(_HEADER)
    known = familiarity(asked)
    verdicts = np.array([bars.verdict(float(c), float(k)) for c, k in zip(coverage, known, strict=True)])
    domains = np.array([one.observation.domain for one in asked])
    rows = {}
    for domain in [*np.unique(domains), "all"]:
        chosen = np.flatnonzero((domains == domain) | (domain == "all"))
        rows[domain] = _figures([asked[i] for i in chosen], coverage[chosen], verdicts[chosen])
        print(f"{domain[:32]:32} " + _line(len(chosen), rows[domain]))
    for prefix in ("new", "known"):
        photos = [
            row for name, row in rows.items() if name.startswith(f"{prefix}:") and not name.endswith(DRAWN)
        ]
        table = np.array(photos)
        for what, reduce in (("mean", np.nanmean), ("worst low", np.nanmin), ("worst high", np.nanmax)):
            print(f"{prefix + ' photos, ' + what:32} " + _line(len(table), reduce(table, axis=0)))


def _line(count: int, row: Sequence[float]) -> str:
    area, raw, denied, siblings, foreign, called, wrong, error = row
    return (
        f"{count:6d} {area:.3f} {raw:.3f} | {100 * denied:5.1f}  {100 * siblings:5.1f}  {100 * foreign:5.1f} "
        f"| {100 * called:5.1f}  {100 * wrong:5.1f} | {error:.3f}"
    )


def _figures(asked: Sequence[Asked], coverage: np.ndarray, verdicts: np.ndarray) -> list[float]:
    """Measure one domain.

    Returns:
        AUROC; that of the raw cosine; shares of: what is there and denied, siblings not called a match,
        foreign ones denied, what is there and called a match, wrong ones among matches with half of the
        concepts taken out; the calibration error.
    """
    present = np.array([one.observation.present for one in asked])
    raw = np.array([one.observation.first_score for one in asked])
    kinds = np.array([one.kind for one in asked])
    sibling, foreign = kinds == "sibling", kinds == "foreign"
    match, none = verdicts == "match", verdicts == "no match"
    called, wrongly = match[present].mean(), match[sibling].mean() if sibling.any() else np.nan
    half = _balanced(present)
    return [
        auroc(coverage, present),
        auroc(raw, present),
        float(none[present].mean()),
        float(1 - wrongly),
        float(none[foreign].mean()) if foreign.any() else np.nan,
        float(called),
        float(wrongly / max(wrongly + called, 1e-9)),
        calibration_error(coverage[half], present[half]),
    ]


def _balanced(present: np.ndarray) -> np.ndarray:
    """Choose as many rows with answers as without, (m,)."""
    generator = np.random.default_rng(0)
    yes, no = np.flatnonzero(present), np.flatnonzero(~present)
    count = min(len(yes), len(no))
    return np.concatenate([generator.permutation(yes)[:count], generator.permutation(no)[:count]])
