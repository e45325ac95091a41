"""Surveys of a whole collection as jobs: its map, and its duplicates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from indexer import Collection, Item, Job, remove_copies
from search import Duplicate, DuplicateGroup, find_duplicates, keep_map, make_map
from ui.jobs.runner import Jobs, Reporter

MAP_KEY, DUPLICATES_KEY = "map", "duplicates"
"""Keys of the two jobs: of each, one at a time is enough."""

Members = tuple[tuple[int, float, int | None], ...]
"""Of a group: (id, score to the first, id of one before it that is byte for byte the same)."""

_PARTS = 1_000
_MOST_GROUPS = 2_000  # that are kept; whoever has more begins with these


def start_map(jobs: Jobs, collection: Collection) -> Job:
    """Start to work out the map, unless that is being done; its result tells for which change.

    Raises:
        StorageFailure: the disk is full; nothing was started.
    """

    def work(reporter: Reporter) -> Mapping[str, Any]:
        def on_step(doing: str, share: float) -> bool:
            return reporter.tell(done=round(share * _PARTS), total=_PARTS, note=doing)

        started = time.perf_counter()
        made = make_map(collection, on_step=on_step)
        keep_map(collection, made)
        return {"change": made.change, "items": len(made.ids), "seconds": time.perf_counter() - started}

    return jobs.start(work, kind="map", title="The map of the collection", key=MAP_KEY)


def start_duplicates(jobs: Jobs, collection: Collection, *, threshold: float) -> Job:
    """Start to look for duplicates, unless that is being done.

    Args:
        jobs: of the collection.
        collection: whose items.
        threshold: least cosine of near-duplicates; above 1.01 for exact copies alone.

    Raises:
        StorageFailure: the disk is full; nothing was started.
    """

    def work(reporter: Reporter) -> Mapping[str, Any]:
        reporter.tell(done=0, total=_PARTS, note="Comparing each picture with all others")
        change = collection.store.change()

        def on_share(share: float) -> bool:
            return reporter.tell(done=round(share * _PARTS), total=_PARTS)

        groups = find_duplicates(collection, threshold=threshold, on_share=on_share)
        kept = [[_written(member) for member in group.members] for group in groups[:_MOST_GROUPS]]
        return {"change": change, "threshold": threshold, "found": len(groups), "groups": kept}

    return jobs.start(work, kind="duplicates", title="Duplicates", key=DUPLICATES_KEY)


def _written(member: Duplicate) -> list[int | float | None]:
    return [member.item.id, round(member.score, 6), member.same_as]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Duplicates that were found before.

    Attributes:
        groups: as lists of (id, score, id of what it is byte for byte the same as).
        found: how many groups there were, of which the first are kept.
        threshold: least cosine that was asked for.
        is_fresh: whether the collection is still as it was then.
    """

    groups: tuple[Members, ...]
    found: int
    threshold: float
    is_fresh: bool


def found_duplicates(collection: Collection, job: Job | None) -> Found | None:
    """Read what a job of ``start_duplicates`` found; None if it found nothing that can be shown (yet).

    Members that are gone are left out, and groups of which one alone is left.
    """
    if job is None or job.state != "done" or "groups" not in job.result:
        return None
    told = job.result
    there = frozenset(collection.store.known([one[0] for group in told["groups"] for one in group]))
    kept = (tuple((i, s, same) for i, s, same in group if i in there) for group in told["groups"])
    groups = tuple(group for group in kept if len(group) > 1)
    return Found(
        groups=groups,
        found=int(told["found"]) - (len(told["groups"]) - len(groups)),
        threshold=float(told["threshold"]),
        is_fresh=told["change"] == collection.store.change(),
    )


def remove_exact(collection: Collection, found: Found) -> int:
    """Take out each member that is byte for byte the same as one before it in its group.

    Each goes in favour of that very one, which takes over its tags: one of each content stays, whatever
    happens on the way.

    Returns:
        How many were removed.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the database cannot be written.
    """
    copies: dict[int, list[int]] = {}
    for item_id, _, same_as in (one for group in found.groups for one in group):
        if same_as is not None:
            copies.setdefault(same_as, []).append(item_id)
    there = collection.store.known(copies)
    with collection.writing():
        return sum(remove_copies(collection, ids, keep=kept) for kept, ids in copies.items() if kept in there)


def group_of(collection: Collection, members: Members) -> DuplicateGroup | None:
    """Fetch the items of a group; None if fewer than two are left."""
    items: dict[int, Item] = {item.id: item for item in collection.store.items([one[0] for one in members])}
    found = [Duplicate(item=items[i], score=s, same_as=same) for i, s, same in members if i in items]
    return DuplicateGroup(members=tuple(found)) if len(found) > 1 else None
