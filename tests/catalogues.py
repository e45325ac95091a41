"""Collections whose items are drawn, not indexed: any attributes, tags and embeddings."""

from datetime import UTC, datetime

import numpy as np

from indexer import Collection, Generated, Imported
from indexer.storage.drafts import Draft
from tests.colour_encoder import DIM, ColourEncoder
from tests.strategies import unit_rows

IMPORTED = Imported(source="/photos", at=datetime(2026, 1, 2, tzinfo=UTC))
GENERATED = Generated(
    prompt="a red shoe",
    negative_prompt="",
    model="m",
    seed=1,
    scheduler="ddim",
    steps=1,
    guidance=1.0,
    parents=(),
    for_query="red shoe",
    verdict="match",
    at=datetime(2026, 1, 2, tzinfo=UTC),
)


def draft(number, attributes, **values):
    """One new item with a picture and, every third, a text too; every fifth has a text alone."""
    rows = unit_rows(2, DIM, number)
    kinds = ("text",) if number % 5 == 4 else ("image", "text") if number % 3 == 0 else ("image",)
    defaults = {
        "id": None,
        "key": f"/photos/2023/{number:05}.png",
        "path": f"/photos/2023/{number:05}.png",
        "fingerprint": str(number),
        "title": ["Nike shoe", "", "New Balance", "Élan"][number % 4],
        "text": "a red note" if "text" in kinds else "",
        "width": 640 if "image" in kinds else 0,
        "height": number if "image" in kinds else 0,
        "image_sha256": None,
        "text_sha256": None,
        "provenance": GENERATED if number % 7 == 6 else IMPORTED,
        "embeddings": dict(zip(kinds, rows, strict=False)),
    }
    return Draft(attributes=attributes, **(defaults | values))


def catalogue(folder, attributes):
    """Make a collection of one item for each dict of attributes; what was generated is promoted."""
    made = Collection.create(folder, ColourEncoder())
    drafts = [draft(number, values) for number, values in enumerate(attributes)]
    for start in range(0, len(drafts), 1_000):
        made.store.promote(made.store.write(drafts[start : start + 1_000]))
    return made


def all_items(collection):
    ids = np.sort(np.concatenate([collection.store.embeddings(kind)[0] for kind in ("image", "text")]))
    return collection.store.items(np.unique(ids).tolist())
