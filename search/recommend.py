"""Recommendation: what is like the items that somebody likes, and unlike those that they do not.

Two ways to turn likes and dislikes into a direction in the space of embeddings, one for pictures and one for
texts; both rank by one search each. Which is the default was measured (``data/evaluation/recommend.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer import KINDS, Collection, Embeddings, Ids, Item, ItemNotFound, Kind

from .errors import BadTaste

Method = Literal["rocchio", "logistic"]

RECOMMENDATION_METHODS: tuple[Method, ...] = ("rocchio", "logistic")
DEFAULT_RECOMMENDATION_METHOD: Method = "rocchio"

_FROM_BACKGROUND = 0.5  # how far Rocchio moves away from the collection's mean
_FROM_DISLIKED = 0.25  # and from what is disliked; more forgets what is liked
_STRENGTH = 100.0  # of the logistic model's fit, inverse to its regularisation
_WEAK = 0.7  # share of the negatives' weight that the sample has beside real dislikes
_SAMPLE = 400  # items that stand for the collection
_DEPTH = 256  # candidates of each kind at first
_FLAT = 1e-4  # deviation of scores below which they say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """An item that somebody may like.

    Attributes:
        rank: 1 for the best.
        item: the item.
        score: cosine similarity to what is liked, in standard deviations above the collection's mean,
            averaged over the item's picture and its text; comparable within one answer only.
        because: id of the liked item that it is most like.
    """

    rank: int
    item: Item
    score: float
    because: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """Likes and dislikes.

    Attributes:
        liked, disliked: ids, each once.
    """

    liked: tuple[int, ...]
    disliked: tuple[int, ...]

    def __post_init__(self) -> None:
        both = sorted(set(self.liked) & set(self.disliked))
        if not self.liked:
            raise BadTaste(self.liked, self.disliked, "nothing is liked")
        if both:
            raise BadTaste(self.liked, self.disliked, f"item {both[0]} is in both")


def recommend_items(
    collection: Collection,
    *,
    liked: Sequence[int],
    disliked: Sequence[int] = (),
    k: int = 10,
    method: Method = DEFAULT_RECOMMENDATION_METHOD,
    allowed: Ids | None = None,
) -> tuple[Recommendation, ...]:
    """Recommend items by likes and dislikes. The same arguments and collection give the same answer.

    What is liked or disliked does not come back, neither do exact copies of it, nor what a model made.

    Args:
        collection: where from.
        liked: ids, at least one.
        disliked: ids.
        k: how many, at least 0.
        method: ``rocchio`` or ``logistic``.
        allowed: (m,) int64, the only ids to consider; None for all.

    Returns:
        k recommendations, or as many as there are; best first, equal scores by smaller id.

    Raises:
        BadTaste: nothing is liked, or an item is both liked and disliked.
        ItemNotFound: an id is not in the collection.
    """
    if k < 0 or method not in RECOMMENDATION_METHODS:
        raise ValueError(f"k must be at least 0 and method one of {RECOMMENDATION_METHODS}: {k}, {method!r}")
    taste = Taste(liked=tuple(dict.fromkeys(liked)), disliked=tuple(dict.fromkeys(disliked)))
    rated = _rated(collection, taste)
    directions = _directions(collection, taste, rated, method)
    depth = _DEPTH + k + len(rated)
    while True:  # what may not come back is only known once it has been found
        ranking = rank(collection, directions, depth, allowed=allowed)
        fresh = _fresh(collection, ranking, rated)[:k]
        if len(fresh) >= k or ranking.is_whole:
            break
        depth *= 4
    likes = [rated[item_id] for item_id in taste.liked]
    return tuple(
        Recommendation(rank=place, item=item, score=score, because=_closest(collection, item, likes))
        for place, (item, score) in enumerate(fresh, 1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Items by their score for some directions.

    Attributes:
        items: best first, equal scores by smaller id.
        scores: theirs, in the same order.
        is_whole: no other item was to be considered.
    """

    items: tuple[Item, ...]
    scores: tuple[float, ...]
    is_whole: bool


def rank(
    collection: Collection, directions: Mapping[Kind, Embeddings], depth: int, *, allowed: Ids | None = None
) -> Ranking:
    """Rank items by the mean of their standard scores, over the kinds of embedding that they have.

    Only those are given that nothing can come before (the threshold algorithm: Fagin, Lotem and Naor 2001).

    Args:
        collection: whose items.
        directions: (dim,) float32 of length 1, by kind.
        depth: how many items of each kind to look at.
        allowed: (m,) int64, the only ids to consider; None for all.
    """
    backgrounds: dict[Kind, Embeddings] = {}
    seen: set[int] = set()
    bound = -np.inf  # the best score that an item may have that was not looked at
    for kind, direction in directions.items():
        near = collection.search(direction, depth, allowed=allowed)[kind]
        backgrounds[kind] = near.background
        seen.update(near.ids.tolist())
        if len(near.ids) == depth:
            bound = max(bound, float(standard(near.scores[-1:], near.background)[0]))
    items = collection.store.items(sorted(seen))
    scores = _scores(collection, items, directions, backgrounds)
    order = np.lexsort((np.array([item.id for item in items]), -scores)).tolist()
    certain = [place for place in order if scores[place] > bound]
    return Ranking(
        items=tuple(items[place] for place in certain),
        scores=tuple(float(scores[place]) for place in certain),
        is_whole=bound == -np.inf,
    )


