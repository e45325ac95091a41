"""Keeping searches in large collections quick: an index built after indexing, and why it is as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from indexer import LARGE, RECALL, Built, Collection, Embeddings, Encoder, Kind, optimize
from search import PHRASES

from ..settings import Settings
from . import operations

_ASKED = 200  # phrases that stand for what people type


def keep_quick(
    collection: Collection,
    encoder: Encoder,
    *,
    forced: bool = False,
    recall: float = RECALL,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[Kind, Built]:
    """Build the index of a collection that has grown large, or has changed much since; else do nothing.

    Args:
        collection: whose.
        encoder: the collection's.
        forced: also where an index is there and fresh.
        recall: share of the true ten best to be found.
        say: told what is being done.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full; the old index stays in use.
    """

    def asked() -> dict[str, Embeddings]:
        some = PHRASES[:: max(len(PHRASES) // _ASKED, 1)][:_ASKED]
        return {"words": encoder.encode_texts(some)}

    return optimize(collection, forced=forced, aim=recall, others=asked, say=say)


def keep_quick_at(
    settings: Settings, *, forced: bool, recall: float, say: Callable[[str], None]
) -> dict[Kind, Built]:
    """Do so for the collection that the settings name; see ``keep_quick``.

    Raises:
        CollectionNotFound: there is none.
    """
    collection = operations.open_collection(settings)
    try:
        encoder = operations.open_encoder(collection, settings)
        return keep_quick(collection, encoder, forced=forced, recall=recall, say=say)
    finally:
        collection.close()


def use_vectors_at(settings: Settings, address: str | None) -> None:
    """Let a Milvus server find candidates for a collection, or none; see ``Collection.use_vectors``."""
    collection = operations.open_collection(settings)
    try:
        collection.use_vectors(address)
    finally:
        collection.close()


def shown(built: Mapping[Kind, Built]) -> str:
    """Write what was tried as a table, and why what is used was chosen."""
    if not built:
        return f"Fewer than {LARGE:,} embeddings of a kind: every search compares with all of them, exactly."
    lines = []
    for kind, one in built.items():
        first = one.trials[0]
        groups = list(first.recall)
        lines.append(f"{kind}: {one.file.count:,} embeddings, built in {one.seconds:.0f} s")
        lines.append(
            f"{'lists':>6} {'ms':>7} {'bytes':>6}  " + "  ".join(f"found for {group}" for group in groups)
        )
        for trial in one.trials:
            found = "  ".join(f"{trial.recall[group]:>{len('found for ' + group)}.3f}" for group in groups)
            used = "  <- used" if trial.probes == one.file.probes else ""
            lines.append(f"{trial.probes:>6} {trial.median_ms:>7.2f} {trial.bytes:>6.0f}  {found}{used}")
        lines.append("Used is the smallest number of lists that finds enough of what an exact search finds.")
    return "\n".join(lines)
