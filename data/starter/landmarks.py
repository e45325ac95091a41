"""Landmarks: kinds of things that the starter has seen in training, and how to tell their pictures apart."""

from __future__ import annotations

import numpy as np
from sought import Labelled

from indexer import Embeddings
from search.verdict.signals import Landmarks

LEAST = 5  # training pictures of a kind
SHRINKAGE = 0.05  # of the covariance within kinds, to a multiple of the identity


def landmarks(sets: tuple[Labelled, ...]) -> tuple[Landmarks, np.ndarray]:
    """Fit linear discriminants (Fisher 1936) to the classes of training sets that have names.

    Args:
        sets: training pictures; classes of different sets stay apart.

    Returns:
        The landmarks, and the class of each, (k,), with the number of its set before it: "0:Kurtas".
    """
    images = np.concatenate([data.images for data in sets])
    labels = np.concatenate(
        [[f"{number}:{label}" for label in data.labels] for number, data in enumerate(sets)]
    )
    names = {
        f"{number}:{label}": rows for number, data in enumerate(sets) for label, rows in data.names.items()
    }
    found, counts = np.unique(labels, return_counts=True)
    kept = [label for label, count in zip(found.tolist(), counts.tolist(), strict=True) if count >= LEAST]
    known = np.isin(labels, kept)
    images, place = images[known].astype(np.float64), np.unique(labels[known], return_inverse=True)[1]
    means = np.stack([images[place == number].mean(axis=0) for number in range(len(kept))])
    within = images - means[place]
    covariance = within.T @ within / len(within)
    plain = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve((1 - SHRINKAGE) * covariance + SHRINKAGE * plain, means.T).T  # (k, dim)
    bias = -(weights * means).sum(axis=1) / 2
    return Landmarks(
        names=np.stack([_middle(names[label]) for label in kept]),
        weights=weights.astype(np.float32),
        bias=bias.astype(np.float32),
    ), np.array(kept)


def _middle(rows: Embeddings) -> Embeddings:
    total: Embeddings = rows.mean(axis=0)
    return total / np.linalg.norm(total)
