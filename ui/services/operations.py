"""What the command line and the page do, in plain functions; no printing, no Streamlit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from indexer import (
    GENERATED_FOLDER,
    Collection,
    DeferredEncoder,
    Encoder,
    EncoderMismatch,
    Facet,
    Item,
    ItemNotFound,
    choose_model,
    decode_image,
    load_encoder,
    load_image,
    thumbnail,
)
from search import (
    Contribution,
    Like,
    Picture,
    Query,
    Results,
    Searcher,
    Term,
    calibrate_collection,
    contributions,
    find_calibration,
    keep_calibration,
    parse_filter,
    parse_terms,
)

from ..settings import Settings


def open_collection(settings: Settings) -> Collection:
    """Open the collection that the settings name.

    Raises:
        CollectionNotFound: there is none.
    """
    return Collection.open(settings.collection)


def open_encoder(collection: Collection, settings: Settings) -> DeferredEncoder:
    """Give the encoder of a collection; it is loaded when it is first used.

    Raises:
        EncoderMismatch: the settings name another model.
    """
    name = collection.spec.name
    if settings.model not in (None, "auto", name):
        raise EncoderMismatch(name, str(settings.model))
    spec, device, runtime = collection.spec, settings.device, settings.runtime
    return DeferredEncoder(spec, lambda: load_encoder(name, device=device, spec=spec, runtime=runtime))


def open_searcher(settings: Settings) -> Searcher:
    """Open a collection with its encoder, ready to answer.

    Raises:
        CollectionNotFound: there is none.
        EncoderMismatch: the settings name another model.
    """
    collection = open_collection(settings)
    return searcher_over(collection, settings)


def searcher_over(collection: Collection, settings: Settings) -> Searcher:
    """Make a searcher over a collection that is open already, calibrated as well as may be.

    Raises:
        EncoderMismatch: the settings name another model.
    """
    return Searcher(collection, open_encoder(collection, settings), calibrated=find_calibration)


def calibrate(settings: Settings) -> dict[str, Any]:
    """Fit a calibration to the collection itself, and keep it.

    Returns:
        What it was fitted on, whether it is approximate, and the coverage from which verdicts are ``match``
        and ``weak``.

    Raises:
        CollectionNotFound: there is none.
        TooFewToCalibrate: the collection holds too little.
        StorageFailure: it cannot be written.
    """
    collection = open_collection(settings)
    made = calibrate_collection(collection, open_encoder(collection, settings))
    keep_calibration(collection, made)
    return {
        "source": made.source,
        "approximate": made.approximate,
        "match": made.bars.match,
        "weak": made.bars.weak,
    }


def new_encoder(settings: Settings, say: Callable[[str], None]) -> Encoder:
    """Load the model for a new collection: ModelUnavailable, if it is not here; say which it is."""
    model = settings.model or "auto"
    if model == "auto":
        model, why = choose_model()
        say(f"Model: {model} ({why}).")
    return load_encoder(model, device=settings.device, runtime=settings.runtime)


def query_like(searcher: Searcher, what: str, *, k: int, offset: int = 0) -> Query:
    """Ask for what is similar to an item or to a picture file; an item itself is left out of its hits.

    Args:
        searcher: over the collection.
        what: an item's id, the path of an indexed file, or the path of any picture.
        k: how many hits.
        offset: how many hits to skip.

    Raises:
        ItemNotFound: it is none of these.
    """
    store = searcher.collection.store
    item_id = int(what) if what.isdecimal() else store.find_path(str(Path(what).absolute()))
    if item_id is not None:
        return Query(terms=(Like(item_id=item_id),), text=what, k=k, offset=offset)
    if not Path(what).is_file():
        raise ItemNotFound(what)
    picture = Picture(name=what, path=Path(what))
    return Query(terms=(picture,), text=what, k=k, offset=offset)


def explained(searcher: Searcher, results: Results) -> dict[int, tuple[Contribution, ...]]:
    """Tell, for each hit by id, what each term of the query gives to its score."""
    embedded = searcher.embedder.embed(results.query)
    found = {}
    for hit in results.hits:
        row = searcher.collection.embeddings(hit.matched, np.array([hit.item.id]))[0]
        found[hit.item.id] = contributions(embedded, row)
    return found


def facets(searcher: Searcher, results: Results, fields: Sequence[str]) -> dict[str, Facet]:
    """Count the values of fields over the hits and what is folded under them."""
    ids = [item_id for hit in results.hits for item_id in (hit.item.id, *hit.folded)]
    return searcher.collection.store.facets(np.array(ids, np.int64), fields)


def compose(
    words: str,
    *,
    like: int | None = None,
    picture: Picture | None = None,
    where: str = "",
    k: int,
    offset: int = 0,
) -> Query:
    """Put together what was asked on the page: words in the query language, an item, an uploaded picture.

    A word that names a file of this machine stays a word: whoever opens the page asks about the collection,
    not about the disk. Pictures by URL are welcome.

    Args:
        words: may be blank.
        like: id of an item.
        picture: with its bytes.
        where: a filter; may be blank.
        k: how many hits.
        offset: how many hits to skip.

    Raises:
        EmptyQuery: nothing of all this was given.
        BadQuery: the words cannot be understood.
        BadFilter: the filter cannot be understood.
    """
    terms: list[Term] = list(parse_terms([words], files=False))
    if picture is not None:
        terms.append(picture)
    if like is not None:
        terms.append(Like(item_id=like))
    condition = parse_filter(where) if where else None
    return Query(terms=tuple(terms), text=words.strip(), k=k, offset=offset, condition=condition, where=where)


def show_item(item: Item, *, longest_side: int = 1_600) -> bytes:
    """Read an item's original picture and make a copy that any browser shows, WebP.

    Raises:
        UnreadableImage: the file is gone, cannot be read, or there never was one.
    """
    path = Path(item.path) if item.path else Path()
    return thumbnail(load_image(path, shorter_side=longest_side // 2).image, longest_side)


def show_upload(data: bytes, *, name: str, longest_side: int = 320) -> bytes:
    """Make a small copy of a picture that somebody handed in, WebP.

    Raises:
        UnreadableImage: it is not a picture, or damaged.
    """
    return thumbnail(decode_image(data, name=name, shorter_side=longest_side).image, longest_side)


def info(collection: Collection) -> dict[str, Any]:
    """Tell the facts about a collection, as JSON has them."""
    own = collection.folder, collection.folder / GENERATED_FOLDER
    files = [path for folder in own if folder.is_dir() for path in folder.iterdir() if path.is_file()]
    size = 0
    for path in files:
        with suppress(FileNotFoundError):  # index files go while something is written
            size += path.stat().st_size
    return {
        "collection": str(collection.folder),
        "model": collection.spec.name,
        "dim": collection.spec.dim,
        "items": len(collection),
        "pictures": collection.count("image"),
        "texts": collection.count("text"),
        "generated": len(collection.store.apart()),
        "roots": collection.store.roots(),
        "server": collection.server,
        "vectors": collection.store.meta("vectors"),
        "bytes": size,
    }
