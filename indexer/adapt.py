"""Contrastive training of projection heads."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save_file
from torch import nn


class ProjectionHead(nn.Module):
    """Standardise, then a linear map plus one hidden layer."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, in_dim: int, out_dim: int, *, hidden: int = 1024, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(in_dim))
        self.register_buffer("scale", torch.ones(in_dim))
        self.skip = nn.Linear(in_dim, out_dim)
        self.hidden = nn.Linear(in_dim, hidden)
        self.out = nn.Linear(hidden, out_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, in_dim) to (n, out_dim)."""
        x = self.dropout((features - self.mean) * self.scale)
        projected: torch.Tensor = self.skip(x) + self.out(self.dropout(nn.functional.gelu(self.hidden(x))))
        return projected


class Heads(nn.Module):
    """An image head, a text head, and the logarithm of the inverse temperature."""

    def __init__(self, image: ProjectionHead, text: ProjectionHead, *, logit_scale: float = 3.0) -> None:
        super().__init__()
        self.image = image
        self.text = text
        self.logit_scale = nn.Parameter(torch.tensor(float(logit_scale)))

    def save(self, path: Path) -> None:
        """Write the heads as safetensors, in half precision."""
        save_file({name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read heads written by ``save``, in evaluation mode."""
        state = {name: tensor.float() for name, tensor in load_file(path).items()}

        def head(name: str) -> ProjectionHead:
            out_dim, in_dim = state[f"{name}.skip.weight"].shape
            return ProjectionHead(in_dim, out_dim, hidden=len(state[f"{name}.hidden.bias"]))

        heads = cls(head("image"), head("text"))
        heads.load_state_dict(state)
        return heads.eval()
