"""What is judged: the embedded pictures and words of a dataset, or of a person's own collection."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from indexer import Collection, Embeddings, Encoder, Failure, Ids, Item, Progress, decode_image

from ..errors import UnusableDataset
from .datasets import Dataset, Sample
from .figures import Captioned, EncodeTexts, Figure

FEWEST = 20
"""How many pictures with words, or with a label, it takes to say anything."""

_BATCH = 32
# what cameras and programs call files; names of these alone say nothing of the picture
_EMPTY_WORDS = frozenset(
    {"img", "image", "dsc", "dscn", "dscf", "pxl", "mvimg", "photo", "picture", "pict", "scan", "vid"}
    | {"screenshot", "whatsapp", "untitled", "copy", "file", "edited", "row"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Embedded pictures and what is said of them.

    Attributes:
        source: the dataset or collection.
        pictures: (n, dim).
        described: how many of them have words or a label.
        captioned: the groups of texts that enough pictures have.
        labels: one for each picture, empty where there is none; no entries at all where nobody has one.
        words: some texts as people might ask them.
        failed: inputs that could not be read, each with its reason.
        speed: how quickly pictures were embedded.
        notes: what the person should know.
    """

    source: str
    pictures: Embeddings
    described: int
    captioned: tuple[Captioned, ...]
    labels: tuple[str, ...]
    words: tuple[str, ...]
    failed: tuple[Failure, ...] = ()
    speed: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()


# -- a dataset -----------------------------------------------------------------------------------------


def read_dataset(dataset: Dataset, encoder: Encoder, on_progress: Callable[[Progress], None]) -> Subject:
    """Read and embed a dataset.

    Raises:
        UnusableDataset: it holds something that it must not.
    """
    rows = dataset.samples(shorter_side=encoder.spec.image_size)
    failed: list[Failure] = []
    said: list[tuple[tuple[str, ...], str, str]] = []
    parts = [np.empty((0, encoder.spec.dim), np.float32)]
    started, encoding = time.perf_counter(), 0.0
    while batch := list(islice(rows, _BATCH)):
        failed += [row for row in batch if isinstance(row, Failure)]
        good = [row for row in batch if isinstance(row, Sample)]
        said += [(row.captions, row.title, row.label) for row in good]
        before = time.perf_counter()
        parts.append(encoder.encode_images([row.picture for row in good]))
        encoding += time.perf_counter() - before
        done = len(said) + len(failed)
        on_progress(Progress(done=done, total=dataset.rows or done, images=len(said)))
    pictures = np.concatenate(parts)
    texts: dict[str, list[tuple[str, ...]]] = {
        "captions": [captions for captions, _, _ in said],
        "title": [(title,) if title else () for _, title, _ in said],
    }
    captioned, notes = _groups(texts, pictures, encoder.encode_texts)
    labels = tuple(label for _, _, label in said)
    return Subject(
        source=str(dataset.path),
        pictures=pictures,
        described=sum(any(own) for own in said),
        captioned=captioned,
        labels=labels if any(labels) else (),
        words=tuple(text for own in texts["captions"] + texts["title"] for text in own) or labels,
        failed=tuple(failed),
        speed=_picture_speed(len(said), encoding, time.perf_counter() - started),
        notes=notes,
    )


def _groups(
    texts: dict[str, list[tuple[str, ...]]], pictures: Embeddings, encode: EncodeTexts
) -> tuple[tuple[Captioned, ...], tuple[str, ...]]:
    """Embed each group of texts that enough pictures have; tell of those that too few have."""
    captioned, notes = [], []
    for group, of_pictures in texts.items():
        described = sum(bool(own) for own in of_pictures)
        if described >= FEWEST:
            captioned.append(_captioned(group, of_pictures, pictures, encode))
        elif described:
            notes.append(
                f"{group}: only {described} pictures have any; {FEWEST} are needed to judge by them."
            )
    return tuple(captioned), tuple(notes)


