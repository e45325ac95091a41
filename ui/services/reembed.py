"""Changing a collection's model in place, the same for the command line, the page and the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from indexer import (
    MODEL_STATE,
    Collection,
    Embeddings,
    Encoder,
    EncoderDrift,
    EncoderMismatch,
    ModelUnavailable,
    Progress,
    Reembedded,
    encode_whole_texts,
    gathered_embeddings,
    model_state,
    reembed,
)
from search import SearchError, Words, parse_terms

from ..settings import Settings
from . import operations

Say = Callable[[str], None]
OnProgress = Callable[[Progress], None]
_SHORTEST_SUM = 1e-3  # of terms that do not cancel each other out


def up_to_date(
    collection: Collection, settings: Settings, *, say: Say, on_progress: OnProgress | None = None
) -> tuple[Collection, Encoder | None]:
    """Embed a collection again, in place, if the model of its name has other weights now.

    Whether it may have is seen from the model's files; it is loaded only then.

    Args:
        collection: open; closed if another one takes its place.
        settings: the device.
        say: told if the collection is embedded again, and what came of it.
        on_progress: called after each batch.

    Returns:
        The collection to go on with, and its encoder where it had to be loaded.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full; the old embeddings stay in use.
    """
    name = collection.spec.name
    state = model_state(name)
    if collection.store.meta(MODEL_STATE) == state:
        return collection, None
    try:
        encoder = _load(name, settings)
    except ModelUnavailable:  # what was exported of it before may do, else whoever needs it says so
        return collection, None
    if _gives_its_embeddings(collection, encoder):
        collection.store.set_meta(**{MODEL_STATE: state})
        return collection, encoder
    say(
        f"This collection was made with an older version of the model {name!r}; "
        f"its {_count(collection):,} items are embedded again first."
    )
    _reembed(collection, encoder, say, on_progress)
    collection.close()
    return operations.open_collection(settings), encoder


def change_model(
    settings: Settings, name: str, *, say: Say, on_progress: OnProgress | None = None
) -> dict[str, Any]:
    """Give a collection another model in place; see ``indexer.reembed``.

    Args:
        settings: which collection, and the device.
        name: of the model, or ``auto``.
        say: told what is being done.
        on_progress: called after each batch.

    Returns:
        What ``model_facts`` gives, afterwards.

    Raises:
        CollectionNotFound: there is none.
        ModelUnavailable: the model is not here and cannot be fetched; nothing was changed.
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full; the old model stays in use.
    """
    collection = operations.open_collection(settings)
    try:
        encoder = operations.new_encoder(replace(settings, model=name), say)
        if _gives_its_embeddings(collection, encoder):
            _rename(collection, encoder, say)
        else:
            say(f"The {_count(collection):,} items of this collection are embedded by {encoder.spec.name!r}.")
            _reembed(collection, encoder, say, on_progress)
    finally:
        collection.close()
    return model_facts(settings)


def model_facts(settings: Settings) -> dict[str, Any]:
    """Tell a collection's model, and whether a change of it was begun and has not ended.

    Raises:
        CollectionNotFound: there is none.
    """
    collection = operations.open_collection(settings)
    begun = gathered_embeddings(collection)
    spec = collection.spec
    collection.close()
    return {
        "model": spec.name,
        "dim": spec.dim,
        "weights_sha256": spec.weights_sha256,
        "changing_to": None if begun is None else begun[0],
        "gathered": 0 if begun is None else begun[1],
    }


def embed_queries(encoder: Encoder) -> Callable[[Sequence[str]], list[Embeddings | None]]:
    """Embed queries in words as they are embedded when they are asked: weights and signs count.

    Args:
        encoder: by which.

    Returns:
        What gives each query (dim,) float32 of length 1; None for one that is no longer understood.
    """

    def embed(texts: Sequence[str]) -> list[Embeddings | None]:
        queries = [_words(text) for text in texts]
        parts = list(dict.fromkeys(term.text for terms in queries for term in terms))
        rows = dict(zip(parts, encode_whole_texts(encoder, parts), strict=True)) if parts else {}
        return [_sum(terms, rows) for terms in queries]

    return embed


def _words(text: str) -> list[Words]:
    try:
        terms = parse_terms([text], files=False)
    except SearchError:
        return []
    words = [term for term in terms if isinstance(term, Words)]
    return words if len(words) == len(terms) else []


def _sum(terms: Sequence[Words], rows: dict[str, Embeddings]) -> Embeddings | None:
    if not terms:
        return None
    total = np.sum([term.weight * rows[term.text] for term in terms], axis=0)
    length = float(np.linalg.norm(total))
    return (total / length).astype(np.float32) if length > _SHORTEST_SUM else None


def _load(name: str, settings: Settings) -> Encoder:
    return operations.new_encoder(replace(settings, model=name), lambda _line: None)


def _gives_its_embeddings(collection: Collection, encoder: Encoder) -> bool:
    if collection.spec.weights_sha256 != encoder.spec.weights_sha256:
        return False
    try:
        collection.verify(encoder)
    except (EncoderDrift, EncoderMismatch):
        return False
    return True


def _rename(collection: Collection, encoder: Encoder, say: Say) -> None:
    """Call the collection's model by another name, if it goes by one; its embeddings are the same."""
    name = encoder.spec.name
    if name == collection.spec.name:
        say(f"This collection has the model {name!r} already; nothing was changed.")
        return
    with collection.writing(alone=True):
        collection.store.set_meta(**{"spec": asdict(encoder.spec), MODEL_STATE: model_state(name)})
    say(f"{name!r} gives the embeddings that this collection has; from now on the model is called so.")


def _count(collection: Collection) -> int:
    return len(collection) + len(collection.store.apart())


def _reembed(collection: Collection, encoder: Encoder, say: Say, on_progress: OnProgress | None) -> None:
    made = reembed(collection, encoder, embed_queries=embed_queries(encoder), on_progress=on_progress)
    say(_told(made))


def _told(made: Reembedded) -> str:
    told = f"Embedded again: {made.embedded:,} pictures and texts"
    told += f", after {made.kept:,} that an earlier run had made." if made.kept else "."
    if made.from_thumbnails:
        told += (
            f" Of {made.from_thumbnails:,} pictures the original could not be read, "
            "so that their small copies were."
        )
    if made.lost:
        told += (
            f" {made.lost:,} could not be read at all: these items stay, and are found by meaning again "
            "once 'findmake index' can read them."
        )
    return told
