"""The models that a new collection may be made for, with figures that say where they come from."""

from __future__ import annotations

from typing import Any

from ...services.models import models

STARTER = "starter"
MEASURED = {"flickr8k_r1": 28.0, "flickr8k_r10": 70.7, "pictures": 1_000}
"""Of the starter, text to picture, in per cent; measured here, see data/starter/MODEL_CARD.md."""


def rows() -> list[dict[str, Any]]:
    """List the models: those that work here without a download first, each group in the zoo's order.

    A figure that nobody has published is None.
    """
    found = [
        {
            "name": model["name"],
            "available": model["available"],
            "size_mb": model["size_mb"],
            "languages": model["languages"],
            "licence": model["licence"],
            "imagenet": model["imagenet_top1"],
            "flickr30k": model["flickr30k_r1"],
            "coco": model["coco_r1"],
        }
        for model in models()
    ]
    return sorted(found, key=lambda row: not row["available"])
