"""What every generator can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .request import GeneratedImage, GenerationRequest, OnStep


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorInfo:
    """What a generator is.

    Attributes:
        name: as given to ``load_generator``.
        revision: what tells one state of its weights from another.
        encoder_sha256: weights hash of the encoder whose embeddings it reads; None if it reads words.
        size: width and height in pixels of what it makes by default.
        licence: of the weights, as far as known.
        prompt_tokens: length limit of its text tower, in tokens; None if it reads no words.
    """

    name: str
    revision: str
    encoder_sha256: str | None
    size: tuple[int, int]
    licence: str
    prompt_tokens: int | None = None


class Generator(Protocol):
    """Makes pictures. Equal requests give equal pictures on the same machine and versions.

    Not safe to call from several threads at once.
    """

    @property
    def info(self) -> GeneratorInfo:
        """What this generator is."""
        ...

    def generate(self, request: GenerationRequest, *, on_step: OnStep | None = None) -> list[GeneratedImage]:
        """Make pictures.

        Args:
            request: what to make.
            on_step: called after each step; False stops.

        Returns:
            ``request.count`` pictures, in the order of their seeds. Picture i is the one that a request for
            one picture with seed ``request.seed + i`` gives.

        Raises:
            BadRequest: this generator cannot serve the request.
            GenerationCancelled: ``on_step`` returned False.
            OutOfMemory: the machine's memory does not suffice.
        """
        ...
