"""The trained part of a dual encoder: one small projection for each tower."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional


class ProjectionHead(nn.Module):
    """Standardise features, then add up a linear map and a network with one hidden layer.

    Args:
        in_dim: width of the tower's features.
        out_dim: width of the embeddings.
        hidden: width of the hidden layer.
        dropout: share of inputs and of hidden units that are left out while training.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, in_dim: int, out_dim: int, *, hidden: int = 1024, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(in_dim))
        self.register_buffer("scale", torch.ones(in_dim))
        self.linear = nn.Linear(in_dim, out_dim)
        self.hidden = nn.Linear(in_dim, hidden)
        self.out = nn.Linear(hidden, out_dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def standardise(self, features: Tensor) -> None:
        """Take over mean and deviation of (n, in_dim) features; they are saved with the head."""
        self.mean.copy_(features.mean(dim=0))
        self.scale.copy_(1 / (features.std(dim=0) + 1e-3))

    def forward(self, features: Tensor) -> Tensor:
        """Map features to embeddings that are not yet of length 1.

        Args:
            features: (n, in_dim) float32.

        Returns:
            (n, out_dim) float32.
        """
        standard = self.dropout((features - self.mean) * self.scale)
        bent = self.dropout(functional.gelu(self.hidden(standard)))
        projected: Tensor = self.linear(standard) + self.out(bent)
        return projected


class Heads(nn.Module):
    """The trained part of a dual encoder.

    Args:
        image: projection of the image tower's features.
        text: projection of the text tower's features.
        logit_scale: logarithm of the inverse softmax temperature, learned as in CLIP.
    """

    def __init__(
        self, image: ProjectionHead, text: ProjectionHead, *, logit_scale: float = math.log(1 / 0.07)
    ) -> None:
        super().__init__()
        self.image = image
        self.text = text
        self.logit_scale = nn.Parameter(torch.tensor(float(logit_scale)))

    def embed_images(self, features: Tensor) -> Tensor:
        """Map (n, image_dim) features to (n, dim) embeddings of length 1."""
        return functional.normalize(self.image(features), dim=-1)

    def embed_texts(self, features: Tensor) -> Tensor:
        """Map (n, text_dim) features to (n, dim) embeddings of length 1."""
        return functional.normalize(self.text(features), dim=-1)

    def save(self, path: Path) -> None:
        """Write the heads to a safetensors file, in half precision."""
        save_file({name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read heads that ``save`` wrote, in float32 and evaluation mode.

        Raises:
            OSError, SafetensorError: the file cannot be read.
            KeyError, RuntimeError: it does not hold heads.
        """
        state = {name: tensor.float() for name, tensor in load_file(path).items()}

        def empty(name: str) -> ProjectionHead:
            out_dim, in_dim = state[f"{name}.linear.weight"].shape
            return ProjectionHead(in_dim, out_dim, hidden=len(state[f"{name}.hidden.bias"]))

        heads = cls(empty("image"), empty("text"))
        heads.load_state_dict(state)
        return heads.eval()
