"""A large collection of the starter, and the page over it: what both measurements of the page need."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the browser's helpers stand with the tests

from indexer import Collection, Imported, load_encoder  # noqa: E402
from indexer.storage.drafts import Draft  # noqa: E402
from tests.browser import ARGUMENTS, find_browser, serving  # noqa: E402

_DIFFERENT = 64  # thumbnails; all are of the size of real ones


def fill(folder: Path, count: int) -> None:
    """Write items whose embeddings lie around those of real words, each with a picture of some 10 KB."""
    encoder = load_encoder("starter")
    collection = Collection.create(folder, encoder)
    rng = np.random.default_rng(0)
    words = [f"a {colour} {thing}" for colour in ("red", "blue", "old", "small") for thing in _THINGS]
    centres = encoder.encode_texts(words)
    provenance = Imported(source="/photos", at=datetime.now(UTC))
    thumbnails = [_thumbnail(rng) for _ in range(_DIFFERENT)]
    for start in range(0, count, 1000):
        drafts = []
        for i in range(start, min(start + 1000, count)):
            row = centres[i % len(words)] + rng.normal(scale=0.03, size=centres.shape[1]).astype(np.float32)
            drafts.append(
                Draft(
                    id=None,
                    key=f"/photos/{i:07}.jpg",
                    path=f"/photos/{i:07}.jpg",
                    fingerprint=str(i),
                    title=f"{words[i % len(words)]} {i}",
                    text="",
                    width=640,
                    height=480,
                    attributes={"price": i % 100, "brand": f"brand {i % 7}"},
                    image_sha256=f"i{i}",
                    text_sha256=None,
                    provenance=provenance,
                    embeddings={"image": row / np.linalg.norm(row)},
                    thumbnail=thumbnails[i % _DIFFERENT],
                )
            )
        collection.store.write(drafts)
    collection.save_indexes()
    collection.close()


_THINGS = (
    *("shoe", "sofa", "lamp", "plant", "cup", "chair", "camera", "dress"),
    *("bag", "car", "dog", "table", "bicycle", "hat", "clock", "house"),
)


def _thumbnail(rng: np.random.Generator) -> bytes:
    small = Image.fromarray(rng.integers(0, 255, (40, 54, 3), dtype=np.uint8))
    buffer = BytesIO()
    small.resize((320, 240), Image.Resampling.BICUBIC).save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def log_of(folder: Path) -> Path:
    """Give the file that takes the server's output."""
    return folder / "serve.log"


@contextmanager
def page_over(count: int) -> Iterator[tuple[Any, str]]:
    """Serve a collection of so many items; give a browser's window and the page's address."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        fill(folder / "collection", count)
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        with serving(folder / "collection", log_of(folder)) as url:
            window = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
            window.set_default_timeout(120_000)
            yield window, url
        browser.close()
