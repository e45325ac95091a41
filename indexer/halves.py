"""Embeddings as PostgreSQL reads and sends them."""

from __future__ import annotations

import numpy as np

_HEADER = 4  # bytes: the width, and two that are unused


def text_of_halves(vector: bytes | None) -> str | None:
    """Write little-endian float16 as pgvector reads it; every number comes back as it is."""
    if vector is None:
        return None
    return str(np.frombuffer(vector, "<f2").astype(np.float64).tolist())


def halves_of_sent(sent: bytes | None) -> bytes | None:
    """Turn what ``halfvec_send`` gives, big-endian float16 after a header, into little-endian float16."""
    return None if sent is None else np.frombuffer(sent, ">f2", offset=_HEADER).astype("<f2").tobytes()
