"""Filling a collection, the same for the command line and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from indexer import (
    Collection,
    CollectionNotFound,
    Failure,
    IndexReport,
    Progress,
    Source,
    UnreadableSource,
    index_sources,
    open_source,
)

from ..settings import Settings
from . import operations
from .cluster import ClusterOptions
from .reembed import up_to_date


def index(
    settings: Settings,
    paths: Sequence[Path],
    *,
    prune: bool = False,
    cluster: ClusterOptions | None = None,
    say: Callable[[str], None],
    on_progress: Callable[[Progress], None] | None = None,
) -> IndexReport:
    """Index files, folders and tables; without any, the roots that the collection knows.

    A collection whose model has other weights now is embedded again first; see ``up_to_date``.

    Args:
        settings: where to, and with which model if the collection is new.
        paths: what to read.
        prune: also remove the items of a root that is now empty.
        cluster: of Ray, whose workers read and encode; None for this process alone.
        say: called with what the person should know on the way.
        on_progress: called after each batch.

    Raises:
        CollectionNotFound: no paths were given, and there is no collection to take them from.
        UnreadableSource: none of the paths can be read.
        FindmakeError: any other failure of the collection or the model.
    """
    try:
        collection = operations.open_collection(settings)
    except CollectionNotFound:
        if not paths:
            raise
        collection = None
    roots = list(paths) or [Path(root) for root in (collection.store.roots() if collection else [])]
    sources, away = open_sources(roots)
    if collection is None:
        encoder = operations.new_encoder(settings, say)
        collection = Collection.create(settings.collection, encoder)
    else:
        operations.open_encoder(collection, settings)  # refuses a model that is another one by name
        collection, loaded = up_to_date(collection, settings, say=say, on_progress=on_progress)
        encoder = loaded or operations.open_encoder(collection, settings)
    read = None if cluster is None else cluster.reader(collection, settings)
    report = index_sources(collection, encoder, sources, prune=prune, on_progress=on_progress, read=read)
    return replace(report, failed=(*report.failed, *away))


def open_sources(roots: Sequence[Path]) -> tuple[list[Source], list[Failure]]:
    """Open what can be opened; if nothing can, say why: UnreadableSource."""
    sources: list[Source] = []
    away: list[Failure] = []
    for root in roots:
        try:
            sources.append(open_source(root))
        except UnreadableSource as error:
            away.append(Failure(path=error.path, reason=error.reason))
            first = error
    if roots and not sources:
        raise first
    return sources, away
