"""Judge an encoder on a dataset, or on a person's own collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from indexer import Collection, Encoder, Failure, Progress

from ..errors import TooFewPictures
from ..verdict.calibrate import shipped_calibration
from .datasets import Dataset
from .figures import (
    DEFAULT_TEMPLATES,
    Figure,
    Labelled,
    caption_figures,
    index_figures,
    label_figures,
    time_figure,
)
from .subjects import FEWEST, Subject, read_collection, read_dataset

_TIMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What an evaluation found.

    Attributes:
        source: the dataset or collection.
        model: the encoder's name.
        pictures: how many were judged.
        failed: inputs that could not be read, each with its reason.
        figures: grouped, in the order to show.
        notes: what the person should know, such as which texts were used.
    """

    source: str
    model: str
    pictures: int
    failed: tuple[Failure, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def evaluate_dataset(
    encoder: Encoder,
    dataset: Dataset,
    *,
    templates: Sequence[str] = DEFAULT_TEMPLATES,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> EvaluationReport:
    """Judge an encoder on a dataset.

    Args:
        encoder: any.
        dataset: see ``open_dataset``.
        templates: sentences with ``{}`` for a label, for zero-shot classification.
        on_progress: called after each batch of pictures.

    Raises:
        UnusableDataset: the dataset holds something that it must not.
        TooFewPictures: fewer than ``FEWEST`` pictures can be read and have words or a label.
    """
    return _judge(read_dataset(dataset, encoder, on_progress), encoder, templates)


def evaluate_collection(
    collection: Collection,
    encoder: Encoder,
    *,
    label: str | None = None,
    limit: int | None = None,
    templates: Sequence[str] = DEFAULT_TEMPLATES,
) -> EvaluationReport:
    """Judge a collection's encoder on what the collection holds.

    Args:
        collection: its stored embeddings are used; generated items are left out.
        encoder: the collection's.
        label: the attribute that holds labels; None for ``label``, if there is one.
        limit: only that many pictures, the oldest first.
        templates: sentences with ``{}`` for a label, for zero-shot classification.

    Raises:
        EncoderMismatch: the encoder is not the collection's.
        EncoderDrift: the encoder has changed.
        UnusableDataset: no item has the attribute.
        TooFewPictures: fewer than ``FEWEST`` pictures have words or a label.
    """
    collection.verify(encoder)
    return _judge(read_collection(collection, encoder, label=label, limit=limit), encoder, templates)


def _judge(subject: Subject, encoder: Encoder, templates: Sequence[str]) -> EvaluationReport:
    labelled, label_notes = _labelled(subject, encoder, tuple(templates))
    if labelled is None and not subject.captioned:
        raise TooFewPictures(subject.source, subject.described, FEWEST)
    figures = [figure for group in subject.captioned for figure in caption_figures(group)]
    figures += label_figures(labelled) if labelled else []
    queries = subject.captioned[0].texts if subject.captioned else subject.pictures
    figures += [*index_figures(subject.pictures, queries), *subject.speed, *_query_speed(subject, encoder)]
    return EvaluationReport(
        source=subject.source,
        model=encoder.spec.name,
        pictures=len(subject.pictures),
        failed=subject.failed,
        figures=tuple(figures),
        notes=(*subject.notes, *label_notes),
    )


def _labelled(
    subject: Subject, encoder: Encoder, templates: tuple[str, ...]
) -> tuple[Labelled | None, list[str]]:
    """Number the labels of the pictures that have one; say why not, where they cannot be used."""
    words = [label.replace("_", " ").lower() for label in subject.labels]
    places = np.array([place for place, word in enumerate(words) if word], np.int64)
    names, labels = np.unique([words[i] for i in places], return_inverse=True)
    if not len(places):
        return None, []
    if len(places) < FEWEST:
        return None, [f"Only {len(places)} pictures have a label; {FEWEST} are needed to judge by them."]
    if len(names) < 2:
        return None, [f"All labels are {str(names[0])!r}; it takes two to judge by them."]
    found = Labelled(
        pictures=subject.pictures[places],
        labels=labels.astype(np.int64),
        names=tuple(str(name) for name in names),
        encode_texts=encoder.encode_texts,
        templates=templates,
        # the one shipped, for a collection's own was fitted on what is judged here
        calibration=shipped_calibration(encoder.spec.weights_sha256),
    )
    if all(name.isdecimal() for name in found.names):
        return found, ["The labels are numbers without names: no zero-shot figures."]
    if found.askable and found.calibration is None:
        return found, [f"No calibration is shipped for {encoder.spec.name}: no coverage figures."]
    return found, []


def _query_speed(subject: Subject, encoder: Encoder) -> list[Figure]:
    """Time the model on single texts, as they are typed."""
    words = subject.words[:: -(-len(subject.words) // _TIMED)] if subject.words else ()
    if not words:
        return []
    encoder.encode_texts(words[:1])  # what is loaded at first use is not the speed of the second
    seconds = []
    for text in words:
        started = time.perf_counter()
        encoder.encode_texts([text])
        seconds.append(time.perf_counter() - started)
    return [time_figure("speed", "text_encoding_ms_per_query", seconds)]
