"""Judge an embedding space: from embeddings, texts and labels to figures with intervals."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer import Embeddings, ExactIndex, FaissIndex

from ..verdict.calibration import PHRASE_WORDS, Calibration
from ..verdict.leave_one_out import Sought, observe
from .retrieval_metrics import Answers, Labels, agreement, best_ranks, knn_hits, median_rank, recall_at
from .verdict_metrics import Interval, auroc, bootstrap, calibration_error, false_accepts

Unit = Literal["share", "rank", "1/s", "ms", "bytes"]
EncodeTexts = Callable[[Sequence[str]], Embeddings]

DEFAULT_TEMPLATES = ("{}",)
_RECALLS = (1, 5, 10)
_INDEX_QUERIES = 200
_INDEX_K = 10
_LEAST_ITEMS = 5  # pictures of a label that is asked for
_LEAST_LABELS = 5  # fewer tell nothing about verdicts
_MOST_LABELS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        group: what it is about, such as ``captions``, ``label``, ``coverage``, ``index`` or ``speed``.
        name: such as ``text_to_image_recall_at_1``; unique within the group.
        value: the number.
        unit: ``share`` of 1, ``rank`` from 1, ``1/s``, ``ms`` or ``bytes``.
        samples: over how many it was taken.
        interval: 95 % bootstrap interval; None where the number is not taken over samples.
    """

    group: str
    name: str
    value: float
    unit: Unit
    samples: int
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Captioned:
    """Pictures and the different texts that describe them.

    Attributes:
        group: what the texts are, for the figures.
        pictures: (n, dim).
        texts: (m, dim), each text once.
        pairs: (p, 2) positions of a text and of a picture that it was given for.
    """

    group: str
    pictures: Embeddings
    texts: Embeddings
    pairs: Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Pictures with labels.

    Attributes:
        pictures: (n, dim).
        labels: (n,) positions in ``names``.
        names: the different labels, as words.
        encode_texts: embeds texts into the space of the pictures.
        templates: sentences with ``{}`` for a name; a name's embedding is the mean over them.
        calibration: of the encoder, not fitted on these pictures; None if there is none.
    """

    pictures: Embeddings
    labels: Labels
    names: tuple[str, ...]
    encode_texts: EncodeTexts
    templates: tuple[str, ...] = DEFAULT_TEMPLATES
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not self.templates or any("{}" not in template for template in self.templates):
            raise ValueError(f"each template needs a place {{}} for the label: {self.templates}")

    @property
    def askable(self) -> tuple[int, ...]:
        """Tell the labels that verdicts can be judged by; none if these are too few."""
        counts = np.bincount(self.labels, minlength=len(self.names))
        words = [i for i, name in enumerate(self.names) if counts[i] >= _LEAST_ITEMS and not name.isdecimal()]
        return tuple(words) if len(words) >= _LEAST_LABELS else ()


# -- words ---------------------------------------------------------------------------------------------


def caption_figures(data: Captioned) -> list[Figure]:
    """Measure retrieval both ways.

    Text to picture: each pair asks once; right are all pictures that the same text was given for. Picture to
    text: each picture asks once among the different texts; right are all that were given for it. So pictures
    of one text are each other's right answers. Intervals redraw pictures with all their texts.
    """
    pairs = np.unique(data.pairs, axis=0)
    asked, position = np.unique(pairs[:, 0], return_inverse=True)
    forth = best_ranks(data.texts[asked], data.pictures, np.stack([position, pairs[:, 1]], axis=1))[position]
    described, position = np.unique(pairs[:, 1], return_inverse=True)
    back = best_ranks(data.pictures[described], data.texts, np.stack([position, pairs[:, 0]], axis=1))
    return [
        *_rank_figures(data.group, "text_to_image", forth, pairs[:, 1]),
        *_rank_figures(data.group, "image_to_text", back, described),
    ]


def _rank_figures(group: str, direction: str, ranks: ArrayLike, pictures: ArrayLike) -> list[Figure]:
    statistics: dict[str, Callable[[ArrayLike], float]] = {f"recall_at_{k}": _recall(k) for k in _RECALLS} | {
        "median_rank": median_rank
    }
    return [
        measured(group, f"{direction}_{name}", statistic, ranks, clusters=pictures)
        for name, statistic in statistics.items()
    ]


def _recall(k: int) -> Callable[[ArrayLike], float]:
    return lambda ranks: recall_at(ranks, k)


# -- labels --------------------------------------------------------------------------------------------


def label_figures(data: Labelled) -> list[Figure]:
    """Measure everything that labels allow."""
    return [figure for judge in LABEL_JUDGES for figure in judge(data)]


def zero_shot_figures(data: Labelled) -> list[Figure]:
    """Measure how often the right label is the first, or among the first five, of all labels.

    Radford et al. 2021, "Learning transferable visual models from natural language supervision". Nothing
    where the labels are numbers, or where all pictures have the same.
    """
    if len(data.names) < 2 or all(name.isdecimal() for name in data.names):
        return []
    sums = np.zeros((len(data.names), data.pictures.shape[1]), np.float32)
    for template in data.templates:
        sums += data.encode_texts([template.replace("{}", name) for name in data.names])
    classes = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    own = np.arange(len(data.labels))
    ranks = best_ranks(data.pictures, classes, np.stack([own, data.labels], axis=1))
    return [measured("label", f"zero_shot_top_{k}", _recall(k), ranks) for k in (1, 5) if k < len(data.names)]


def knn_figures(data: Labelled) -> list[Figure]:
    """Measure how often a picture's nearest others vote for its own label."""
    hits = {k: knn_hits(data.pictures, data.labels, k=k) for k in (1, 5) if k < len(data.labels)}
    return [measured("label", f"knn_{k}_accuracy", _mean, found) for k, found in hits.items()]


