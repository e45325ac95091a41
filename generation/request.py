"""What a generator is asked for, and what it gives back, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from indexer import Embeddings

from .errors import BadRequest

MOST_PICTURES = 64
"""Pictures in one request."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GenerationRequest:
    """A wish for pictures. What is None is left to the generator, which tells in the settings what it took.

    Attributes:
        prompt: words; a generator that reads embeddings alone keeps them for the record.
        negative_prompt: what to avoid.
        embedding: (dim,) float32 of length 1, the query in the encoder's space; for generators that read it.
        neighbours: (m, dim) float32 unit rows whose look to stay close to; likewise.
        style_weight: 0 to ignore the neighbours and style pictures, 1 to follow them closely.
        styles: pictures whose look to follow, for generators with an IP-Adapter.
        start: picture to start from (image-to-image, inpainting).
        strength: 0 to keep the start picture, 1 to ignore it.
        mask: white where the start picture is painted anew; of its size.
        seed: of the first picture; each next one takes the next number.
        steps: denoising steps.
        guidance: classifier-free guidance scale; 1 for none.
        scheduler: name of the sampler, such as ``ddim``.
        width, height: pixels.
        count: how many pictures.
    """

    prompt: str
    negative_prompt: str = ""
    embedding: Embeddings | None = None
    neighbours: Embeddings | None = None
    style_weight: float = 0.5
    styles: tuple[Image.Image, ...] = ()
    start: Image.Image | None = None
    strength: float = 0.7
    mask: Image.Image | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1

    def __post_init__(self) -> None:
        """Check all that does not depend on the model.

        Raises:
            BadRequest: a value is out of its range.
        """
        _between("count", self.count, 1, MOST_PICTURES)
        _between("style weight", self.style_weight, 0, 1)
        _between("strength", self.strength, 0, 1)
        _between("seed", self.seed, 0, 2**63 - 1)
        if self.steps is not None:
            _between("steps", self.steps, 1, 1000)
        if self.guidance is not None:
            _between("guidance", self.guidance, 0, 50)
        for name in ("width", "height"):
            if (side := getattr(self, name)) is not None:
                _between(name, side, 16, 4096)
        if self.mask is not None and self.start is None:
            raise BadRequest("a mask alone", "a start picture that it belongs to")
        if self.mask is not None and self.start is not None and self.mask.size != self.start.size:
            raise BadRequest(
                f"a mask of {self.mask.size} pixels", f"one of the picture's {self.start.size} pixels"
            )


def _between(name: str, value: float, least: float, most: float) -> None:
    if not (np.isfinite(value) and least <= value <= most):
        raise BadRequest(f"{name} {value}", f"{least} to {most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """All that is needed to make one picture again.

    Attributes:
        model: the generator's name: ``starter``, a folder or a hub id.
        revision: what tells one state of its weights from another (commit or hash).
        mode: ``text-to-image``, ``image-to-image``, ``inpainting`` or ``embedding-to-image``.
        prompt, negative_prompt: the words as the model got them.
        seed: of this picture alone.
        steps, guidance, scheduler: of the sampler.
        width, height: pixels that the model made; what is shown may be enlarged.
        extras: whatever else this generator needs, as JSON has it: strength, style weight, LoRA.
    """

    model: str
    revision: str
    mode: str
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    guidance: float
    scheduler: str
    width: int
    height: int
    extras: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeneratedImage:
    """One picture that was made.

    Attributes:
        image: RGB, as it is kept and shown.
        settings: how it was made.
        blocked: the model's own safety check refused it, with the reason; None if it passed or there is none.
    """

    image: Image.Image
    settings: GenerationSettings
    blocked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a generator is.

    Attributes:
        step: steps done, from 1.
        steps: steps of one picture.
        picture: pictures of the request that are done before this one (or before this batch).
        pictures: pictures of the request.
        preview: draws what the picture looks like so far; None where the model cannot tell cheaply.
    """

    step: int
    steps: int
    picture: int
    pictures: int
    preview: Callable[[], Image.Image] | None = None


OnStep = Callable[[Step], bool]
"""Called after each step; False stops the generator, which then raises GenerationCancelled."""
