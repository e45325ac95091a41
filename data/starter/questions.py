"""All other ways to ask than by names of things: titles, captions, pictures, and pictures with words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import packs
from embedded import Embedded
from sought import Captioned, Labelled, by_both, by_name, by_picture, by_title, captions_of, scenes

from indexer import Embeddings, Kind
from search.verdict.calibration import QueryKind
from search.verdict.leave_one_out import Observation, Sought, observe
from search.verdict.signals import Bank


def other_observations(data: Path, embedded: Embedded, bank: Bank, seed: int = 100) -> list[Observation]:
    """Observe questions over development pictures, which the encoder never saw, and over their texts."""
    fashion, flickr, clothes = products(data, embedded), captioned(data, embedded), clothing(data, embedded)
    assert fashion.titles is not None
    captions = flickr.captions.reshape(-1, flickr.captions.shape[-1])
    plan: list[tuple[Kind, Embeddings, list[Sought]]] = [
        ("image", fashion.images, list(by_title(fashion, 500))),
        ("image", fashion.images, [*by_picture(fashion, 900), *by_both(fashion, 900)]),
        ("text", fashion.titles, [*by_name(fashion, 2, 8), *by_title(fashion, 500)]),
        ("text", fashion.titles, [*by_picture(fashion, 600), *by_both(fashion, 600)]),
        ("image", clothes.images, list(by_picture(clothes, 300))),
    ]
    asked: QueryKind
    for asked in ("text", "image", "mixed"):
        plan.append(("image", flickr.images, list(scenes(flickr, 500, asked))))
        plan.append(("text", captions, list(captions_of(flickr, 300, asked))))
    return [
        one
        for number, (kind, rows, sought) in enumerate(plan)
        for one in observe(bank, kind, rows, sought, seed=seed + number)
    ]


def products(data: Path, embedded: Embedded) -> Labelled:
    """Give the product photos of the development set."""
    rows = packs.read(data, "fashion-dev")
    labels = np.array([row.label for row in rows])
    colours = np.array([_colour(row) for row in rows])
    called = {row.label: row.names for row in rows}
    pairs = sorted({(c, a) for c, a in zip(colours.tolist(), labels.tolist(), strict=True) if c})
    coloured = embedded.asked([f"{colour} {called[label][-1]}".lower() for colour, label in pairs])
    return Labelled(
        images=embedded.images("fashion-dev"),
        titles=embedded.texts([row.captions[0] for row in rows]),
        labels=labels,
        colours=colours,
        names={
            label: embedded.asked(list(dict.fromkeys(n.lower() for n in group)))
            for label, group in called.items()
        },
        coloured=dict(zip(pairs, coloured, strict=True)),
    )


def _colour(row: packs.Row) -> str:
    """Read the colour of a product from the sentence "red shirt"."""
    name = row.names[-1]
    sentence = row.captions[7]
    return sentence.removesuffix(name).strip() if sentence.endswith(name) else ""


def clothing(data: Path, embedded: Embedded) -> Labelled:
    """Give the photos of clothes of the fifth that is held out."""
    rows = packs.read(data, "clothing-train")
    held = [number for number, row in enumerate(rows) if packs.is_held_out(row.file)]
    return Labelled(
        images=embedded.images("clothing-train")[held],
        titles=None,
        labels=np.array([rows[number].label for number in held]),
        colours=None,
        names={},
        coloured={},
    )


def captioned(data: Path, embedded: Embedded) -> Captioned:
    """Give the captioned photos of the development set."""
    flat = [caption for row in packs.read(data, "flickr8k-dev") for caption in row.captions]
    rows, meanings = embedded.texts(flat), embedded.meanings(flat)
    return Captioned(
        images=embedded.images("flickr8k-dev"),
        captions=rows.reshape(-1, 5, rows.shape[1]),
        meanings=meanings.reshape(-1, 5, meanings.shape[1]),
    )