def coverage_figures(data: Labelled) -> list[Figure]:
    """Measure whether the verdict tells what is there from what is not, by leave-concept-out.

    Each label with five pictures or more is asked for by its name twice: of all pictures, and of those with
    another label. Beside it stands the cosine of the best hit. Nothing without a calibration, or with fewer
    than five such labels; of more than 200, 200 are drawn. Intervals redraw labels, with both askings.
    """
    if data.calibration is None or not data.askable:
        return []
    seen = list(observe(data.calibration.bank, "image", data.pictures, _sought(data), whole=True))
    present, concepts = np.array([one.present for one in seen]), np.array([one.concept for one in seen])
    first = np.array([one.first_score for one in seen])
    models = data.calibration.coverage
    coverage = np.array([float(models[one.asked, one.kind].probability(one.coverage)) for one in seen])

    def figure(name: str, statistic: Callable[..., float], values: NDArray[np.float64]) -> Figure:
        return Figure(
            group="coverage",
            name=name,
            value=statistic(values, present),
            unit="share",
            samples=len(seen),
            interval=bootstrap(statistic, [values, present], clusters=concepts),
        )

    return [
        figure("auroc", auroc, coverage),
        figure("false_accepts_at_95_recall", false_accepts, coverage),
        figure("calibration_error", calibration_error, coverage),
        figure("score_auroc", auroc, first),
        figure("score_false_accepts_at_95_recall", false_accepts, first),
    ]


def _sought(data: Labelled) -> list[Sought]:
    """Ask for labels by their names."""
    drawn = np.random.default_rng(0).permutation(data.askable)[:_MOST_LABELS].tolist()
    names = [data.names[number] for number in drawn]
    return [
        Sought(
            concept=name,
            asked="phrase" if len(name.split()) <= PHRASE_WORDS else "text",
            query=query,
            answers=data.labels == number,
        )
        for number, name, query in zip(drawn, names, data.encode_texts(names), strict=True)
    ]


LABEL_JUDGES: tuple[Callable[[Labelled], list[Figure]], ...] = (
    zero_shot_figures,
    knn_figures,
    coverage_figures,
)
"""What is measured wherever there are labels, in the order of the report."""


# -- the index -----------------------------------------------------------------------------------------


def index_figures(pictures: Embeddings, queries: Embeddings) -> list[Figure]:
    """Compare the kind of index that collections use with the exact one, and take its time.

    Args:
        pictures: (n, dim).
        queries: (m, dim); up to 200 of them, evenly spread, are asked one by one.
    """
    queries = queries[:: -(-len(queries) // _INDEX_QUERIES)]
    ids = np.arange(len(pictures))
    exact, used = ExactIndex(pictures.shape[1]), FaissIndex(pictures.shape[1])
    exact.add(ids, pictures)
    used.add(ids, pictures)
    right = np.stack([exact.search(query, _INDEX_K)[1] for query in queries])
    used.search(queries[0], _INDEX_K)  # the first call sets up threads
    found, seconds = [], []
    for query in queries:
        started = time.perf_counter()
        found.append(used.search(query, _INDEX_K)[1])
        seconds.append(time.perf_counter() - started)
    return [
        measured("index", f"recall_at_{_INDEX_K}_against_exact", _mean, agreement(np.stack(found), right)),
        time_figure("index", "search_ms_per_query", seconds),
        Figure(
            group="index",
            name="bytes_per_vector",
            value=2 * pictures.shape[1],  # float16
            unit="bytes",
            samples=len(pictures),
        ),
    ]


def time_figure(group: str, name: str, seconds: Sequence[float]) -> Figure:
    """Take the median of some times, in milliseconds."""
    return measured(group, name, _median, np.array(seconds) * 1000, unit="ms")


def measured(
    group: str,
    name: str,
    statistic: Callable[[ArrayLike], float],
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    unit: Unit | None = None,
) -> Figure:
    """Take a figure over samples, with its interval.

    Args:
        group: of the figure.
        name: of the figure.
        statistic: of the values.
        values: (n,) one for each sample.
        clusters: (n,) as for ``bootstrap``.
        unit: by default ``rank`` for a median rank, else ``share``.
    """
    found = np.asarray(values)
    return Figure(
        group=group,
        name=name,
        value=statistic(found),
        unit=unit or ("rank" if name.endswith("median_rank") else "share"),
        samples=len(found),
        interval=bootstrap(statistic, [found], clusters=clusters),
    )


def _mean(values: ArrayLike) -> float:
    return float(np.mean(np.asarray(values)))


def _median(values: ArrayLike) -> float:
    return float(np.median(np.asarray(values)))
