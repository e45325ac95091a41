"""What an encoder is assembled from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch takes seconds to import; whoever builds parts has imported it already
    import torch
    from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A loaded dual encoder, on the CPU, in float32 and evaluation mode.

    Attributes:
        model: an open_clip model with ``encode_image`` and ``encode_text``.
        preprocess: one RGB picture to a (3, size, size) float32 tensor.
        tokenizer: n texts to an (n, context) int64 tensor.
        architecture: open_clip's name of the architecture.
        pretrained: the tag or file name of the weights.
        image_size: pixels of the shorter side that ``preprocess`` resizes to.
    """

    model: torch.nn.Module
    preprocess: Callable[[Image.Image], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]
    architecture: str
    pretrained: str
    image_size: int
