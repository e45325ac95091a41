"""Words sought in PostgreSQL's full-text index, and scored by the BM25 that SQLite's FTS5 computes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import TSQUERY

from ...items import Ids, Scores
from ..schema.dialects import Joined, ids_of
from ..schema.postgres import LEXEMES
from .bm25 import idf, telling
from .lexemes import totals, words_of

_WEIGHTS = {"A": 4.0, "B": 3.0, "C": 2.0, "D": 1.0}  # what an occurrence counts, as for SQLite
_K1, _B = 1.2, 0.75  # those of FTS5

_MATCH = LEXEMES.c.lexemes.op("@@", is_comparison=True)(bindparam("query", type_=TSQUERY))
_MATCHING = select(Joined(select(LEXEMES.c.rowid).where(_MATCH).subquery().c.rowid))
_COUNT = select(func.count()).select_from(LEXEMES).where(_MATCH)
_OCCURRENCES = sql(
    "SELECT words.rowid, words.tokens, found.lexeme, found.positions, found.weights "
    "FROM words CROSS JOIN LATERAL unnest(words.lexemes) AS found(lexeme, positions, weights) "
    "WHERE words.rowid IN (SELECT CAST(jsonb_array_elements_text(CAST(:ids AS jsonb)) AS bigint)) "
    "AND (found.lexeme = ANY(CAST(:whole AS text[])) OR starts_with(found.lexeme, :beginning))"
)

_Places = Mapping[int, float]  # what an occurrence at each position counts


class _Phrase(NamedTuple):
    """Words that must stand side by side, the last of them perhaps only begun."""

    words: tuple[str, ...]
    begun: bool

    def query(self, weight: str = "") -> str:
        """Write it as a tsquery; with a weight, only where that one is."""
        ends = [""] * (len(self.words) - 1) + ["*" if self.begun else ""]
        parts = (f"'{word}':{end}{weight}".rstrip(":") for word, end in zip(self.words, ends, strict=True))
        return f"({' <-> '.join(parts)})"


class LexemeMatcher:
    """Some words, and the index on the server that they are sought in; see ``match.Matcher``."""

    def __init__(
        self, connection: Connection, words: Sequence[str], *, every: bool, counts: dict[_Phrase, int]
    ) -> None:
        self._connection = connection
        self._every = every
        self._frequencies = counts
        told = [tuple(found) for word in words if (found := words_of(word))]
        self._sought = [_Phrase(each, begun=False) for each in told[:-1]]
        self._sought += [_Phrase(each, begun=True) for each in told[-1:]]

    def with_all(self, *, in_title: bool = False) -> Iterable[Ids]:
        """Find the items that hold all words, ascending, in one piece."""
        yield self._holders(" & ".join(each.query("A" if in_title else "") for each in self._sought))

    def with_any(self) -> Iterable[Iterable[Ids]]:
        """Find the items that hold a word, ascending, in one piece; the rarest word first."""
        found = sorted((count, phrase) for phrase in self._sought if (count := self._frequency(phrase)))
        return ([self._holders(phrase.query())] for _, phrase in found)

    def few_with_all(self, most: int, allowed: Ids | None) -> None:
        """Say that the items with all words are not found and scored at once; see ``match.Matcher``."""

    def scored(self, ids: Ids, limit: int) -> tuple[Ids, Scores]:
        """Score items by BM25; best first, ties by id."""
        if not len(ids) or not self._sought:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        documents = totals(self._connection)
        mean = documents.tokens / max(documents.documents, 1)
        kept, added = self._telling(documents.documents)
        scores: dict[int, float] = dict.fromkeys(ids.tolist(), added)
        lengths, places = self._occurrences(ids)
        # The whole word beside its beginning counts twice, so that "shoe" stands before "shoebox".
        for phrase in (*kept, *(each._replace(begun=False) for each in kept if each.begun)):
            worth = idf(self._frequency(phrase), documents.documents)
            for item_id, tokens in lengths.items():
                count = _occurring(phrase, places[item_id])
                share = count + _K1 * (1 - _B + _B * tokens / mean)
                scores[item_id] += worth * count * (_K1 + 1) / share
        found = np.fromiter(scores, np.int64, len(scores))
        values = np.fromiter(scores.values(), np.float32, len(scores))
        order = np.lexsort((found, -values))[:limit]
        return found[order], values[order]

    def _telling(self, documents: int) -> tuple[list[_Phrase], float]:
        """Say what to score, and what the phrases left out add to each score."""
        if not self._every:
            return self._sought, 0.0
        tells = telling([self._frequency(phrase) for phrase in self._sought])
        kept = [phrase for phrase, told in zip(self._sought, tells, strict=True) if told]
        return kept, sum(idf(self._frequency(each), documents) for each in self._sought if each not in kept)

    def _holders(self, query: str) -> Ids:
        return ids_of(self._connection.scalar(_MATCHING, {"query": query}) if query else None)

    def _frequency(self, phrase: _Phrase) -> int:
        count = self._frequencies.get(phrase)  # another thread may empty what is remembered at any moment
        if count is None:
            count = int(self._connection.scalar(_COUNT, {"query": phrase.query()}) or 0)
            self._frequencies[phrase] = count
        return count

    def _occurrences(self, ids: Ids) -> tuple[dict[int, int], dict[int, dict[str, _Places]]]:
        """Read how long documents are, and where in them the words stand."""
        told = {
            "ids": json.dumps(ids.tolist()),
            "whole": [word for phrase in self._sought for word in phrase.words],
            "beginning": self._sought[-1].words[-1],
        }
        lengths: dict[int, int] = {}
        places: dict[int, dict[str, _Places]] = defaultdict(dict)
        for row in self._connection.execute(_OCCURRENCES, told):
            lengths[row.rowid] = row.tokens
            counts = (_WEIGHTS[weight] for weight in row.weights)
            places[row.rowid][row.lexeme] = dict(zip(row.positions, counts, strict=True))
        return lengths, places


def _occurring(phrase: _Phrase, places: Mapping[str, _Places]) -> float:
    """Add up what the occurrences of a phrase in one document count."""
    *before, last = phrase.words
    ends = [places[word] for word in places if word == last or (phrase.begun and word.startswith(last))]
    total = 0.0
    for at in ends:
        for place, weight in at.items():
            total += weight * all(
                place - back in places.get(word, {}) for back, word in enumerate(reversed(before), start=1)
            )
    return total
