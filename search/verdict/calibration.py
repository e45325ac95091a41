"""The calibrated verdict: does this hit answer the query, and does anything here?

Small logistic models over the signals of a query and its best hits, fitted per encoder, per kind of query and
per kind of embedding, on collections from which what is sought was taken out (``calibrate``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from indexer import KINDS, Embeddings, Kind

from ..errors import CalibrationUnusable
from ..ranking_input import Best
from .knowledge import Knowledge, Landmarks
from .logistic import Logistic
from .score_scale import Order, Scale, Share
from .signals import (
    COVERAGE_SIGNALS,
    HIT_SIGNALS,
    INFORMED_SIGNALS,
    Bank,
    Null,
    hit_signals,
    whole_signals,
)

Verdict = Literal["match", "weak", "no match"]
QueryKind = Literal["phrase", "text", "image", "mixed"]
"""What a query asks with: a few words, more words, pictures alone, or both."""

QUERY_KINDS: tuple[QueryKind, ...] = get_args(QueryKind)
PAIRS: tuple[tuple[QueryKind, Kind], ...] = tuple((asked, kind) for asked in QUERY_KINDS for kind in KINDS)
PHRASE_WORDS = 5
"""A query of at most so many words is a phrase: the name of a thing rather than an account of a scene."""

_FORMAT = "findmake calibration 2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The calibrated verdict on a whole answer.

    Attributes:
        verdict: whether the collection answers the query.
        coverage: calibrated probability that anything here answers it, 0 to 1.
        reason: why, in one sentence.
        approximate: the calibration rests on guesses.
    """

    verdict: Verdict
    coverage: float
    reason: str
    approximate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Where verdicts change.

    Attributes:
        match: least coverage of a match.
        weak: least coverage of a weak match; below it nothing matches.
        strange: the same for a query that the encoder is not known to know; at most ``weak``.
    """

    match: float = 0.6
    weak: float = 0.3
    strange: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.least(0.0) <= self.weak <= self.match <= 1:
            bars = f"{self.strange}, {self.weak} and {self.match}"
            raise ValueError(f"bars must be 0 <= strange <= weak <= match <= 1, not {bars}")

    def least(self, familiarity: float) -> float:
        """Give the least coverage of a weak match for a query that the encoder knows so far, 0 to 1."""
        strange = self.weak if self.strange is None else self.strange
        return familiarity * self.weak + (1 - familiarity) * strange

    def verdict(self, coverage: float, familiarity: float = 1.0) -> Verdict:
        """Put a coverage into words."""
        if coverage >= self.match:
            return "match"
        return "weak" if coverage >= self.least(familiarity) else "no match"


Models = Mapping[tuple[QueryKind, Kind], Logistic]
Orders = Mapping[tuple[QueryKind, Kind], Order]
Shares = Mapping[QueryKind, Share]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """All that turns scores of one encoder into probabilities.

    Attributes:
        weights_sha256: of the encoder it was fitted for.
        bank: what queries and hits are compared with.
        hits: models of P(a picture or text with these looks answers the query), by kind of query and of
            embedding; for single candidates, which no collection holds.
        shares: P(a hit answers the query, given that anything does), by kind of query.
        coverage: models of P(anything here answers the query), likewise.
        order: what hits are ordered by, likewise.
        bars: where verdicts change.
        approximate: fitted on guesses, or on too little to be trusted.
        source: what it was fitted on, in words.
    """

    weights_sha256: str
    bank: Bank
    hits: Models
    shares: Shares
    coverage: Models
    order: Orders
    bars: Bars = Bars()
    approximate: bool = False
    source: str = ""

    def judge(self, asked: QueryKind, kind: Kind, query: Embeddings, best: Best) -> float:
        """Judge the best hits of one kind as a whole.

        Args:
            asked: what the query asks with.
            kind: of the hits' embeddings.
            query: (dim,) float32 of length 1.
            best: the best hits.

        Returns:
            The coverage; 0.0 if there are no hits.
        """
        if not len(best.rows):
            return 0.0
        _, whole = whole_signals(self.bank, kind, query, best.rows, best.scores, size=best.size)
        return float(self.coverage[asked, kind].probability(whole))

    def probabilities(self, asked: QueryKind, kind: Kind, query: Embeddings, best: Best) -> Embeddings:
        """Give the probability that each candidate answers the query, by its own looks, (m,) float32."""
        if not len(best.rows):
            return np.empty(0, np.float32)
        signals = hit_signals(self.bank, kind, query, best.rows, best.scores)
        return self.hits[asked, kind].probability(signals)

    def scale(self, asked: QueryKind, kind: Kind, query: Embeddings) -> Scale:
        """Give the scale on which hits of all kinds are ordered, for scores of one kind.

        It gives log-odds of answering the query, in units of a deviation of pictures' scores.

        Args:
            asked: what the query asks with.
            kind: of the embeddings that are scored.
            query: (dim,) float32 of length 1.
        """
        means, spreads = self.bank.nulls[kind].spread(query[None])
        unit = self.order[asked, "image"].null
        return self.order[asked, kind].scale(float(means[0]), float(spreads[0]), unit)

    def knows(self, query: Embeddings) -> float:
        """Say how far the encoder knows what a query (dim,) asks for, 0 to 1; 0 without knowledge."""
        return self.bank.knowledge.familiarity(query) if self.bank.knowledge is not None else 0.0

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        tensors: dict[str, Any] = {"phrases": self.bank.phrases.astype(np.float16)}
        for kind, null in self.bank.nulls.items():
            tensors[f"null.{kind}.mean"] = null.mean
            tensors[f"null.{kind}.covariance"] = null.covariance
        knowledge = self.bank.knowledge
        if knowledge is not None:
            tensors["background"] = knowledge.background.astype(np.float16)
            for part in ("names", "weights", "bias"):
                tensors[f"landmarks.{part}"] = getattr(knowledge.landmarks, part).astype(np.float16)
        for (asked, kind), model in self.hits.items():
            tensors |= _packed(model, f"hits.{asked}.{kind}")
        for (asked, kind), whole in self.coverage.items():
            tensors |= _packed(whole, f"coverage.{asked}.{kind}")
        for (asked, kind), order in self.order.items():
            packed = np.array([order.null, order.mean, order.spread, order.bias], np.float32)
            tensors[f"order.{asked}.{kind}"] = packed
        for asked, share in self.shares.items():
            tensors[f"share.{asked}"] = np.array([share.level, share.rise, share.fall], np.float32)
        facts = {
            "weights_sha256": self.weights_sha256,
            "bars": [self.bars.match, self.bars.weak, self.bars.least(0.0)],
            "learned": 0 if knowledge is None else knowledge.learned,
            "approximate": self.approximate,
            "source": self.source,
        }
        # save_file writes the memory of an array as it lies, whatever its strides
        plain = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        save_file(plain, path, metadata={"format": _FORMAT, "facts": json.dumps(facts)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that ``save`` wrote.

        Raises:
            CalibrationUnusable: it is not such a file, was written by another version, or lacks a part.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (OSError, SafetensorError) as error:
            raise CalibrationUnusable(str(path), str(error)) from error
        if metadata.get("format") != _FORMAT:
            found = metadata.get("format", "nothing")
            raise CalibrationUnusable(str(path), f"its format is {found!r}, expected {_FORMAT!r}")
        try:
            return cls._from(tensors, json.loads(metadata["facts"]))
        except KeyError as error:
            raise CalibrationUnusable(str(path), f"it lacks {error.args[0]!r}") from error
        except (ValueError, TypeError, AttributeError) as error:  # parts of other kinds and shapes
            raise CalibrationUnusable(str(path), f"its parts do not fit together ({error})") from error

    @classmethod
    def _from(cls, tensors: Mapping[str, Any], facts: Mapping[str, Any]) -> Self:
        nulls = {
            kind: Null(mean=tensors[f"null.{kind}.mean"], covariance=tensors[f"null.{kind}.covariance"])
            for kind in KINDS
        }
        match, weak, strange = facts["bars"]
        return cls(
            weights_sha256=facts["weights_sha256"],
            bank=Bank.of(tensors["phrases"].astype(np.float32), nulls, _knowledge(tensors, facts)),
            hits={pair: _unpacked(tensors, f"hits.{pair[0]}.{pair[1]}", len(HIT_SIGNALS)) for pair in PAIRS},
            shares={asked: _share(tensors, asked) for asked in QUERY_KINDS},
            coverage={pair: _whole(tensors, f"coverage.{pair[0]}.{pair[1]}") for pair in PAIRS},
            order={pair: _order(tensors, f"order.{pair[0]}.{pair[1]}") for pair in PAIRS},
            bars=Bars(match=match, weak=weak, strange=strange),
            approximate=facts["approximate"],
            source=facts["source"],
        )


def _packed(model: Logistic, name: str) -> dict[str, Any]:
    weights = np.append(model.weights, model.bias).astype(np.float32)
    return {f"{name}.scale": np.stack([model.mean, model.deviation]), f"{name}.weights": weights}


def _unpacked(tensors: Mapping[str, Any], name: str, width: int) -> Logistic:
    mean, deviation = tensors[f"{name}.scale"].reshape(2, width)
    *weights, bias = tensors[f"{name}.weights"]
    return Logistic(
        mean=mean,
        deviation=deviation,
        weights=np.array(weights, np.float32),
        bias=float(bias),
        context=len(weights) // len(mean) - 1,
    )


def _whole(tensors: Mapping[str, Any], name: str) -> Logistic:
    informed = tensors[f"{name}.scale"].size == 2 * len(INFORMED_SIGNALS)
    return _unpacked(tensors, name, len(INFORMED_SIGNALS if informed else COVERAGE_SIGNALS))


def _knowledge(tensors: Mapping[str, Any], facts: Mapping[str, Any]) -> Knowledge | None:
    if not facts["learned"]:
        return None
    names, weights, bias = (
        tensors[f"landmarks.{part}"].astype(np.float32) for part in ("names", "weights", "bias")
    )
    return Knowledge(
        landmarks=Landmarks(names=names, weights=weights, bias=bias),
        background=tensors["background"].astype(np.float32),
        learned=facts["learned"],
    )


def _order(tensors: Mapping[str, Any], name: str) -> Order:
    null, mean, spread, bias = (float(value) for value in tensors[name])
    return Order(null=null, mean=mean, spread=spread, bias=bias)


def _share(tensors: Mapping[str, Any], asked: str) -> Share:
    level, rise, fall = (float(value) for value in tensors[f"share.{asked}"])
    return Share(level=level, rise=rise, fall=fall)
