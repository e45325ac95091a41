"""Queries whose answers are known, over the training and development sets: to fit and judge coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from indexer import Embeddings
from search.verdict.calibration import QueryKind
from search.verdict.leave_one_out import Sought

SAME, UNSURE = 0.7, 0.45  # cosine of two captions' MiniLM features: the same scene; perhaps the same


SEEN, GLIMPSED = 0.5, 0.02  # probability of a class: it is there; it may be


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Pictures with classes.

    Attributes:
        images: (n, dim) embeddings.
        titles: (n, dim) embeddings of their texts; None if they have none.
        labels: (n,) names of classes.
        colours: (n,) names of colours; None if not known.
        names: embeddings (m, dim) of what people call each class.
        coloured: (dim,) embeddings of "red dress" by (colour, class).
    """

    images: Embeddings
    titles: Embeddings | None
    labels: np.ndarray
    colours: np.ndarray | None
    names: dict[str, Embeddings]
    coloured: dict[tuple[str, str], Embeddings]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Captioned:
    """Pictures with captions.

    Attributes:
        images: (n, dim) embeddings.
        captions: (n, 5, dim) embeddings.
        meanings: (n, 5, 384) float32, unit rows: features of the packaged text network.
    """

    images: Embeddings
    captions: Embeddings
    meanings: Embeddings


def by_name(data: Labelled, least: int, most_names: int, seed: int = 0) -> Iterator[Sought]:
    """Ask for each class by its names."""
    generator = np.random.default_rng(seed)
    for label, rows in data.names.items():
        answers = data.labels == label
        if answers.sum() >= least:
            for row in generator.permutation(rows)[:most_names]:
                yield Sought(concept=label, asked="phrase", query=row, answers=answers)


def by_class(
    probabilities: np.ndarray,
    called: dict[str, tuple[Embeddings, np.ndarray]],
    most_names: int,
    seed: int = 6,
) -> Iterator[Sought]:
    """Ask for what a picture classifier sees, by name, over pictures of all kinds.

    Args:
        probabilities: (n, classes) float32 of each picture.
        called: for each name the embeddings (m, dim) of sentences with it, and the numbers of its classes.
        most_names: sentences to ask each name by.
        seed: of the drawing.
    """
    generator = np.random.default_rng(seed)
    for name, (rows, classes) in called.items():
        mass = probabilities[:, classes].sum(axis=1)
        answers = mass >= SEEN
        if answers.any():
            unsure = (mass >= GLIMPSED) & ~answers
            for row in generator.permutation(rows)[:most_names]:
                yield Sought(concept=name, asked="phrase", query=row, answers=answers, unsure=unsure)


def by_title(data: Labelled, count: int, seed: int = 1) -> Iterator[Sought]:
    """Ask by titles of items, which are not there themselves; all of the same class answer."""
    assert data.titles is not None
    for row, itself in _drawn(len(data.labels), count, seed):
        answers = (data.labels == data.labels[row]) & ~itself
        yield _sought(data, row, "text", data.titles[row], answers, itself)


def by_picture(data: Labelled, count: int, seed: int = 2) -> Iterator[Sought]:
    """Ask by pictures of items, which are not there themselves; all of the same class answer."""
    for row, itself in _drawn(len(data.labels), count, seed):
        answers = (data.labels == data.labels[row]) & ~itself
        yield _sought(data, row, "image", data.images[row], answers, itself)


def by_both(data: Labelled, count: int, seed: int = 3) -> Iterator[Sought]:
    """Ask by a picture and words: the same class in a colour, or the class by name beside its picture."""
    generator = np.random.default_rng(seed)
    for row, itself in _drawn(len(data.labels), count, seed):
        label = data.labels[row]
        answers = (data.labels == label) & ~itself
        words = data.names[label][generator.integers(len(data.names[label]))]
        unsure = itself
        if data.colours is not None and generator.random() < 0.5:
            colour = str(generator.choice(data.colours[answers])) if answers.any() else ""
            if (colour, label) in data.coloured:
                words = data.coloured[colour, label]
                unsure = itself | (answers & (data.colours != colour))  # another colour: half an answer
                answers = answers & (data.colours == colour)
        query = data.images[row] + words
        yield _sought(data, row, "mixed", query / np.linalg.norm(query), answers, unsure)


def _sought(
    data: Labelled, row: int, asked: QueryKind, query: Embeddings, answers: np.ndarray, unsure: np.ndarray
) -> Sought:
    return Sought(concept=str(data.labels[row]), asked=asked, query=query, answers=answers, unsure=unsure)


def scenes(data: Captioned, count: int, asked: QueryKind, seed: int = 4) -> Iterator[Sought]:
    """Ask for scenes by a caption, by a picture that is not there itself, or by both.

    Answers are the pictures one of whose captions says the same; a caption's own picture is one of them.
    """
    generator = np.random.default_rng(seed)
    for row, itself in _drawn(len(data.images), count, seed):
        which = int(generator.integers(5))
        alike = (data.meanings @ data.meanings[row, which]).max(axis=1)  # (n,)
        answers, unsure = alike >= SAME, (alike >= UNSURE) & (alike < SAME)
        query = data.captions[row, which]
        if asked != "text":
            query = data.images[row] + (query if asked == "mixed" else 0)
            query = query / np.linalg.norm(query)
            answers, unsure = answers & ~itself, unsure | itself
        yield Sought(concept=f"scene {row}", asked=asked, query=query, answers=answers, unsure=unsure)


def captions_of(data: Captioned, count: int, asked: QueryKind, seed: int = 5) -> Iterator[Sought]:
    """Ask for captions, rows (n * 5,), by another caption of the same picture, by the picture, or both."""
    generator = np.random.default_rng(seed)
    flat = data.meanings.reshape(-1, data.meanings.shape[-1])
    for row, _ in _drawn(len(data.images), count, seed):
        which = int(generator.integers(5))
        alike = flat @ data.meanings[row, which]  # (n * 5,)
        answers = alike >= SAME
        answers[5 * row : 5 * row + 5] = True
        unsure = (alike >= UNSURE) & ~answers
        unsure[5 * row + which] = True  # the query itself
        words = data.captions[row, which]
        query = {"text": words, "image": data.images[row], "mixed": words + data.images[row]}[asked]
        query = query / np.linalg.norm(query)
        answers = answers & ~unsure
        yield Sought(concept=f"scene {row}", asked=asked, query=query, answers=answers, unsure=unsure)


def _drawn(size: int, count: int, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """Draw rows, each with a mask of itself."""
    for row in np.random.default_rng(seed).permutation(size)[:count].tolist():
        itself = np.zeros(size, bool)
        itself[row] = True
        yield row, itself
