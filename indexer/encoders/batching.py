"""How many pictures an encoder is quickest with at a time."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from .base import Encoder

BATCH_SIZE = 32
"""Pictures at a time where nothing asks for more: few enough to lose little when a run is stopped."""


@runtime_checkable
class Batching(Protocol):
    """An encoder that can tell how many pictures it is quickest with; that may change once it has run."""

    @property
    def batch_size(self) -> int:
        """Pictures to hand over at a time."""
        ...


def batch_size(encoder: Encoder) -> int:
    """Give how many pictures to hand to an encoder at a time."""
    return encoder.batch_size if isinstance(encoder, Batching) else BATCH_SIZE
