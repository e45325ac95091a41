"""Collections of one domain, or mixed with another, asked for what they hold and for what they lack."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import packs
from embedded import Embedded

from indexer import Embeddings
from search.verdict.leave_one_out import Observation, Sought, look
from search.verdict.signals import Bank

COLLECTIONS = 60  # of each domain
_CONCEPTS, _PICTURES = (5, 200), (1, 20)  # of a collection: fewest and most, evenly by their logarithm
_MIXED = 0.35  # share of collections with pictures of everyday scenes between
_PRESENT, _SIBLINGS, _FOREIGN = 6, 4, 3  # queries of each kind that are asked of a collection
_SAME = 0.72  # cosine of two names, by MiniLM, from which they may mean the same
_FEWEST_LABELS = 20  # of a domain; smaller sources are asked together
_FEWEST_ROWS = 12
_EVERY = {"fashion-train": 8}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Domain:
    """Labelled pictures that belong together.

    Attributes:
        name: of the source, with "new:" before it if the encoder was not trained on it, else "known:".
        images: (n, dim) embeddings.
        labels: (n,) of text.
    """

    name: str
    images: Embeddings
    labels: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What came of one query.

    Attributes:
        observation: what was seen.
        kind: "present", "sibling" (another concept of the same domain) or "foreign" (of another domain).
        mixed: pictures of everyday scenes lay between.
    """

    observation: Observation
    kind: str
    mixed: bool


def new_domains(data: Path, embedded: Embedded, group: str) -> list[Domain]:
    """Give the sources of a group, on which the encoder was not trained; small ones together."""
    rows = [
        (name, number, row)
        for name in packs.SETS
        for number, row in enumerate(packs.read(data, name))
        if row.label and packs.group_of(row.source) == group and number % _EVERY.get(name, 1) == 0
    ]
    return _domains(rows, embedded, "new")


def known_domains(data: Path, embedded: Embedded, without: str | None) -> list[Domain]:
    """Give development pictures, with odd numbers, of sources on which the encoder was trained."""
    rows = [
        (name, number, row)
        for name in ("broad/dev", "fashion-dev", "clothing-train")
        for number, row in enumerate(packs.read(data, name))
        if row.label
        and not (without and packs.group_of(row.source) == without)
        and (packs.is_held_out(row.file) if name == "clothing-train" else number % 2)
    ]
    return _domains(rows, embedded, "known")


def _domains(rows: Sequence[tuple[str, int, packs.Row]], embedded: Embedded, prefix: str) -> list[Domain]:
    labels: dict[str, set[str]] = {}
    for _, _, row in rows:
        labels.setdefault(row.source, set()).add(row.label)
    large = {
        source
        for source, own in labels.items()
        if len(own) >= _FEWEST_LABELS or source in ("clothing", "pacs")
    }
    of: dict[str, list[tuple[str, int, packs.Row]]] = {}
    for one in rows:
        source = one[2].source
        of.setdefault(source if source in large else "small sources", []).append(one)
    return [
        Domain(
            name=f"{prefix}:{source}",
            images=np.stack([embedded.images(name)[number] for name, number, _ in own]),
            labels=np.array([row.label for _, _, row in own]),
        )
        for source, own in of.items()
        if len({row.label for _, _, row in own}) >= 5
    ]


class Names:
    """All labels as queries, and which of them may mean the same.

    Args:
        embedded: by the encoder.
        labels: all of them.
    """

    def __init__(self, embedded: Embedded, labels: Sequence[str]) -> None:
        self.labels = sorted(set(labels))
        self._place = {label: number for number, label in enumerate(self.labels)}
        self._rows, self._meanings = embedded.asked(self.labels), embedded.meanings(self.labels)
        self._words = [set(label.split()) for label in self.labels]

    def query(self, label: str) -> Embeddings:
        """Embed a label as a query, (dim,)."""
        row: Embeddings = self._rows[self._place[label]]
        return row

    def alike(self, one: str, other: str) -> bool:
        """Say whether two labels may mean the same, or one is a kind of the other."""
        a, b = self._place[one], self._place[other]
        words = self._words[a] <= self._words[b] or self._words[b] <= self._words[a]
        return words or float(self._meanings[a] @ self._meanings[b]) > _SAME


def ask(
    bank: Bank,
    domain: Domain,
    names: Names,
    scenes: Embeddings,
    *,
    seed: int = 0,
    collections: int = COLLECTIONS,
) -> Iterator[Asked]:
    """Draw collections of a domain, half of whose concepts are taken out, and ask them.

    Args:
        bank: what signals compare with.
        domain: the pictures.
        names: of all domains.
        scenes: (n, dim) pictures of everyday scenes, which mixed collections hold too.
        seed: of the drawing.
        collections: how many.
    """
    generator = np.random.default_rng(seed)
    labels = np.unique(domain.labels)
    places = {label: np.flatnonzero(domain.labels == label) for label in labels}
    foreign = [label for label in names.labels if label not in places]
    for _ in range(collections):
        concepts = int(min(len(labels), _drawn(generator, *_CONCEPTS)))
        inside = generator.permutation(labels)[: max(1, concepts // 2)]
        most = _drawn(generator, *_PICTURES)
        rows = np.concatenate([generator.permutation(places[label])[:most] for label in inside])
        images, own = domain.images[rows], domain.labels[rows]
        mixed = bool(generator.random() < _MIXED)
        if mixed:
            count = int(len(rows) * generator.uniform(0.3, 3)) + 5
            images = np.concatenate([images, scenes[generator.integers(0, len(scenes), count)]])
            own = np.concatenate([own, np.full(count, "")])
        if len(images) < _FEWEST_ROWS:
            continue
        absent = [
            label for label in generator.permutation(labels)[: 3 * concepts] if label not in set(inside)
        ]
        for kind, some, count in (
            ("present", list(generator.permutation(inside)), _PRESENT),
            ("sibling", absent, _SIBLINGS),
            ("foreign", list(generator.permutation(foreign)[:12]), _FOREIGN),
        ):
            if kind != "present":
                some = [
                    label for label in some[:12] if not any(names.alike(label, other) for other in inside)
                ]
            for label in some[:count]:
                yield Asked(
                    observation=_look(bank, domain, names, str(label), images, own), kind=kind, mixed=mixed
                )


def _look(
    bank: Bank, domain: Domain, names: Names, label: str, images: Embeddings, own: np.ndarray
) -> Observation:
    answers = np.array([bool(other) and (other == label or names.alike(label, other)) for other in own])
    sought = Sought(
        concept=label, domain=domain.name, asked="phrase", query=names.query(label), answers=answers
    )
    return look(bank, "image", images, sought, np.arange(len(images)))


def _drawn(generator: np.random.Generator, low: int, high: int) -> int:
    return int(math.exp(generator.uniform(math.log(low), math.log(high + 1))))
