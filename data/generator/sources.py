"""The pictures that the starter generator learns from: what they show, and on what terms they came."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "starter"))
from names import CLOTHES, article_names, product_sentences, sentence

FASHION, LARGE = "fashion-train", "fashion-large"
SHARES = {"fashion": 0.45, "goods": 0.38, "small": 0.12, "scenes": 0.05}
"""How often a picture of each group is drawn in training."""

_GROUPS = {
    FASHION: "fashion",
    "clothing-train": "fashion",
    "broad/objects": "goods",
    "broad/home": "goods",
    "broad/food": "goods",
    "broad/things": "goods",
    "broad/shops": "goods",
    "broad/misc": "goods",
    "broad/tinyimagenet": "small",
    "flickr8k-train": "scenes",
    "broad/textbooks": "scenes",
}
PACKS = tuple(_GROUPS)

# Stated as non-commercial or for research where they came from; see MODEL_CARD.md.
_NON_COMMERCIAL_PACKS = ("flickr8k-train", "broad/tinyimagenet")
_NON_COMMERCIAL_SOURCES = ("ikea",)
_COMMERCIAL_TEXTBOOKS = (
    "google/dreambooth",
    "jcalz23/lora-stable-diffusion-houses",
    "openstax/osbooks-college-success-bundle",
    "openstax/osbooks-introduction-anthropology",
    "openstax/osbooks-introduction-business",
    "openstax/osbooks-life-liberty-and-pursuit-happiness",
    "openstax/osbooks-physics",
)
DRAWN_DOMAINS = ("art", "vocabulary", "emoji")  # paintings and word cards: other pictures than a shop's
_TEMPLATES = ("{}", "{a}", "a photo of {a}")
_PRODUCT_SHAPE = (168, 224)  # what the large product photos were before they were squashed to a square


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A picture to learn from, and what is known of it.

    Attributes:
        pack: its file, without ``.parquet``.
        row: in that file.
        name: of it, the same in every run.
        group: one of ``SHARES``.
        kind: what it shows, in lower case; empty where no label says so.
        colour: in lower case; empty where it is not known.
        phrases: what can be said of it.
        source: where it came from.
        commercial: False if its terms are non-commercial or for research.
        image: the file's bytes.
        shape: width and height to stretch it to first; None to leave it as it is.
    """

    pack: str
    row: int
    name: str
    group: str
    kind: str
    colour: str
    phrases: tuple[str, ...]
    source: str
    commercial: bool
    image: bytes
    shape: tuple[int, int] | None = None

    def open(self) -> Image.Image:
        """Decode the picture, with its true proportions where they are known."""
        picture = decode(self.image)
        return picture if self.shape is None else picture.resize(self.shape, Image.Resampling.LANCZOS)


def decode(image: bytes) -> Image.Image:
    """Decode a picture as RGB."""
    return Image.open(io.BytesIO(image)).convert("RGB")


def read_sources(data: Path) -> Iterator[Source]:
    """Read all packs, one after the other.

    Args:
        data: folder with the packs; see ``PACKS``.
    """
    for pack in PACKS:
        rows = pq.read_table(data / f"{pack}.parquet").to_pylist()
        if pack == FASHION:
            yield from _products(rows, pq.read_table(data / f"{LARGE}.parquet").to_pylist())
            continue
        for number, row in enumerate(rows):
            if row.get("domain") not in DRAWN_DOMAINS:
                yield _thing(pack, number, row)


def _products(rows: list[dict[str, Any]], large: list[dict[str, Any]]) -> Iterator[Source]:
    """Give each product once, at the larger size where there is one."""
    sharp = {str(row["id"]): row["image"] for row in large}
    for number, row in enumerate(rows):
        article = row["articleType"]
        shape = _PRODUCT_SHAPE if row["id"] in sharp else None
        yield Source(
            pack=FASHION,
            row=number,
            name=f"fashion/{row['id']}",
            group=_GROUPS[FASHION],
            kind=article_names(article)[-1],
            colour="" if row["baseColour"] == "NA" else row["baseColour"].lower(),
            phrases=tuple(dict.fromkeys([*product_sentences(row), *article_names(article), row["title"]])),
            source="fashion",
            commercial=True,
            image=sharp.get(row["id"], row["image"]),
            shape=shape,
        )


def _thing(pack: str, number: int, row: dict[str, Any]) -> Source:
    source = row.get("source") or pack
    kind = (row.get("label") or "").strip().lower()
    names = CLOTHES.get(kind, (kind,)) if kind else ()
    said = [sentence(template, name) for name in names for template in _TEMPLATES]
    said += [caption.strip() for caption in row.get("captions") or () if caption.strip()]
    kept_out = pack in _NON_COMMERCIAL_PACKS or source in _NON_COMMERCIAL_SOURCES
    if pack == "broad/textbooks" and source not in _COMMERCIAL_TEXTBOOKS:
        kept_out = True
    return Source(
        pack=pack,
        row=number,
        name=f"{pack}/{row['file']}",
        group=_GROUPS[pack],
        kind=kind,
        colour="",
        phrases=tuple(dict.fromkeys(said)),
        source=source,
        commercial=not kept_out,
        image=row["image"],
    )
