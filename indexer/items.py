"""The values that pass between the indexer and everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
"""(n, dim) or (dim,) float32, rows of length 1."""

Ids = NDArray[np.int64]
"""(n,) item ids, which are SQLite primary keys and never used twice."""

Scores = NDArray[np.float32]
"""(n,) float32 cosine similarities, higher is better."""

Kind = Literal["image", "text"]
"""Which part of an item an embedding was made from."""

KINDS: tuple[Kind, ...] = ("image", "text")

Attribute = str | int | float | bool | None
"""The value of one of an item's attributes, as JSON has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Provenance of an item that somebody brought in.

    Attributes:
        source: the file or table that it was read from.
        at: when it was first indexed, UTC.
        synthetic: the mark by which the file says that a model made it, in words; None if there is none.
    """

    source: str
    at: datetime
    synthetic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Provenance of an item that a model made: enough to make it again, and to say why it was made.

    Attributes:
        prompt: what the generator was asked for.
        negative_prompt: what it was asked to avoid.
        model: the generator's name.
        seed: of the random numbers.
        scheduler: name of the noise schedule.
        steps: denoising steps.
        guidance: classifier-free guidance scale.
        parents: ids of the items that it was conditioned on.
        for_query: the query that found nothing.
        verdict: the coverage verdict that the picture itself got for that query.
        at: when it was made, UTC.
        mode: ``text-to-image``, ``image-to-image``, ``inpainting`` or ``embedding-to-image``.
        revision: what tells one state of the generator's weights from another.
        width, height: pixels that the model made; what is kept may be enlarged. 0 where nobody said.
        extras: whatever else this generator needs to make it again.
    """

    prompt: str
    negative_prompt: str
    model: str
    seed: int
    scheduler: str
    steps: int
    guidance: float
    parents: tuple[int, ...]
    for_query: str
    verdict: str
    at: datetime
    mode: str = ""
    revision: str = ""
    width: int = 0
    height: int = 0
    extras: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a picture cannot have {self.width} x {self.height} pixels")


Provenance = Imported | Generated


def origin_of(provenance: Provenance) -> str:
    """Say ``generated`` of what a model made, here or elsewhere as its file says; else ``imported``."""
    made = isinstance(provenance, Generated) or provenance.synthetic is not None
    return "generated" if made else "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture, one text, or a picture with its text.

    Attributes:
        id: primary key; also the id in every index; never used twice.
        key: what the source calls it: a file's absolute path, or ``TABLE#ROW-KEY``.
        path: the file that holds the picture or text; None for a picture inside a table.
        title: a short name to show.
        text: caption, description or the whole text; empty if there is none.
        kinds: which embeddings it has.
        width, height: of the picture as shown, in pixels; 0 for a text.
        attributes: everything else the source told.
        provenance: where it came from.
        tags: labels that a person or a model gave, in alphabetical order.
        apart: it was made here and nobody has promoted it: only who asks for it gets to see it.
    """

    id: int
    key: str
    path: str | None
    title: str
    text: str
    kinds: tuple[Kind, ...]
    width: int
    height: int
    attributes: Mapping[str, Attribute]
    provenance: Provenance
    tags: tuple[str, ...] = ()
    apart: bool = False

    @property
    def modality(self) -> str:
        """``image``, ``text`` or ``image+text``."""
        return "+".join(self.kinds)

    @property
    def origin(self) -> str:
        """``generated`` if a model made it, here or elsewhere as its file says; else ``imported``."""
        return origin_of(self.provenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """What makes two encoders give the same embeddings.

    Attributes:
        name: for ``load_encoder``: ``starter``, ``ARCH/PRETRAINED_TAG``, ``hf-hub:org/name`` or a path.
        architecture: open_clip's name of the architecture.
        pretrained: the tag or file of the weights.
        dim: width of the embeddings.
        image_size: pixels of the shorter side that the image tower wants.
        preprocessing_sha256: over size, interpolation, mean, standard deviation and tokenizer settings.
        weights_sha256: over the names, shapes and bytes of all weights.
    """

    name: str
    architecture: str
    pretrained: str
    dim: int
    image_size: int
    preprocessing_sha256: str
    weights_sha256: str

    def same_space(self, other: EncoderSpec) -> bool:
        """Say whether embeddings of both may be compared (the name alone does not matter)."""
        mine = (self.dim, self.preprocessing_sha256, self.weights_sha256)
        return mine == (other.dim, other.preprocessing_sha256, other.weights_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An input that could not be indexed.

    Attributes:
        path: the file or row.
        reason: why, in words.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What one indexing run did. Every input ends in exactly one of the first four counts or in ``failed``.

    Attributes:
        added: new items.
        updated: items whose picture, text or metadata changed.
        moved: items found again under another path, with their embedding kept.
        unchanged: items that needed nothing.
        removed: items whose file is gone from a root that answered.
        failed: inputs that could not be read, each with its reason.
        embedded: pictures and texts that went through the model.
        seconds: wall-clock time of the run.
        images_per_s: pictures encoded per second of the run.
        notes: what the person should know, such as a root that was away.
    """

    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[Failure, ...] = ()
    embedded: int = 0
    seconds: float = 0.0
    images_per_s: float = 0.0
    notes: tuple[str, ...] = field(default=())
