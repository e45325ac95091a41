"""Measure recommendation by leave-one-out on the product photos.

    python data/evaluation/recommend.py DATA CACHE

A user likes some items of one kind (article type, gender and colour) and dislikes others of the same type;
one more item of the kind is held out, and must be found among all. Against popularity (items of the most
frequent article types first), and against chance. Titles name the kind, so pictures alone are reported too.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pictures

from indexer import Embeddings, load_encoder
from search.recommend import RECOMMENDATION_METHODS, Method, direct, standard

_USERS = 3  # of each kind
_SAMPLE = 400  # as in search.recommend


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """What somebody likes and dislikes, and what they should be shown: rows."""

    liked: list[int]
    disliked: list[int]
    held_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The products.

    Attributes:
        kinds: article type, gender and colour of each.
        parts: (n, dim) embeddings of the pictures, and of the titles.
    """

    kinds: list[tuple[str, str, str]]
    parts: dict[str, Embeddings]

    def users(self, likes: int, dislikes: int) -> Iterator[User]:
        """Make up users, the same ones every time."""
        rng = np.random.default_rng(likes * 100 + dislikes)
        of_kind = defaultdict(list)
        for row, kind in enumerate(self.kinds):
            of_kind[kind].append(row)
        for kind, rows in sorted(of_kind.items()):
            others = [i for i, other in enumerate(self.kinds) if other[0] == kind[0] and other != kind]
            if len(rows) > likes and len(others) >= dislikes:
                for _ in range(_USERS):
                    chosen = rng.permutation(rows)[: likes + 1].tolist()
                    disliked = rng.permutation(others)[:dislikes].tolist()
                    yield User(liked=chosen[:-1], disliked=disliked, held_out=chosen[-1])

    def scores(self, user: User, method: Method, parts: tuple[str, ...]) -> np.ndarray:
        """Score all items as ``search.recommend`` does."""
        sample = np.unique(np.linspace(0, len(self.kinds) - 1, _SAMPLE).astype(int))
        total = np.zeros(len(self.kinds))
        for part in parts:
            rows = self.parts[part]
            direction = direct(rows[user.liked], rows[user.disliked], rows[sample], method)
            found = rows @ direction
            total += standard(found, found) / len(parts)
        return total


def rank_of(scores: np.ndarray, user: User) -> int:
    """Give the place of the held-out item among all that the user has not rated; equal ones by row."""
    scores = scores.copy()
    scores[user.liked + user.disliked] = -np.inf
    own = scores[user.held_out]
    return int((scores > own).sum() + (scores[: user.held_out] == own).sum()) + 1


def compare(shop: Shop, likes: int, dislikes: int) -> None:
    """Print the figures of every way, for the same users."""
    users = list(shop.users(likes, dislikes))
    frequent = Counter(kind[0] for kind in shop.kinds)
    popularity = np.array([frequent[kind[0]] for kind in shop.kinds], float)
    rng = np.random.default_rng(0)
    ways: dict[str, Callable[[User], np.ndarray]] = {
        "random": lambda user: rng.random(len(shop.kinds)),
        "popularity": lambda user: popularity,
    }
    for parts in (("pictures",), ("titles",), ("pictures", "titles")):
        for method in RECOMMENDATION_METHODS:
            ways[f"{method}, {' and '.join(parts)}"] = lambda user, m=method, p=parts: shop.scores(user, m, p)
    print(f"\n{likes} liked, {dislikes} disliked, {len(users)} users       hit@10  hit@50     MRR")
    for name, score in ways.items():
        ranks = np.array([rank_of(score(user), user) for user in users])
        figures = (np.mean(ranks <= 10), np.mean(ranks <= 50), np.mean(1 / ranks))
        print(f"{name:38}" + "  ".join(f"{figure:6.3f}" for figure in figures), flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("cache", type=Path, help="folder for the embeddings")
    arguments = parser.parse_args()
    columns = ("articleType", "gender", "baseColour", "title", "image")
    table = pictures.read(arguments.data, "fashion-dev", columns)
    encoder = load_encoder("starter")
    parts = {
        "pictures": pictures.embed(arguments.cache, "fashion-dev", encoder, table["image"]),
        "titles": encoder.encode_texts(table["title"]),
    }
    shop = Shop(
        kinds=list(zip(table["articleType"], table["gender"], table["baseColour"], strict=True)), parts=parts
    )
    for likes, dislikes in ((1, 0), (3, 0), (5, 0), (1, 1), (3, 2), (5, 3)):
        compare(shop, likes, dislikes)


if __name__ == "__main__":
    main()
