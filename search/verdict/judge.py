"""Judging the hits of one query: on one scale, with probabilities, and as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from indexer import Embeddings, Kind, Nearest

from ..query.embed import EmbeddedQuery
from ..ranking_input import Best
from .calibration import PHRASE_WORDS, Calibration, Judgement, QueryKind
from .phrase_bank import PHRASES
from .score_scale import Scale
from .signals import rivals

# An item that holds all words of a query, as few others do, answers it by its own account; what is left is
# for words that mean something else there.
WORDS_SAY = 0.9
_LEAST_DEVIATION = 0.02  # of scores; below it a background says nothing
_NAMED = 2  # phrases that a reason names
_SURE = 1e-3  # no witness is surer than that
_SILENT = -0.25  # log-odds that a text which does not fit takes away, at most
_KNOWN = 0.8  # cosine with a landmark's name from which pictures tell more about a query than its words do
_WORDED = 1.1  # log-odds that its words in items' texts add then


class Judge:
    """Judges one query's hits.

    Args:
        calibration: of the encoder; None where there is none.
        embedded: the query.
    """

    def __init__(self, calibration: Calibration | None, embedded: EmbeddedQuery) -> None:
        self._calibration = calibration
        self._embedded = embedded
        self._asked = _asked(embedded)
        self._scales: dict[Kind, Scale] = {}

    @property
    def is_calibrated(self) -> bool:
        """Say whether there are probabilities and a verdict."""
        return self._calibration is not None

    def relevance(self, kind: Kind, nearest: Nearest, scores: Embeddings) -> Embeddings:
        """Bring scores of one kind to the scale on which all kinds are ordered, (n,) float32.

        Calibrated, this is the log-odds of an answer by the score alone; otherwise it is how far a score
        stands out among this query's scores over the collection. Both rise with the score.

        Args:
            kind: of the embeddings that were scored.
            nearest: what was found of that kind, with its background.
            scores: (n,) float32 cosines.
        """
        if not len(scores):  # a collection without texts needs no scale for them
            return scores
        if kind not in self._scales:
            self._scales[kind] = self._scale(kind, nearest)
        return self._scales[kind].relevance(scores)

    def _scale(self, kind: Kind, nearest: Nearest) -> Scale:
        if self._calibration is not None:
            return self._calibration.scale(self._asked, kind, self._embedded.embedding)
        background = nearest.background
        if not len(background):
            return Scale(zero=0.0, step=_LEAST_DEVIATION)
        return Scale(zero=float(background.mean()), step=max(float(background.std()), _LEAST_DEVIATION))

    def probabilities(self, best: Mapping[Kind, Best]) -> dict[int, float]:
        """Give each item's probability to answer the query, by the better of its kinds; none uncalibrated."""
        if self._calibration is None:
            return {}
        query, calibration = self._embedded.embedding, self._calibration
        return _likelier(
            (some, calibration.probabilities(self._asked, kind, query, some)) for kind, some in best.items()
        )

    def judgement(self, best: Mapping[Kind, Best], *, worded: int) -> Judgement | None:
        """Judge the whole; None if not calibrated. See ``judged``."""
        return self.judged(best, worded=worded)[0]

    def judged(self, best: Mapping[Kind, Best], *, worded: int) -> tuple[Judgement | None, dict[int, float]]:
        """Judge the whole, and each of the best items as ``probabilities`` does; nothing if not calibrated.

        Args:
            best: the best items by kind, of the whole ranking, not of a later page.
            worded: how many items hold all words of the query, if that singles them out, else 0.
        """
        if self._calibration is None:
            return None, {}
        query, coverages, each = self._embedded.embedding, {}, []
        for kind, some in best.items():
            values, coverages[kind] = self._calibration.judge(self._asked, kind, query, some)
            each.append((some, values))
        return self._whole(best, coverages, worded), _likelier(each)

    def _whole(self, best: Mapping[Kind, Best], coverages: Mapping[Kind, float], worded: int) -> Judgement:
        assert self._calibration is not None
        told = max(coverages, key=lambda k: coverages[k], default=None)
        coverage = _together(best, coverages)
        if worded and self._calibration.knows(self._embedded.embedding) >= _KNOWN:
            coverage = _chance(_odds(coverage) + _WORDED)
        elif worded and coverage < WORDS_SAY:
            reason = f"all words of the query stand in {_count(worded)}"
            return self._worded(WORDS_SAY, f"{reason.capitalize()}.")
        verdict = self._calibration.bars.verdict(coverage)
        reason = self._reason(verdict, best[told] if told else None, told)
        return Judgement(
            verdict=verdict,
            coverage=round(coverage, 4),
            reason=reason,
            approximate=self._calibration.approximate,
        )

    def _worded(self, coverage: float, reason: str) -> Judgement:
        assert self._calibration is not None
        verdict = self._calibration.bars.verdict(coverage)
        approximate = self._calibration.approximate
        return Judgement(verdict=verdict, coverage=coverage, reason=reason, approximate=approximate)

    def _reason(self, verdict: str, best: Best | None, kind: Kind | None) -> str:
        """Say in one sentence why."""
        if best is None or kind is None or not len(best.rows):
            return "There is nothing here to search."
        if verdict == "match":
            return (
                "The best hits stand out for this query, and fit it better than they fit other descriptions."
            )
        described = self._described(kind, best)
        if verdict == "weak":
            also = f"; they may rather be {described}" if described else ""
            return (
                f"Something here may answer the query, but the best hits fit it no better than others{also}."
            )
        instead = f"; they look more like {described}" if described else ""
        return f"Nothing here seems to answer the query: even the best hits do not fit it{instead}."

    def _described(self, kind: Kind, best: Best) -> str:
        """Name what describes the first hits best, as 'boots' or 'hats'."""
        assert self._calibration is not None
        if len(self._calibration.bank.phrases) != len(PHRASES):
            return ""
        found = rivals(self._calibration.bank, kind, self._embedded.embedding, best.rows[:3])
        named = [PHRASES[number] for number in found]
        return " or ".join(f"'{phrase}'" for phrase in list(dict.fromkeys(named))[:_NAMED])


