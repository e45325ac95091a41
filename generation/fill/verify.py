"""Holding a picture against the query that the catalogue failed, and against the best of what is there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from indexer import Both, Embeddings, Ids, Item
from search import Best, Judge, Judgement, Like, Query, Searcher, Verdict, parse_filter

from ..errors import BadRequest

_MISSES = 10  # as many as a verdict looks at
_AIMED = 3.0  # odds of a made picture, as a multiple of those of a retrieved one with the same looks
_LIKELIER = 1e-3  # more than the last bits of two ways to compute the same
_NEW = 0  # stands for the picture among ids; no item has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a picture is worth as an answer.

    Attributes:
        probability: calibrated probability that the picture answers the query, 0 to 1.
        coverage: calibrated probability that anything here answers it, if the picture were here.
        verdict: that coverage in words.
        evidence: how probable its looks alone make it, as if it had been found here.
        resembled: the same of the miss that it resembles most; 0 where there are none.
        answers: the verdict is ``match``, and the picture is a likelier answer than that miss.
    """

    probability: float
    coverage: float
    verdict: Verdict
    evidence: float
    resembled: float
    answers: bool

    def why_not(self, before: Verdict) -> str | None:
        """Say in words why the picture does not answer, given the verdict before it; None if it does."""
        if self.answers:
            return None
        if self.verdict != "match" or before == "match":
            return f"does not answer the query ({self.verdict}, {self.probability:.2f})"
        return (
            "no likelier an answer than the miss that it resembles "
            f"(by looks alone {self.evidence:.2f} for {self.resembled:.2f})"
        )


class Verifier:
    """Judges pictures for one query over one collection, by the calibration that judges all its answers.

    Args:
        searcher: over the collection.
        query: what is sought; its page, order and threshold do not count.

    Attributes:
        query: the same, as it was judged.
        embedded: the query as one direction.
        before: the verdict on the collection as it is, without anything that a model made.
        misses: the nearest real pictures, at most ten, best first.

    Raises:
        BadRequest: the collection has no calibration, so that nothing can be verified.
        FindmakeError: the query cannot be answered; see ``Searcher.search``.
    """

    def __init__(self, searcher: Searcher, query: Query) -> None:
        calibration = searcher.calibration()
        self.query = replace(query, k=_MISSES, offset=0, threshold=None, diversity=0.0, order="relevance")
        judgement = searcher.search(self.query).judgement
        if calibration is None or judgement is None:
            raise BadRequest(
                "a collection whose answers cannot be judged yet",
                "at least 60 items in it, or one of the model 'starter'",
            )
        self.before: Judgement = judgement
        self.embedded = searcher.embedder.embed(self.query)
        self._bars = calibration.bars
        self._judge = Judge(calibration, self.embedded)
        self._real = _real(searcher, self.query)
        self._nearest = self._find(searcher)
        self.misses: tuple[Item, ...] = tuple(searcher.collection.store.items(self._nearest.ids.tolist()))
        self._known = self._judge.probabilities({"image": self._nearest}) if len(self._nearest.ids) else {}

    @property
    def real(self) -> Ids:
        """Ids of what was imported and fulfils the query's condition, (m,) int64 ascending."""
        return self._real

    def neighbours(self, count: int) -> tuple[Ids, Embeddings]:
        """Give at most ``count`` misses to stay close to: ids (m,) and rows (m, dim)."""
        return self._nearest.ids[:count], self._nearest.rows[:count]

    def judge(self, row: Embeddings) -> Verification:
        """Judge a picture as if the collection held it.

        Two probabilities count, and the higher one is the coverage. One is what the coverage model says of
        the picture among the nearest real misses: not of the picture alone, for then all of the ten hits that
        the model looks at would be that one, as if the collection were full of answers. But that model was
        fitted where a concept has many items, and one answer among nine misses is often only ``weak`` to it.
        So the other one is the probability that this very picture answers the query, by the model that
        judges single hits: that *anything* answers the query is at least as likely. To pass, the picture
        must also be a likelier answer than the one of the ten nearest misses that it resembles most: one of
        just what is there already proves nothing. (To be likelier than *each* miss is too much: the best of
        thousands is likely by luck, and refuses a third of what is right.) Where the catalogue does answer
        the query, and more is wanted, the picture must be a match by itself.

        Retrieved pictures and made ones differ in what may be expected of them beforehand: the calibration
        knows pictures that lay near a query by chance, few of which are answers, while a generator aims at
        the query. So the odds of a made picture are multiplied (``_AIMED``; the change of a prior, Saerens et
        al. 2002). Whether it is likelier than a miss is asked of the bare evidence, on both sides.

        What that lets through and what not: docs/filling-gaps.md, by ``data/evaluation/verification.py`` and
        ``fill.py``.

        Args:
            row: (dim,) float32 of length 1, the picture's embedding by the collection's encoder.
        """
        alone = Best(ids=np.array([_NEW]), rows=row[None], scores=self._scores(row[None]), size=1)
        evidence = self._judge.probabilities({"image": alone})[_NEW]
        with_it = self._judge.judgement({"image": self._among(row)})
        resembled = self._resembled(row)
        probability = aimed(evidence)
        coverage = max(probability, with_it.coverage if with_it else 0.0)
        verdict = self._bars.verdict(coverage)
        if self.before.verdict == "match":
            answers = self._bars.verdict(probability) == "match"
        else:
            answers = verdict == "match" and evidence > resembled + _LIKELIER
        return Verification(
            probability=round(probability, 4),
            coverage=round(coverage, 4),
            verdict=verdict,
            evidence=round(evidence, 4),
            resembled=round(resembled, 4),
            answers=answers,
        )

    def _resembled(self, row: Embeddings) -> float:
        """Give the probability of the miss that a picture resembles most."""
        if not len(self._nearest.ids):
            return 0.0
        return self._known[int(self._nearest.ids[np.argmax(self._nearest.rows @ row)])]

    def _among(self, row: Embeddings) -> Best:
        """Put a picture in its place among the nearest misses."""
        rows = np.concatenate([self._nearest.rows, row[None]])
        scores = np.concatenate([self._nearest.scores, self._scores(row[None])])
        ids = np.append(self._nearest.ids, _NEW)
        order = np.argsort(-scores, kind="stable")[:_MISSES]
        size = self._nearest.size + 1
        return Best(ids=ids[order], rows=rows[order], scores=scores[order], size=size)

    def _scores(self, rows: Embeddings) -> Embeddings:
        scores: Embeddings = (rows @ self.embedded.embedding).astype(np.float32)
        return scores

    def _find(self, searcher: Searcher) -> Best:
        collection, embedding = searcher.collection, self.embedded.embedding
        nearest = collection.search(embedding, _MISSES, allowed=self._real)["image"]
        ids, rows = collection.present("image", nearest.ids)  # one may be removed this very moment
        return Best(ids=ids, rows=rows, scores=self._scores(rows), size=len(self._real))


def aimed(probability: float) -> float:
    """Change the probability of a retrieved picture to that of one that was made to be an answer."""
    return _AIMED * probability / (1 + (_AIMED - 1) * probability)


def _real(searcher: Searcher, query: Query) -> Ids:
    imported = parse_filter("origin=imported")
    condition = imported if query.condition is None else Both(parts=(query.condition, imported))
    named = [term.item_id for term in query.terms if isinstance(term, Like)]  # no answer to itself
    return np.setdiff1d(searcher.collection.select(condition), np.array(named, np.int64))
