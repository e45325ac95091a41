"""CLIP's text tower for no more tokens than a text has.

Importing this module imports torch.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.model import CLIP
from open_clip.transformer import TextTransformer, text_global_pool


class CausalTextTower(torch.nn.Module):
    """The text tower of a model, for texts filled up to the longest of them and not to the whole context.

    No token of a causal transformer sees a later one, and the embedding is read at the end mark (Radford et
    al. 2021, section 2.4), so that whatever fills a text up behind it changes nothing but the time it takes.

    Args:
        model: one that ``fits``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.text, self._pool, self._end = _told(model)

    @staticmethod
    def fits(model: Any) -> bool:
        """Say whether a model of open_clip reads texts that way."""
        text, pool, _ = _told(model)
        known = isinstance(text, CLIP | TextTransformer) and getattr(text, "cls_emb", None) is None
        return known and text.attn_mask is not None and pool in ("argmax", "eos")

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embed tokens (n, width), width at most the context; (n, dim), of any length."""
        text, width = self.text, tokens.shape[1]
        rows = text.token_embedding(tokens) + text.positional_embedding[:width]
        rows = text.ln_final(text.transformer(rows, attn_mask=text.attn_mask[:width, :width]))
        pooled: torch.Tensor = text_global_pool(rows, tokens, self._pool, eos_token_id=self._end)
        projection = text.text_projection
        if isinstance(projection, torch.nn.Module):
            pooled = projection(pooled)
        elif projection is not None:
            pooled = pooled @ projection
        return pooled


def _told(model: Any) -> tuple[Any, str | None, int | None]:
    """Find what reads texts in a model, where it reads the embedding off, and its end mark."""
    if isinstance(model, CLIP):
        return model, model.text_pool_type, getattr(model, "text_eos_id", None)
    text = getattr(model, "text", None)
    return text, getattr(text, "pool_type", None), getattr(text, "eos_id", None)