def standard(scores: Embeddings, background: Embeddings) -> Embeddings:
    """Write scores (n,) float32 as standard deviations above the mean of background scores (b,)."""
    if not len(background):
        return scores
    found: Embeddings = (scores - background.mean()) / np.float32(max(background.std(), _FLAT))
    return found


def _scores(
    collection: Collection,
    items: Sequence[Item],
    directions: Mapping[Kind, Embeddings],
    backgrounds: Mapping[Kind, Embeddings],
) -> NDArray[np.float64]:
    total, kinds = np.zeros(len(items)), np.zeros(len(items))
    for kind, direction in directions.items():
        places = [place for place, item in enumerate(items) if kind in item.kinds]
        rows = collection.embeddings(kind, np.array([items[place].id for place in places], np.int64))
        total[places] += standard(np.vecdot(rows, direction), backgrounds[kind])
        kinds[places] += 1
    return total / np.maximum(kinds, 1)


def direct(liked: Embeddings, disliked: Embeddings, background: Embeddings, method: Method) -> Embeddings:
    """Turn likes and dislikes into the direction in which what is liked lies.

    Rocchio moves from the mean of the collection towards what is liked (Rocchio 1971). The logistic model
    tells what is liked from what is disliked and, at less weight, from a sample of the collection.

    Args:
        liked: (n, dim) float32 of length 1, at least one.
        disliked: (m, dim), perhaps none.
        background: (b, dim) of a sample of the collection, perhaps none.
        method: ``rocchio`` or ``logistic``.

    Returns:
        (dim,) float32 of length 1.
    """
    negatives = len(disliked) + len(background)
    found = _logistic(liked, disliked, background) if method == "logistic" and negatives else None
    if found is None:
        found = liked.mean(axis=0)
        if len(background):
            found = found - _FROM_BACKGROUND * background.mean(axis=0)
        if len(disliked):
            found = found - _FROM_DISLIKED * disliked.mean(axis=0)
    length = float(np.linalg.norm(found))
    if length < 1e-3:  # likes, dislikes and collection are the same
        found, length = liked[0], float(np.linalg.norm(liked[0]))
    unit: Embeddings = (found / length).astype(np.float32)
    return unit


def _logistic(liked: Embeddings, disliked: Embeddings, background: Embeddings) -> Embeddings:
    from sklearn.linear_model import LogisticRegression

    weak = 0.0 if not len(background) else _WEAK if len(disliked) else 1.0
    shares = ((liked, 1.0), (disliked, 1.0 - weak), (background, weak))
    weights = np.concatenate([np.full(len(rows), share / max(len(rows), 1)) for rows, share in shares])
    classes = np.arange(len(weights)) < len(liked)
    model = LogisticRegression(C=_STRENGTH, max_iter=2_000)
    model.fit(np.concatenate([liked, disliked, background]), classes, sample_weight=weights)
    found: Embeddings = model.coef_[0].astype(np.float32)
    return found


def _rated(collection: Collection, taste: Taste) -> dict[int, Item]:
    items = {item.id: item for item in collection.store.items([*taste.liked, *taste.disliked])}
    for item_id in (*taste.liked, *taste.disliked):
        if item_id not in items:
            raise ItemNotFound(str(item_id))
    return items


def _directions(
    collection: Collection, taste: Taste, rated: Mapping[int, Item], method: Method
) -> dict[Kind, Embeddings]:
    """Give the direction of each kind of embedding; a kind that nobody liked borrows the other's."""
    sample = _sample(collection)
    found: dict[Kind, Embeddings] = {}
    for kind in KINDS:
        liked = _rows(collection, kind, [rated[item_id] for item_id in taste.liked])
        if len(liked):
            disliked = _rows(collection, kind, [rated[item_id] for item_id in taste.disliked])
            found[kind] = direct(liked, disliked, _rows(collection, kind, sample), method)
    return {kind: found.get(kind, next(iter(found.values()))) for kind in KINDS}


def _sample(collection: Collection) -> list[Item]:
    """Take up to 400 imported items, evenly spread over the ids."""
    newest = collection.store.page(0, 1)
    last = newest[0].id if newest else 0
    ids = np.unique(np.linspace(1, last, min(last, _SAMPLE)).astype(np.int64)).tolist()
    return [item for item in collection.store.items(ids) if item.origin == "imported"]


def _rows(collection: Collection, kind: Kind, items: Sequence[Item]) -> Embeddings:
    ids = np.array([item.id for item in items if kind in item.kinds], np.int64)
    return collection.embeddings(kind, ids)


def _fresh(collection: Collection, ranking: Ranking, rated: Mapping[int, Item]) -> list[tuple[Item, float]]:
    """Leave out what was rated, exact copies of that, and what a model made."""
    known = collection.store.known([*rated, *(item.id for item in ranking.items)])
    content = {item_id: (entry.image_sha256 or entry.text_sha256) for item_id, entry in known.items()}
    stale = {content.get(item_id) for item_id in rated}
    return [
        (item, score)
        for item, score in zip(ranking.items, ranking.scores, strict=True)
        if item.origin == "imported" and item.id not in rated and content.get(item.id) not in stale
    ]


def _closest(collection: Collection, item: Item, likes: Sequence[Item]) -> int:
    """Find the liked item that an item is most like, by a kind of embedding that both have."""
    for kind in item.kinds:
        ids = np.array([like.id for like in likes if kind in like.kinds], np.int64)
        if len(ids):
            own = collection.embeddings(kind, np.array([item.id], np.int64))[0]
            return int(ids[np.argmax(np.vecdot(collection.embeddings(kind, ids), own))])
    return likes[0].id
