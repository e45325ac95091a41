"""The starter's heads: what they learned, beside what the packaged classifier already knows.

The packaged image network is a classifier of a thousand classes, and its posterior, mapped to what those
classes are called, places a picture among words without any training (ConSE, Norouzi et al. 2014,
https://arxiv.org/abs/1312.5650). An embedding has two parts, each of length 1 before it is weighed: a learned
projection, and that posterior. A gate of the picture, and one of the text, say how much each part counts (a
mixture of experts, Jacobs et al. 1991), so that what is learned cannot spoil what was known before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

CLASS_FEATURES = 1_280
"""How many of the image features, the first ones, the classifier reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Widths of the heads.

    Attributes:
        features: of the image tower.
        reduced: of its principal components.
        texts: of the text tower.
        learned: of the learned part of an embedding.
        posterior: of its posterior part.
        hidden: of the hidden layers.
    """

    features: int = 2_960
    reduced: int = 1_024
    texts: int = 384
    learned: int = 336
    posterior: int = 176
    hidden: int = 1_024


class GatedProjection(nn.Module):
    """A linear map and a network with one hidden layer, which also say how much their result counts.

    Args:
        in_dim: width of the input.
        out_dim: width of the output.
        hidden: width of the hidden layer.
        dropout: share of inputs and hidden units that are left out while training.
    """

    def __init__(self, in_dim: int, out_dim: int, hidden: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)
        self.hidden = nn.Linear(in_dim, hidden)
        self.out = nn.Linear(hidden, out_dim, bias=False)
        self.gate_linear = nn.Linear(in_dim, 1)
        self.gate_hidden = nn.Linear(hidden, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.gate_linear.weight)
        nn.init.zeros_(self.gate_hidden.weight)
        nn.init.zeros_(self.gate_linear.bias)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, in_dim) to (n, out_dim) of length 1, and to (n, 1) shares in 0 to 1 of the other part."""
        values = self.dropout(values)
        bent = self.dropout(functional.gelu(self.hidden(values)))
        projected = functional.normalize(self.linear(values) + self.out(bent), dim=-1)
        return projected, torch.sigmoid(self.gate_linear(values) + self.gate_hidden(bent))


class ImageInput(nn.Module):
    """Image features as the image head reads them: their principal components, and the posterior's meaning.

    Args:
        widths: of the heads.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        # The classifier is the packaged network's own: it is not saved with the heads.
        self.register_buffer("weight", torch.zeros(1_000, CLASS_FEATURES), persistent=False)
        self.register_buffer("bias", torch.zeros(1_000), persistent=False)
        self.components = nn.Linear(widths.features, widths.reduced)
        self.names = nn.Parameter(torch.zeros(1_000, widths.posterior))
        self.temperature = nn.Parameter(torch.ones(()))

    def set_classifier(self, weight: Tensor, bias: Tensor) -> None:
        """Take over the packaged classifier's last layer, (1000, 1280) and (1000,)."""
        self.weight, self.bias = weight.float(), bias.float()

    def logits(self, features: Tensor) -> Tensor:
        """Give the classifier's (n, 1000) logits of (n, features) float32."""
        return functional.linear(features[:, :CLASS_FEATURES], self.weight, self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, features) to (n, reduced + known); the last ones are the posterior's mean name."""
        posterior = torch.softmax(self.logits(features) / self.temperature, dim=-1)
        return torch.cat([self.components(features), posterior @ self.names], dim=-1)


class TextInput(nn.Module):
    """Text features as the text head reads them: themselves standardised, and their place among names.

    Args:
        widths: of the heads.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(widths.texts))
        self.register_buffer("scale", torch.ones(widths.texts))
        self.linear = nn.Linear(widths.texts, widths.posterior)
        self.hidden = nn.Linear(widths.texts, widths.hidden)
        self.out = nn.Linear(widths.hidden, widths.posterior, bias=False)
        nn.init.zeros_(self.out.weight)

    def place(self, features: Tensor) -> Tensor:
        """Map (n, texts) to (n, known), a text's place among the names of classes, not of length 1."""
        standard = (features - self.mean) * self.scale
        placed: Tensor = self.linear(features) + self.out(functional.gelu(self.hidden(standard)))
        return placed

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, texts) to (n, texts + known)."""
        return torch.cat([(features - self.mean) * self.scale, self.place(features)], dim=-1)


class GatedHead(nn.Module):
    """One head: what it reads of its tower's features, and the projection of that.

    Args:
        read: maps features to values, of which the last ones are the posterior part.
        projection: maps those values to the learned part, and to how much the posterior part counts.
        known: width of the posterior part.
    """

    def __init__(self, read: nn.Module, projection: GatedProjection, known: int) -> None:
        super().__init__()
        self.read, self.projection, self._known = read, projection, known

    def join(self, values: Tensor) -> Tensor:
        """Map (n, width) values, as ``read`` gives them, to (n, dim) embeddings of length 1."""
        learned, share = self.projection(values)
        known = functional.normalize(values[:, -self._known :], dim=-1)
        return torch.cat([learned * (1 - share).sqrt(), known * share.sqrt()], dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, features) of the tower to (n, dim) embeddings of length 1."""
        return self.join(self.read(features))


class GatedHeads(nn.Module):
    """Both heads.

    Args:
        widths: of all parts.
        dropout: of the image head and of the text head, while training.
        logit_scale: logarithm of the inverse softmax temperature, learned as in CLIP.
    """

    def __init__(
        self,
        widths: Widths,
        *,
        dropout: tuple[float, float] = (0.0, 0.0),
        logit_scale: float = math.log(1 / 0.07),
    ) -> None:
        super().__init__()
        self.widths = widths

        def projection(width: int, share: float) -> GatedProjection:
            return GatedProjection(width + widths.posterior, widths.learned, widths.hidden, dropout=share)

        self.image = GatedHead(ImageInput(widths), projection(widths.reduced, dropout[0]), widths.posterior)
        self.text = GatedHead(TextInput(widths), projection(widths.texts, dropout[1]), widths.posterior)
        self.logit_scale = nn.Parameter(torch.tensor(float(logit_scale)))

    @property
    def image_input(self) -> ImageInput:
        """What the image head reads."""
        return cast(ImageInput, self.image.read)

    @property
    def text_input(self) -> TextInput:
        """What the text head reads."""
        return cast(TextInput, self.text.read)

    def embed_images(self, features: Tensor) -> Tensor:
        """Map (n, features) of the image tower to (n, dim) embeddings of length 1."""
        embeddings: Tensor = self.image(features)
        return embeddings

    def embed_texts(self, features: Tensor) -> Tensor:
        """Map (n, texts) features of the text tower to (n, dim) embeddings of length 1."""
        embeddings: Tensor = self.text(features)
        return embeddings

    def save(self, path: Path) -> None:
        """Write the heads to a safetensors file, in half precision, without the packaged classifier."""
        save_file({name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read heads that ``save`` wrote, in float32 and evaluation mode; the classifier is still to be set.

        Raises:
            OSError, SafetensorError: the file cannot be read.
            KeyError, RuntimeError: it does not hold such heads.
        """
        state = {name: tensor.float() for name, tensor in load_file(path).items()}
        reduced, features = state["image.read.components.weight"].shape
        hidden, texts = state["text.read.hidden.weight"].shape
        learned, known = len(state["image.projection.linear.bias"]), state["image.read.names"].shape[1]
        heads = cls(
            Widths(
                features=features,
                reduced=reduced,
                texts=texts,
                learned=learned,
                posterior=known,
                hidden=hidden,
            )
        )
        heads.load_state_dict(state)
        return heads.eval()
