"""Finding duplicates: byte for byte the same, or so alike that one is an altered copy of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from indexer import Collection, Embeddings, Ids, Item

from .encoder_thresholds import near_duplicate_threshold
from .errors import SurveyStopped

_BLOCK = 1_024  # rows compared with all others at a time: 40 MB of scores for 10,000 items
_PAGE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """One member of a group.

    Attributes:
        item: the item.
        score: cosine similarity to the first of the group; 1 for that itself and its exact copies.
        same_as: id of an item before it in the group that is byte for byte the same; None if there is none.
            Deleting an item with one loses nothing.
    """

    item: Item
    score: float
    same_as: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """Items of which one is enough.

    Attributes:
        members: at least two; the largest picture first, equal ones by smaller id.
    """

    members: tuple[Duplicate, ...]

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ValueError("a group of duplicates has at least two members")

    @property
    def is_exact(self) -> bool:
        """Say whether all members are byte for byte the same."""
        return all(member.same_as is not None for member in self.members[1:])


def find_duplicates(
    collection: Collection,
    *,
    threshold: float | None = None,
    on_share: Callable[[float], bool] | None = None,
) -> tuple[DuplicateGroup, ...]:
    """Find groups of items that are the same, or nearly.

    Pictures are compared by content and by embedding, texts by content alone: two sentences may be near in
    meaning and still both be wanted. In a group, each member is near to at least one other (a chain of small
    changes stays together). What a model made is left out.

    Args:
        collection: where the items are.
        threshold: least cosine of near-duplicates, above 0; above 1.01 only exact copies count. None for the
            one that was measured for the collection's encoder.
        on_share: called with the share that is compared, 0 to 1; False stops it.

    Returns:
        The groups, by the smallest id in them.

    Raises:
        SurveyStopped: ``on_share`` said so.
        ValueError: the threshold is not above 0.
    """
    least = near_duplicate_threshold(collection.spec) if threshold is None else threshold
    if not least > 0:
        raise ValueError(f"the threshold must be above 0, not {least}")
    made = collection.store.tally().made_and_there
    ids, rows = collection.store.embeddings("image")
    real = ~np.isin(ids, made)
    ids, rows = ids[real], rows[real]
    contents = _contents(collection, frozenset(made.tolist()))
    union = _Union()
    for same in contents.values():
        for other in same[1:]:
            union.join(same[0], other)
    if least <= 1.01:
        for first, second in near_pairs(ids, rows, least, on_share=on_share):
            union.join(first, second)
    content_of = {item_id: content for content, same in contents.items() for item_id in same}
    places = {item_id: place for place, item_id in enumerate(ids.tolist())}
    groups = []
    for members in union.groups():
        items = collection.store.items(members)
        if len(items) > 1:
            groups.append(_group(items, content_of, rows, places))
    return tuple(sorted(groups, key=lambda group: min(member.item.id for member in group.members)))


def near_pairs(
    ids: Ids, rows: Embeddings, threshold: float, *, on_share: Callable[[float], bool] | None = None
) -> Iterator[tuple[int, int]]:
    """Yield each pair of ids whose cosine is at least the threshold, the smaller id first.

    Compares each with each, in blocks of one matrix product: 10,000 items take two seconds.

    Args:
        ids: (n,) int64 ascending.
        rows: (n, dim) float32 of length 1.
        threshold: least cosine.
        on_share: as for ``find_duplicates``.

    Raises:
        SurveyStopped: ``on_share`` said so.
    """
    for start in range(0, len(ids), _BLOCK):
        share = 1 - (1 - start / len(ids)) ** 2  # the blocks become narrower
        if on_share is not None and not on_share(share):
            raise SurveyStopped("comparing each picture with all others")
        scores = rows[start : start + _BLOCK] @ rows[start:].T
        first, second = np.nonzero(scores >= threshold)
        later = second > first
        yield from zip(ids[start + first[later]].tolist(), ids[start + second[later]].tolist(), strict=True)


class _Union:
    """Sets of ids that grow together (Tarjan 1975)."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def join(self, first: int, second: int) -> None:
        """Put two ids, and all that belongs to them, into one set."""
        one, other = sorted((self._top(first), self._top(second)))
        self._above[other] = one

    def groups(self) -> list[list[int]]:
        """List the sets, each in ascending order."""
        found: dict[int, list[int]] = {}
        for item_id in sorted(self._above):
            found.setdefault(self._top(item_id), []).append(item_id)
        return list(found.values())

    def _top(self, item_id: int) -> int:
        above = self._above.setdefault(item_id, item_id)
        while above != self._above[above]:
            self._above[item_id] = self._above[above]  # halve the way for the next
            item_id, above = above, self._above[above]
        return above


def _contents(collection: Collection, made: frozenset[int]) -> dict[tuple[str, str], list[int]]:
    """Group ids by content: pictures by their bytes, texts without a picture by their words."""
    found: dict[tuple[str, str], list[int]] = {}
    for known in collection.store.walk():
        if known.id in made:
            continue
        if known.image_sha256:
            found.setdefault(("image", known.image_sha256), []).append(known.id)
        elif known.text_sha256:
            found.setdefault(("text", known.text_sha256), []).append(known.id)
    return found


def _group(
    items: Sequence[Item],
    content_of: dict[int, tuple[str, str]],
    rows: Embeddings,
    places: dict[int, int],
) -> DuplicateGroup:
    best_first = sorted(items, key=lambda item: (-item.width * item.height, item.id))
    first_with: dict[tuple[str, str] | None, int] = {}
    members = []
    for item in best_first:
        content = content_of.get(item.id)
        same_as = first_with.get(content) if content else None
        first_with.setdefault(content, item.id)
        score = 1.0
        if same_as != best_first[0].id and item is not best_first[0]:
            cosine = float(np.vecdot(rows[places[item.id]], rows[places[best_first[0].id]]))
            score = min(cosine, 1.0)  # the rounding to float16 may lengthen a row
        members.append(Duplicate(item=item, score=score, same_as=same_as))
    return DuplicateGroup(members=tuple(members))