def _likelier(each: Iterable[tuple[Best, Embeddings]]) -> dict[int, float]:
    """Give each item the highest of its probabilities (m,)."""
    found: dict[int, float] = {}
    for some, values in each:
        for item_id, value in zip(some.ids.tolist(), values.tolist(), strict=True):
            found[item_id] = max(found.get(item_id, 0.0), value)
    return found


def _together(best: Mapping[Kind, Best], coverages: Mapping[Kind, float]) -> float:
    """Join what pictures and texts say, each a probability with presence as likely as absence beforehand.

    Of the same items they are two witnesses, whose log-odds add up (naive Bayes), but for a text that does
    not fit, which says little: titles leave out much. Of different items either may answer alone, and the
    likelier one counts. Between the two, by the share of items that have both.
    """
    if len(coverages) < 2:
        return max(coverages.values(), default=0.0)
    pictured, told = (set(best[kind].ids.tolist()) for kind in ("image", "text"))
    share = len(pictured & told) / max(len(pictured | told), 1)
    image, text = _odds(coverages["image"]), _odds(coverages["text"])
    return _chance(share * (image + max(text, _SILENT)) + (1 - share) * max(image, text))


def _odds(probability: float) -> float:
    sure = min(max(probability, _SURE), 1 - _SURE)
    return math.log(sure / (1 - sure))


def _chance(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def _asked(embedded: EmbeddedQuery) -> QueryKind:
    """Tell what a query asks with, as calibrations see it."""
    if embedded.kind != "text":
        return embedded.kind
    words = sum(len(part.label.split()) for part in embedded.parts)
    return "phrase" if words <= PHRASE_WORDS else "text"


def _count(items: int) -> str:
    return "one item" if items == 1 else f"{items:,} items"
