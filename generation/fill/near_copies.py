"""Telling a new picture from a copy of one that exists: of an item, or of a picture learned from.

Two checks, either of which is enough. Embeddings: the same threshold by which search folds near-duplicates.
Pixels: the correlation of outlines, that is of the steps between neighbouring grey values on a 24 x 24 grid.
Outlines tell far better than grey values do: product photos share white borders and a bright middle, so a
plain correlation of 0.95 finds 37 of 100 product photos to be copies of some other among 2,277 (measured on
fashion-dev), while one of outlines finds 1. Copies that were resized, recompressed, mirrored or brightened
are found as well; of those cut by 5 to 10 %, more than half only by the embedding or by trying cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from indexer import Collection, Embeddings, Ids, UnreadableImage, decode_image
from search import near_duplicate_threshold

from ..errors import GeneratorUnavailable

SAME_OUTLINES = 0.95
"""Correlation of outlines from which two pictures are near copies."""

_SIDE = 24
_WIDTH = 2 * (_SIDE - 1) ** 2
_CUTS = (0.0, 0.05, 0.10)  # of width and height, evenly at both sides
_CLOSEST = 20  # by embedding, whose pixels are compared; a copy is nearly always the first
_FAINT = 2.0  # root mean square of an outline's steps, of 255; below it there is nothing to compare
_SCALE = 127.0
_FORMAT = "findmake copies 1"

Outlines = NDArray[np.float32]
"""(n, 1058) or (1058,) float32, rows of length 1, or of zeros where a picture is plain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What a picture is a near copy of.

    Attributes:
        of: what to call it: ``item 12`` or ``training picture 39386``.
        score: cosine of both embeddings.
        pixels: correlation of both outlines, the best over cuts and mirroring.
    """

    of: str
    score: float
    pixels: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CopyIndex:
    """Pictures that must not be copied, such as those a generator learned from; a file of 2 KB a picture.

    Attributes:
        rows: (n, dim) float32 of length 1, their embeddings.
        outlines: (n, 1058) float32, of ``outline``.
        names: n names to call them by.
    """

    rows: Embeddings
    outlines: Outlines
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.outlines) == len(self.names):
            raise ValueError(
                f"{len(self.rows)} embeddings, {len(self.outlines)} outlines and {len(self.names)} names"
            )

    def save(self, path: Path) -> None:
        """Write a safetensors file: embeddings as float16, outlines in 256 steps."""
        names = "\n".join(self.names).encode()
        peak = np.abs(self.outlines).max(axis=1, keepdims=True, initial=1e-9)
        tensors = {
            "rows": self.rows.astype(np.float16),
            "outlines": np.rint(self.outlines / peak * _SCALE).astype(np.int8),
            "names": np.frombuffer(names, np.uint8),
        }
        plain = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        save_file(plain, path, metadata={"format": _FORMAT})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that ``save`` wrote.

        Raises:
            GeneratorUnavailable: it is not such a file.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                form = (file.metadata() or {}).get("format")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (OSError, SafetensorError) as error:
            raise GeneratorUnavailable(str(path), f"its list of training pictures: {error}") from error
        if form != _FORMAT:
            reason = f"its list of training pictures has the format {form!r}, expected {_FORMAT!r}"
            raise GeneratorUnavailable(str(path), reason)
        names = tensors["names"].tobytes().decode()
        return cls(
            rows=tensors["rows"].astype(np.float32),
            outlines=_unit(tensors["outlines"].astype(np.float32)),
            names=tuple(names.split("\n")) if names else (),
        )


def outline(image: Image.Image) -> Outlines:
    """Reduce a picture to the steps between neighbouring grey values on a 24 x 24 grid.

    Returns:
        (1058,) float32 of length 1; zeros for a picture without any outline.
    """
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    grey = np.asarray(small, np.float32)
    across, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
    steps = np.stack([across, down]).ravel()
    if float(np.sqrt(np.mean(steps**2))) < _FAINT:
        return np.zeros(_WIDTH, np.float32)
    return _unit(steps - steps.mean())


def same_pixels(image: Image.Image, other: Image.Image) -> float:
    """Correlate the outlines of two pictures, -1 to 1, also mirrored, and with either one's border cut."""
    whole, others = outline(other), np.stack([outline(_cut(other, share)) for share in _CUTS[1:]])
    found = -1.0
    for turned in (image, ImageOps.mirror(image)):
        mine = np.stack([outline(_cut(turned, share)) for share in _CUTS])
        found = max(found, float((mine @ whole).max()), float((others @ mine[0]).max()))
    return found


def find_copy(
    image: Image.Image,
    row: Embeddings,
    collection: Collection,
    *,
    allowed: Ids | None = None,
    training: CopyIndex | None = None,
) -> Copy | None:
    """Find what a picture is a near copy of, if anything.

    Args:
        image: the picture.
        row: (dim,) float32 of length 1, its embedding.
        collection: whose items it must not copy.
        allowed: (m,) int64, the only items to compare with; None for all.
        training: further pictures, those that the generator learned from.

    Returns:
        The one that is nearest by embedding among those copied; None if it copies nothing.
    """
    least = near_duplicate_threshold(collection.spec)
    nearest = collection.search(row, _CLOSEST, allowed=allowed)["image"]
    for item_id, score in zip(nearest.ids.tolist(), nearest.scores.tolist(), strict=True):
        pixels = _same_as_item(image, collection, item_id)
        if score >= least or pixels >= SAME_OUTLINES:
            return Copy(of=f"item {item_id}", score=round(score, 4), pixels=round(pixels, 4))
    return _among_training(image, row, training, least) if training is not None else None


def _same_as_item(image: Image.Image, collection: Collection, item_id: int) -> float:
    """Compare with an item's thumbnail: it is always here, when the file may be gone."""
    data = collection.store.thumbnail(item_id)
    try:
        return same_pixels(image, decode_image(data, name=f"item {item_id}").image) if data else -1.0
    except UnreadableImage:
        return -1.0


def _among_training(image: Image.Image, row: Embeddings, training: CopyIndex, least: float) -> Copy | None:
    scores = training.rows @ row  # (n,)
    turned: Sequence[Image.Image] = (image, ImageOps.mirror(image))
    mine = np.stack([outline(_cut(one, share)) for one in turned for share in _CUTS])
    for place in np.argsort(-scores, kind="stable")[:_CLOSEST].tolist():
        score, pixels = float(scores[place]), float((mine @ training.outlines[place]).max())
        if score >= least or pixels >= SAME_OUTLINES:
            name = f"training picture {training.names[place]}"
            return Copy(of=name, score=round(score, 4), pixels=round(pixels, 4))
    return None


def _cut(image: Image.Image, share: float) -> Image.Image:
    x, y = (round(side * share / 2) for side in image.size)
    return image.crop((x, y, image.width - x, image.height - y)) if share else image


def _unit(rows: Outlines) -> Outlines:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Outlines = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-6)
    return unit
