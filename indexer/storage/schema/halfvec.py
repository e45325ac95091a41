"""Embeddings as PostgreSQL reads and sends them."""

from __future__ import annotations

import numpy as np

_HEADER = 4  # bytes: the width, and two that are unused


class ToSend(bytes):
    """A vector as the server takes it in binary; the driver tells it by its type from other bytes."""


def to_send(vector: bytes | None) -> ToSend | None:
    """Turn little-endian float16 into what ``halfvec_recv`` takes: a hundredth of the time of text."""
    if vector is None:
        return None
    numbers = np.frombuffer(vector, "<f2")
    return ToSend(len(numbers).to_bytes(2, "big") + bytes(2) + numbers.astype(">f2").tobytes())


def halves_of_sent(sent: bytes | None) -> bytes | None:
    """Turn what ``halfvec_send`` gives, big-endian float16 after a header, into little-endian float16."""
    return None if sent is None else np.frombuffer(sent, ">f2", offset=_HEADER).astype("<f2").tobytes()
