"""Measure searching by vectors, by words, and by both.

    python data/evaluation/hybrid.py DATA CACHE

Products are sought by their titles and photos by one of their captions; the own item must be found. What is
indexed differs: attributes, which do not hold the title's words in order; the title itself, the easy case for
words; or another caption. Each is only looked up, or embedded too, as a text of its item.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pictures

from indexer import Collection, Embeddings, Encoder, Ids, Imported, load_encoder
from indexer.storage.drafts import Draft
from search.ranking.fusion import Found, WordHits, blend, fuse, is_decisive
from search.ranking.keywords import WordMatches, find_words

_WORD_HITS = 100  # as in search.ranking.ranking
_PLACES = (1, 10, 50)
_DEPTH = _PLACES[-1] + 2 * _WORD_HITS
_ATTRIBUTES = ("articleType", "baseColour", "gender", "usage", "season")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Items, what is known of each, and one query for each.

    Attributes:
        name: for the table.
        images: (n, dim) embeddings of the items' pictures.
        texts: (n) what is indexed with each.
        queries: (n) the words by which each is sought.
        embedded: whether the texts are embedded, and not only looked up.
    """

    name: str
    images: Embeddings
    texts: Sequence[str]
    queries: Sequence[str]
    embedded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one query found by vectors and by words."""

    nearest: Found
    words: WordMatches
    hits: WordHits


def fill(folder: Path, task: Task, encoder: Encoder) -> Collection:
    """Index a task's items; the id of row i is i + 1."""
    collection = Collection.create(folder, encoder)
    rows = encode(encoder, task.texts) if task.embedded else None
    provenance = Imported(source="evaluation", at=datetime.now(UTC))
    drafts = [
        Draft(
            id=None,
            key=f"{row}",
            path=None,
            fingerprint="",
            title="" if task.embedded else text,
            text=text if task.embedded else "",
            width=1,
            height=1,
            attributes={},
            image_sha256=f"i{row}",
            text_sha256=f"t{row}" if task.embedded else None,
            provenance=provenance,
            embeddings={"image": task.images[row]} | ({} if rows is None else {"text": rows[row]}),
        )
        for row, text in enumerate(task.texts)
    ]
    collection.store.write(drafts)
    return collection


def encode(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    """Embed texts, (n, dim) float32."""
    parts = [encoder.encode_texts(texts[start : start + 64]) for start in range(0, len(texts), 64)]
    rows: Embeddings = np.concatenate(parts)
    return rows


def relevance(collection: Collection, query: Embeddings) -> dict[int, float]:
    """Score each item by the better of its picture and its text, in standard deviations over all items."""
    best: dict[int, float] = {}
    for nearest in collection.search(query, len(collection)).values():
        if len(nearest.ids):
            values = (nearest.scores - nearest.background.mean()) / nearest.background.std()
            for item_id, value in zip(nearest.ids.tolist(), values.tolist(), strict=True):
                best[item_id] = max(value, best.get(item_id, -np.inf))
    return best


def look(collection: Collection, text: str, query: Embeddings) -> Seen:
    """Search by vectors and by words."""
    known = relevance(collection, query)
    order = sorted(known, key=lambda item_id: (-known[item_id], item_id))[:_DEPTH]
    words = find_words(collection, text, _WORD_HITS)
    hits = WordHits(
        found=Found(scores=words.scores.astype(np.float64), ids=words.ids),
        relevance=np.array([known[item_id] for item_id in words.ids.tolist()]),
        total=len(collection),
        decisive=words.every and is_decisive(len(words.ids), len(collection)),
    )
    nearest = Found(scores=np.array([known[i] for i in order]), ids=np.array(order, np.int64))
    return Seen(nearest=nearest, words=words, hits=hits)


def undecided(hits: WordHits) -> WordHits:
    """Forget that the words single items out."""
    return WordHits(found=hits.found, relevance=hits.relevance, total=hits.total)


METHODS: Mapping[str, Callable[[Seen], Ids]] = {
    "vectors": lambda seen: seen.nearest.ids,
    "words": lambda seen: seen.words.ids,
    "RRF": lambda seen: fuse([seen.nearest, seen.hits.found]).ids,
    "RRF by evidence": lambda seen: fuse([seen.nearest, seen.hits.found], [1.0, seen.hits.evidence()]).ids,
    "sum, weight 1": lambda seen: blend(seen.nearest, seen.hits, weight=1, exhausted=False).ids,
    "sum, weight 2, decisive not first": lambda seen: (
        blend(seen.nearest, undecided(seen.hits), exhausted=False).ids
    ),
    "sum, weight 2": lambda seen: blend(seen.nearest, seen.hits, exhausted=False).ids,
    "sum, weight 4": lambda seen: blend(seen.nearest, seen.hits, weight=4, exhausted=False).ids,
}


def measure(task: Task, encoder: Encoder) -> dict[str, list[float]]:
    """Give the recall at 1, 10 and 50 of each method."""
    places: dict[str, list[float]] = {method: [] for method in METHODS}
    with tempfile.TemporaryDirectory() as folder:
        collection = fill(Path(folder), task, encoder)
        queries = encode(encoder, task.queries)
        for row, text in enumerate(task.queries):
            seen = look(collection, text, queries[row])
            for method, rank in METHODS.items():
                found = np.flatnonzero(rank(seen) == row + 1)
                places[method].append(float(found[0]) if len(found) else np.inf)
        collection.close()
    return {method: [float(np.mean(np.array(p) < k)) for k in _PLACES] for method, p in places.items()}


def tasks(data: Path, cache: Path, encoder: Encoder) -> list[Task]:
    """Read the development sets."""
    fashion = pictures.read(data, "fashion-dev", ["title", *_ATTRIBUTES, "image"])
    flickr = pictures.read(data, "flickr8k-dev", ["captions", "image"])
    products = pictures.embed(cache, "fashion-dev", encoder, fashion["image"])
    photos = pictures.embed(cache, "flickr8k-dev", encoder, flickr["image"])
    columns = [[value or "" for value in fashion[name]] for name in _ATTRIBUTES]
    described = [" ".join(values) for values in zip(*columns, strict=True)]
    captions = [each[0] for each in flickr["captions"]]
    others = [each[1] for each in flickr["captions"]]
    found = []
    for embedded in (False, True):
        for name, images, texts, queries in (
            ("products, attributes", products, described, fashion["title"]),
            ("products, titles", products, fashion["title"], fashion["title"]),
            ("photos, another caption", photos, captions, others),
        ):
            full = f"{name} {'looked up and embedded' if embedded else 'looked up'}"
            found.append(Task(name=full, images=images, texts=texts, queries=queries, embedded=embedded))
    return found


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("cache", type=Path, help="folder for embeddings")
    arguments = parser.parse_args()
    encoder = load_encoder("starter", device="cpu")
    for task in tasks(arguments.data, arguments.cache, encoder):
        print(f"\n{task.name} ({len(task.queries):,} queries)\n", flush=True)
        print("| | recall@1 | recall@10 | recall@50 |\n|---|---|---|---|")
        for method, recalls in measure(task, encoder).items():
            print(f"| {method} | " + " | ".join(f"{100 * recall:.1f}" for recall in recalls) + " |")


if __name__ == "__main__":
    main()
