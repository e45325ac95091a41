"""Pictures that nobody took: features as pictures of each class would have them."""

from __future__ import annotations

import torch
from torch import Tensor

from indexer.adapt import class_directions
from indexer.encoders.starter.gated_heads import CLASS_FEATURES, ImageInput


class Imagined:
    """Real features, pushed along a class's direction until the classifier sees the class.

    Args:
        classifier: knows the classes.
        real: (n, width) float32 features of any pictures, which give mean, covariance and noise.
    """

    def __init__(self, classifier: ImageInput, real: Tensor) -> None:
        self._classifier = classifier
        self._real = real
        self._mean = real.mean(dim=0)
        self._directions = class_directions(classifier.weight, real)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count, width) features of random classes, from barely to clearly recognisable."""
        labels = torch.randint(1000, (count,), generator=generator)
        rows = torch.randint(len(self._real), (count,), generator=generator)
        noise = torch.rand(count, 1, generator=generator)
        base = torch.lerp(self._mean, self._real[rows], noise)
        logits = self._classifier.logits(base)
        best = logits.max(dim=1).values
        own = logits.gather(1, labels[:, None])[:, 0]
        margin = 8 * torch.rand(count, generator=generator)
        step = (best - own + margin).clamp(min=0)
        features = base + step[:, None] * self._directions[labels]
        features[:, :CLASS_FEATURES].clamp_(
            min=0
        )  # the pooled features come after a rectifier, the others do not
        return features
