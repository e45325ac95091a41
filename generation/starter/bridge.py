"""From what is asked to the picture that is to be expected: one linear map between embeddings.

Texts and pictures lie apart in an encoder's space (Liang et al. 2022, the modality gap), and a short text is
true of many pictures. A denoiser that must find both out for itself needs long training. So the query's
embedding is first moved to the mean of the embeddings of the pictures that it is true of, as unCLIP's prior
does (Ramesh et al. 2022), here by ridge regression, in seconds.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor
from torch.nn import functional

from indexer import Embeddings

_RIDGE = 1e-5  # of the number of pairs; embeddings have length 1


class ConditionBridge(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps queries to expected pictures; before it is fitted, to themselves.

    Args:
        dim: width of the embeddings.
    """

    change: Tensor
    shift: Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.register_buffer("change", torch.zeros(dim, dim))
        self.register_buffer("shift", torch.zeros(dim))

    def fit(self, asked: Embeddings, pictures: Embeddings) -> None:
        """Learn from pairs.

        What is learned is the change: along directions that no pair shows, a query stays what it is. So a
        collection without texts leaves those of queries as they are.

        Args:
            asked: (n, dim) float32 unit rows, what is told of pictures.
            pictures: (n, dim) float32 unit rows, those pictures.
        """
        rows = np.column_stack([asked, np.ones(len(asked))]).astype(np.float64)
        change = (pictures - asked).astype(np.float64)
        weighed = rows.T @ rows + np.eye(rows.shape[1]) * (_RIDGE * len(rows))
        solved = torch.from_numpy(np.linalg.solve(weighed, rows.T @ change))
        self.change.copy_(solved[:-1])
        self.shift.copy_(solved[-1])

    def forward(self, queries: Tensor) -> Tensor:
        """Map (..., dim) queries to unit vectors (..., dim)."""
        return functional.normalize(queries + queries @ self.change + self.shift, dim=-1)
