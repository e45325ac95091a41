"""All pictures of the training as rows: where each comes from, what it is called, and what is said of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import names
import pyarrow.parquet as pq

PACKS = ("things", "food", "shops", "home", "objects", "misc", "textbooks", "stamps", "drawn", "tinyimagenet")
SETS = ("flickr8k-train", "clothing-train", "fashion-train", *(f"broad/{pack}" for pack in PACKS))
"""Files of the data folder that are trained on, without ``.parquet``."""

NON_COMMERCIAL = ("ikea", "tiny-imagenet", "flickr8k", "openstax")
"""Beginnings of the sources whose terms say "non-commercial" or "research"."""

# Sources that are left out of training together, so that a verdict is judged, and fitted, on pictures of
# domains that the encoder never saw.
GROUPS: dict[str, tuple[str, ...]] = {
    "objects": ("caltech101", "dreambooth", "google/dreambooth", "weather5", "jcalz23"),
    "animals": ("tiny-imagenet", "pacs", "animal-face-off", "jetson-inference"),
    "home": ("ikea", "houses", "sweethome3d", "trashnet", "HandikaSetya70", "umarovdoniyor"),
    "clothes and food": ("fashion", "clothing", "ffml", "fruitveg", "LukeSmithxyz", "psyrille", "phudt2003"),
    "words": (
        "fluent-emoji",
        "openclipart",
        "tuxpaint",
        "gcompris",
        "lifenjoy51",
        "leeminfon",
        "saifulio",
        "things:",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One picture.

    Attributes:
        file: what it is called in its set.
        source: the collection that it comes from; packs of many small ones name the pack first
            ("things:...").
        domain: what kind of pictures those are.
        label: what it shows, in lower case; empty if nobody says.
        names: further names of the label.
        captions: what is said of this picture alone.
    """

    file: str
    source: str
    domain: str
    label: str
    names: tuple[str, ...]
    captions: tuple[str, ...]


def read(data: Path, name: str) -> list[Row]:
    """Read the rows of a set, in the order of its file, without the pictures.

    Args:
        data: folder of the Parquet files.
        name: of a set: one of ``SETS``, or a development set.
    """
    if name.startswith("flickr8k"):
        return [_scene(row) for row in _table(data, name, "file", "captions")]
    if name.startswith("fashion"):
        columns = ("id", "gender", "articleType", "baseColour", "usage", "title")
        return [_product(row) for row in _table(data, name, *columns)]
    if name.startswith("clothing"):
        return [_clothes(row) for row in _table(data, name, "file", "label")]
    pack = name.removeprefix("broad/")
    prefix = "things:" if pack == "things" else ""
    columns = ("file", "captions", "label", "domain", "source")
    return [_broad(row, prefix) for row in _table(data, name, *columns)]


def group_of(source: str) -> str | None:
    """Tell with which sources this one is left out; None for those that never are."""
    return next((group for group, starts in GROUPS.items() if source.startswith(starts)), None)


def is_held_out(file: str) -> bool:
    """Say whether a picture of the clothing set is in the fifth that is not trained on."""
    return hashlib.sha256(file.encode()).digest()[0] % 5 == 0


def _table(data: Path, name: str, *columns: str) -> list[dict]:
    rows: list[dict] = pq.read_table(data / f"{name}.parquet", columns=list(columns)).to_pylist()
    return rows


def _scene(row: dict) -> Row:
    captions = tuple(row["captions"])
    return Row(file=row["file"], source="flickr8k", domain="scenes", label="", names=(), captions=captions)


def _product(row: dict) -> Row:
    called = names.article_names(row["articleType"])
    said = (row["title"],) * 6 + tuple(names.product_sentences(row))  # the title counts as much as the rest
    return Row(
        file=str(row["id"]),
        source="fashion",
        domain="fashion",
        label=row["articleType"].lower(),
        names=tuple(dict.fromkeys(name.lower() for name in called)),
        captions=said,
    )


def _clothes(row: dict) -> Row:
    label = row["label"].lower()
    called = names.CLOTHES[row["label"]]
    return Row(file=row["file"], source="clothing", domain="clothes", label=label, names=called, captions=())


def _broad(row: dict, prefix: str) -> Row:
    label = (row["label"] or "").strip()
    templated = f"a photo of {label}".lower()
    said = [text for text in row["captions"] or () if text.lower() not in (templated, f"a {label}".lower())]
    return Row(
        file=row["file"],
        source=prefix + row["source"],
        domain=row["domain"],
        label=label.lower(),
        names=(),
        captions=tuple(_short(said)),
    )


def _short(texts: Sequence[str], longest: int = 240) -> list[str]:
    """Cut captions at a word; what stands behind describes the context more than the picture."""
    return [text if len(text) <= longest else text[:longest].rsplit(" ", 1)[0] for text in texts]