def _captioned(
    group: str, texts: Sequence[tuple[str, ...]], pictures: Embeddings, encode: EncodeTexts
) -> Captioned:
    """Embed each different text once; letter case does not make a difference, nor does blank space."""
    distinct: dict[str, str] = {}
    places: dict[str, int] = {}
    pairs = []
    for picture, own in enumerate(texts):
        for text in own:
            key = _key(text)
            distinct.setdefault(key, text)
            pairs.append((places.setdefault(key, len(places)), picture))
    return Captioned(
        group=group,
        pictures=pictures,
        texts=_in_batches(list(distinct.values()), encode),
        pairs=np.array(pairs, np.int64),
    )


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _in_batches(texts: Sequence[str], encode: EncodeTexts) -> Embeddings:
    """Embed many texts, those of like length together, which saves the model padding."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = [
        encode([texts[i] for i in order[start : start + _BATCH]]) for start in range(0, len(texts), _BATCH)
    ]
    found = np.concatenate(parts)
    return found[np.argsort(order)]


def _picture_speed(count: int, encoding: float, whole: float) -> tuple[Figure, ...]:
    """Give pictures a second in the model alone, and with reading and decoding."""
    if not count:
        return ()
    seconds = {"images_encoded_per_s": encoding, "images_read_and_encoded_per_s": whole}
    return tuple(
        Figure(group="speed", name=name, value=count / max(taken, 1e-9), unit="1/s", samples=count)
        for name, taken in seconds.items()
    )


# -- a collection --------------------------------------------------------------------------------------


def read_collection(
    collection: Collection, encoder: Encoder, *, label: str | None = None, limit: int | None = None
) -> Subject:
    """Take a collection's stored embeddings; only names of files are embedded anew.

    Generated pictures are left out. The words are the stored texts (captions and titles) if enough pictures
    have one, else the names of files as far as they hold words.

    Args:
        collection: with pictures.
        encoder: the collection's.
        label: the attribute that holds labels; None for ``label``, if there is one.
        limit: only that many pictures, the oldest first.

    Raises:
        UnusableDataset: no item has the attribute.
    """
    ids, pictures = collection.store.embeddings("image")
    items = collection.store.items(ids.tolist())
    kept = np.array([item.origin == "imported" for item in items], bool).nonzero()[0][:limit]
    items = [items[i] for i in kept]
    pictures = pictures[kept].reshape(len(kept), encoder.spec.dim)
    captioned, words, notes = _own_words(collection, items, pictures, encoder)
    labels = _own_labels(collection, items, label)
    return Subject(
        source=str(collection.folder),
        pictures=pictures,
        described=max(len(words), sum(map(bool, labels))),
        captioned=captioned,
        labels=labels,
        words=words,
        speed=_speed_of_thumbnails(collection, items, encoder),
        notes=notes,
    )


def _own_words(
    collection: Collection, items: Sequence[Item], pictures: Embeddings, encoder: Encoder
) -> tuple[tuple[Captioned, ...], tuple[str, ...], tuple[str, ...]]:
    """Choose between stored texts and names of files; say which it is."""
    written = np.array([place for place, item in enumerate(items) if "text" in item.kinds], np.int64)
    if len(written) >= FEWEST:
        ids = np.array([items[i].id for i in written], np.int64)
        group = _stored(collection.embeddings("text", ids), written, pictures)
        texts = tuple(items[i].text or items[i].title for i in written)
        captions = sum(bool(items[i].text) for i in written)
        note = f"Used the stored embeddings of {captions:,} captions and {len(written) - captions:,} titles."
        return (group,), texts, (note,)
    names = [telling_words(item.title) for item in items]
    words = tuple(filter(None, names))
    note = f"Used the words in the names of {len(words):,} files: only {len(written)} pictures have a text."
    own: list[tuple[str, ...]] = [(name,) if name else () for name in names]
    groups, _ = _groups({"file names": own}, pictures, encoder.encode_texts)
    return groups, words, (note,) if groups else ()


def _stored(texts: Embeddings, owners: Ids, pictures: Embeddings) -> Captioned:
    """Take stored embeddings; what is equal in all numbers was made from the same text."""
    _, first, place = np.unique([text.tobytes() for text in texts], return_index=True, return_inverse=True)
    return Captioned(
        group="captions and titles",
        pictures=pictures,
        texts=texts[first],
        pairs=np.stack([place, owners], axis=1),
    )


def telling_words(title: str) -> str:
    """Keep the words of a file's name that may say what it shows; empty if none do."""
    words = re.findall(r"[^\W\d_]+", title)
    kept = [word for word in words if word.casefold() not in _EMPTY_WORDS]
    return " ".join(kept) if any(len(word) > 2 for word in kept) else ""


def _own_labels(collection: Collection, items: Sequence[Item], label: str | None) -> tuple[str, ...]:
    column = label or "label"
    values = [item.attributes.get(column) for item in items]
    if any(value is not None for value in values):
        return tuple("" if value is None else str(value) for value in values)
    if label is None:
        return ()
    known = sorted({name for item in items for name in item.attributes})
    there = f"its attributes are {', '.join(known)}" if known else "no item has any attribute"
    raise UnusableDataset(collection.folder, f"no item has the attribute {label!r}; {there}")


def _speed_of_thumbnails(
    collection: Collection, items: Sequence[Item], encoder: Encoder
) -> tuple[Figure, ...]:
    """Embed a batch of thumbnails again, for the time it takes."""
    stored = [collection.store.thumbnail(item.id) for item in items[:_BATCH]]
    started = time.perf_counter()
    opened = [decode_image(data, name="thumbnail").image for data in stored if data]
    before = time.perf_counter()
    encoder.encode_images(opened)
    now = time.perf_counter()
    return _picture_speed(len(opened), now - before, now - started)
