"""Judging the hits of one query: on one scale, with probabilities, and as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from indexer import Embeddings, Kind, Nearest

from ..query.embed import EmbeddedQuery
from ..ranking_input import Best
from .calibration import PHRASE_WORDS, Calibration, Judgement, QueryKind
from .phrase_bank import PHRASES
from .score_scale import Scale
from .signals import rivals

_LEAST_DEVIATION = 0.02  # of scores; below it a background says nothing
_NAMED = 2  # phrases that a reason names
_SURE = 1e-3  # no witness is surer than that
_SILENT = -0.25  # log-odds that a text which does not fit takes away, at most
_KNOWN = 0.65  # familiarity of a query from which pictures tell more about it than its words do
_UNLEARNED = "This model has not learned what {query!r} looks like; here is what comes nearest."
# Log-odds that all words of a query in few items' texts add, where what pictures say against them counts
# half: where pictures know what is asked for; elsewhere; beside a picture; and where a word is a number or a
# code, which nothing but words can know.
_WORDED, _WORDED_STRANGE, _WORDED_MIXED, _CODED = 1.1, 2.2, 0.5, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WordMatch:
    """All words of a query stand in the texts of a few items.

    Attributes:
        items: how many.
        words: the query's.
    """

    items: int
    words: tuple[str, ...]

    @property
    def is_code(self) -> bool:
        """Whether one of the words is a number or a code, such as ``4711`` or ``AB-12``."""
        return any(any(sign.isdigit() for sign in word) for word in self.words)


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
        """Give each candidate's probability to answer the query by its own looks; none uncalibrated.

        By the better of its kinds. For candidates that are held against the query one by one; hits of a
        ranking get their probability from the coverage and their ``shares``.
        """
        if self._calibration is None:
            return {}
        query, calibration = self._embedded.embedding, self._calibration
        return _likelier(
            (some, calibration.probabilities(self._asked, kind, query, some)) for kind, some in best.items()
        )

    def shares(self, gaps: Embeddings, coverage: float) -> Embeddings:
        """Give P(a hit answers, given that anything does), (n,) float32.

        Args:
            gaps: (n,) by how much each hit's relevance lies behind the first one's.
            coverage: P(anything does).

        Raises:
            ValueError: nothing is calibrated.
        """
        if self._calibration is None:
            raise ValueError("nothing is calibrated: hits have no probabilities")
        return self._calibration.shares[self._asked].of(gaps, coverage)

    def judgement(self, best: Mapping[Kind, Best], *, words: WordMatch | None = None) -> Judgement | None:
        """Judge the whole; None if not calibrated.

        Args:
            best: the best items by kind, of the whole ranking, not of a later page.
            words: what words say, if all of them stand in few items.
        """
        if self._calibration is None:
            return None
        query = self._embedded.embedding
        coverages = {
            kind: self._calibration.judge(self._asked, kind, query, some) for kind, some in best.items()
        }
        clearest = max(coverages, key=lambda kind: coverages[kind], default=None)
        coverage = self._with_words(_together(best, coverages), words)
        familiarity = self._calibration.knows(query)
        verdict = self._calibration.bars.verdict(coverage, familiarity)
        if words is not None and verdict != "no match":
            count = "one item" if words.items == 1 else f"{words.items:,} items"
            reason = f"All words of the query stand in {count}."
        else:
            reason = self._reason(verdict, best[clearest] if clearest else None, clearest)
            if verdict == "weak" and self._calibration.bars.verdict(coverage) == "no match":
                reason = _UNLEARNED.format(query=self._name())
        return Judgement(
            verdict=verdict,
            coverage=round(coverage, 4),
            reason=reason,
            approximate=self._calibration.approximate,
        )

    def _with_words(self, coverage: float, words: WordMatch | None) -> float:
        """Let words be one more witness."""
        if words is None:
            return coverage
        assert self._calibration is not None
        odds = _odds(coverage)
        if self._embedded.kind != "text":
            return _chance(odds + _WORDED_MIXED)
        if words.is_code:
            return _chance(max(odds, 0.0) + _CODED)
        known = self._calibration.knows(self._embedded.embedding) >= _KNOWN
        return _chance((odds / 2 if odds < 0 else odds) + (_WORDED if known else _WORDED_STRANGE))

    def _name(self) -> str:
        """Name what is sought, for a sentence."""
        return " ".join(
            part.label for part in self._embedded.parts if part.weight > 0 and part.kind == "text"
        )

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
        if len(self._calibration.bank.phrases) < len(PHRASES):
            return ""
        found = rivals(self._calibration.bank, kind, self._embedded.embedding, best.rows[:3], len(PHRASES))
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
