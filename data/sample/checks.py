"""What all parts of the recipe need: one kind of trouble, and checksums."""

from __future__ import annotations

import hashlib


class Trouble(Exception):
    """Something that a person should read; the recipe goes on without that part, or ends."""


def sha256(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
