"""The training sets as tensors: cached picture features, and texts with their features."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import names
import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from indexer.encoders.starter.model import Tokenizer, text_tower


class Texts:
    """All texts of the training, each once, with their tower features in a file of the cache.

    Args:
        cache: folder with texts.json and texts.npy; texts that are missing there are encoded and added.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._number: dict[str, int] = {}
        self.features = torch.zeros((0, 384), dtype=torch.float16)
        if (cache / "texts.json").exists():
            known = json.loads((cache / "texts.json").read_text())
            self._number = {text: number for number, text in enumerate(known)}
            self.features = torch.from_numpy(np.load(cache / "texts.npy"))

    def numbers(self, texts: list[str]) -> Tensor:
        """Give the numbers of some texts, which are promised to be encoded later."""
        return torch.tensor([self._number.setdefault(text, len(self._number)) for text in texts])

    def encode(self) -> None:
        """Encode what is new, and save it."""
        new = list(self._number)[len(self.features) :]
        if not new:
            return
        print(f"encoding {len(new)} texts", flush=True)
        order = sorted(range(len(new)), key=lambda i: len(new[i]))  # similar lengths: little padding
        found = torch.empty((len(new), 384), dtype=torch.float16)
        tower, tokenizer = text_tower(), Tokenizer()
        with torch.inference_mode():
            for start in range(0, len(new), 128):
                batch = order[start : start + 128]
                found[batch] = tower(tokenizer([new[i] for i in batch])).half()
        self.features = torch.cat([self.features, found])
        np.save(self._cache / "texts.npy", self.features.numpy())
        (self._cache / "texts.json").write_text(json.dumps(list(self._number)))

    def take(self, numbers: Tensor) -> Tensor:
        """Give the features of texts by number, float32."""
        return self.features[numbers].float()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Pictures with what is known of them.

    Attributes:
        views: each (n, 2960) float16, the same pictures plain and mirrored.
        texts: (n, k) numbers of texts that describe each picture.
        labels: (n,) class of each picture, if the set has classes.
    """

    views: tuple[Tensor, ...]
    texts: Tensor
    labels: Tensor | None = None

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw pictures: their numbers, (count, 2960) features of random views, and random texts' numbers."""
        size = len(self.texts)
        rows = torch.randperm(size, generator=generator)[:count]
        which = torch.randint(len(self.views), (len(rows),), generator=generator)
        features = self.views[0][rows].float()
        for number, view in enumerate(self.views[1:], start=1):
            chosen = which == number
            features[chosen] = view[rows[chosen]].float()
        column = torch.randint(self.texts.shape[1], (len(rows),), generator=generator)
        return rows, features, self.texts[rows, column]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Names of classes.

    Attributes:
        names: for each class the numbers of its names' texts, in several sentences.
    """

    names: tuple[Tensor, ...]

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw one text for each class, (classes,) numbers."""
        share = torch.rand(len(self.names), generator=generator)
        return torch.stack([texts[int(s * len(texts))] for s, texts in zip(share, self.names, strict=True)])


def classes(synonyms: list[tuple[str, ...]], templates: tuple[str, ...], texts: Texts) -> Classes:
    """Put every name into every template; the plain names count four times."""
    found = []
    for group in synonyms:
        sentences = [names.sentence(template, name) for name in group for template in templates]
        found.append(texts.numbers([*sentences, *group, *group, *group]))
    return Classes(names=tuple(found))


def views(cache: Path, name: str, rows: np.ndarray | None = None) -> tuple[Tensor, ...]:
    """Read all cached views of a set, the plain one first."""
    found = [np.load(path) for path in sorted(cache.glob(f"{name}.view*.npy"))]
    return tuple(torch.from_numpy(view if rows is None else view[rows]) for view in found)


def flickr8k(data: Path, cache: Path, part: str, texts: Texts) -> Pictures:
    """Read Flickr8k: five captions for each picture."""
    captions = pq.read_table(data / f"flickr8k-{part}.parquet", columns=["captions"])["captions"].to_pylist()
    numbers = texts.numbers([caption for row in captions for caption in row])
    return Pictures(views=views(cache, f"flickr8k-{part}"), texts=numbers.reshape(-1, 5))


def fashion(data: Path, cache: Path, part: str, articles: list[str], texts: Texts) -> Pictures:
    """Read the product photos: the title counts as much as all sentences made of attributes."""
    columns = ["gender", "articleType", "baseColour", "usage", "title"]
    rows = pq.read_table(data / f"fashion-{part}.parquet", columns=columns).to_pylist()
    described = [names.product_sentences(row) for row in rows]
    wide = [[row["title"]] * len(more) + more for row, more in zip(rows, described, strict=True)]
    numbers = texts.numbers([text for row in wide for text in row]).reshape(len(rows), -1)
    known = {article: number for number, article in enumerate(articles)}
    labels = torch.tensor([known.get(row["articleType"], -1) for row in rows])
    return Pictures(views=views(cache, f"fashion-{part}"), texts=numbers, labels=labels)


def fashion_articles(data: Path) -> list[str]:
    """Give the article types of the training part."""
    column = pq.read_table(data / "fashion-train.parquet", columns=["articleType"])["articleType"]
    return sorted(set(column.to_pylist()))


def is_held_out(file: str) -> bool:
    """Say whether a picture of the clothing set is in the fifth that is not trained on."""
    return hashlib.sha256(file.encode()).digest()[0] % 5 == 0


def clothing(data: Path, cache: Path, held_out: bool, texts: Texts) -> Pictures:
    """Read the clothing set; a fifth by hash of the file name is held out."""
    rows = pq.read_table(data / "clothing-train.parquet", columns=["file", "label"]).to_pylist()
    out = np.array([is_held_out(row["file"]) for row in rows])
    chosen = np.flatnonzero(out == held_out)
    labels = [list(names.CLOTHES).index(rows[i]["label"]) for i in chosen]
    own = [(f"a photo of a {rows[i]['label']}", rows[i]["label"]) for i in chosen]
    numbers = texts.numbers([text for pair in own for text in pair]).reshape(-1, 2)
    return Pictures(views=views(cache, "clothing-train", chosen), texts=numbers, labels=torch.tensor(labels))
