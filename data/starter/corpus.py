"""The training sets as tensors: what the heads read of each picture, and the texts that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import names
import numpy as np
import packs
import torch
from texts import Texts
from torch import Tensor

VIEWS = 2


def features_of(cache: Path, name: str, view: int = 0) -> np.ndarray | None:
    """Read the cached features (n, 2960) float16 of a set in one view; None if they are not there."""
    path = cache / f"{name.replace('/', '_')}.view{view}.npy"
    return np.load(path, mmap_mode="r") if path.exists() else None


class Vocabulary:
    """All labels, numbered, each with the texts that ask for it.

    Args:
        texts: numbers the texts.
    """

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._number: dict[str, int] = {}
        self.asked: list[Tensor] = []  # for each label the numbers of its texts
        self.bare: list[int] = []  # for each label the number of the text that is its bare name

    def __len__(self) -> int:
        return len(self._number)

    def number(self, row: packs.Row) -> int:
        """Give the number of a row's label, -1 if it has none."""
        if not row.label:
            return -1
        if row.label not in self._number:
            self._number[row.label] = len(self._number)
            called = row.names or (row.label,)
            self.asked.append(self._texts.numbers([text for name in called for text in names.variants(name)]))
            self.bare.append(int(self._texts.numbers([row.label])))
        return self._number[row.label]

    def draw(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a text for each label, (n,) numbers of texts."""
        share = torch.rand(len(labels), generator=generator).tolist()
        chosen = [self.asked[label] for label in labels.tolist()]
        return torch.stack([texts[int(s * len(texts))] for s, texts in zip(share, chosen, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Pictures that are drawn together, from one or several sets.

    Attributes:
        views: each (n, reduced + known) float16, inputs of the image head.
        logits: (n, 1000) float16, of the packaged classifier.
        labels: (n,) numbers in the vocabulary, -1 for none.
        captions: for each picture the numbers of its own texts; may be empty where there is a label.
        weights: (n,) how often each is drawn, relative to the others.
        by_label: how often a picture that has both goes with a name of its label, not with its own text.
    """

    views: tuple[Tensor, ...]
    logits: Tensor
    labels: Tensor
    captions: tuple[Tensor, ...]
    weights: Tensor
    by_label: float = 0.5

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw pictures: their rows (count,), and inputs (count, reduced + known) float32 of random views."""
        rows = torch.multinomial(self.weights, count, generator=generator)
        which = torch.randint(len(self.views), (count,), generator=generator)
        inputs = self.views[0][rows].float()
        for number, view in enumerate(self.views[1:], start=1):
            chosen = which == number
            inputs[chosen] = view[rows[chosen]].float()
        return rows, inputs


def weights_of(rows: Sequence[packs.Row]) -> Tensor:
    """Weigh rows so that large sources and common labels do not crowd out the others."""
    sources: dict[str, int] = {}
    labels: dict[tuple[str, str], int] = {}
    for row in rows:
        sources[row.source] = sources.get(row.source, 0) + 1
        labels[row.source, row.label] = labels.get((row.source, row.label), 0) + 1
    return torch.tensor([sources[row.source] ** -0.3 * labels[row.source, row.label] ** -0.3 for row in rows])
