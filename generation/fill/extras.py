"""What a picture was conditioned on, small and exact enough to make the same picture again.

The items it came from may change or go, and a query may be embedded otherwise by a later encoder. So the
embeddings themselves are kept, in half precision, and it is these rounded ones that the generator reads in
the first place: what is kept is exactly what was used. Of pictures, the name and a checksum are kept.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from indexer import Embeddings

CONDITION = "fill_condition"
"""Name, among the extras of a generated item, of its embeddings: base64 of little-endian float16."""

START, START_SHA256 = "fill_start", "fill_start_sha256"
"""Names of what the start picture was (``item 12`` or a file) and of its checksum."""

STYLES = "fill_styles_sha256"
"""Name of the checksum over all style pictures."""

PROBABILITY = "fill_probability"
"""Name of the calibrated probability that the picture answers the query that it was made for."""

Extra = str | int | float | bool | None


def rounded(rows: Embeddings) -> Embeddings:
    """Round embeddings to what is kept of them, as float32."""
    kept: Embeddings = rows.astype("<f2").astype(np.float32)
    return kept


def packed(embedding: Embeddings, neighbours: Embeddings | None) -> str:
    """Write a query's embedding (dim,) and its neighbours' (m, dim) as one text of 8/3 bytes a number."""
    rows = embedding[None] if neighbours is None else np.concatenate([embedding[None], neighbours])
    return base64.b64encode(rows.astype("<f2").tobytes()).decode("ascii")


def unpacked(text: str, dim: int) -> tuple[Embeddings, Embeddings | None]:
    """Read what ``packed`` wrote: the embedding (dim,) and the neighbours (m, dim), None if there were none.

    Raises:
        ValueError: it is something else, or of another width.
    """
    flat = np.frombuffer(base64.b64decode(text, validate=True), "<f2")
    if not len(flat) or len(flat) % dim:
        raise ValueError(f"{len(flat)} numbers are no embeddings of {dim}")
    rows = flat.reshape(-1, dim).astype(np.float32)
    return rows[0], rows[1:] if len(rows) > 1 else None


def checksum(*images: Image.Image) -> str:
    """Give the SHA-256 over the pixels and sizes of pictures."""
    digest = hashlib.sha256()
    for image in images:
        rgb = image.convert("RGB")
        digest.update(f"{rgb.width}x{rgb.height};".encode())
        digest.update(rgb.tobytes())
    return digest.hexdigest()


def public_extras(extras: Mapping[str, Extra]) -> dict[str, Extra]:
    """Give what may stand in a picture's file: without the embeddings, which are long, and without paths."""
    return {name: value for name, value in extras.items() if name not in (CONDITION, START)}


def own_extras(extras: Mapping[str, Extra]) -> dict[str, Extra]:
    """Give a generator's own extras, without what was added here."""
    return {name: value for name, value in extras.items() if not name.startswith("fill_")}
