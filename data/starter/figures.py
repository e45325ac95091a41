"""The figures by which heads are chosen, from cached features of the development sets."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import corpus
import metrics
import names
import packs
import torch
from texts import Texts
from torch import Tensor

from indexer.encoders.starter.gated_heads import GatedHeads


@torch.inference_mode()
def measure(data: Path, cache: Path, texts: Texts, heads: GatedHeads) -> dict[str, float]:
    """Measure everything on the development sets, in percent.

    Args:
        data: folder of the Parquet files.
        cache: features of ``features.py``.
        texts: features of texts; new ones are encoded.
        heads: what is measured.
    """

    def embed(some: list[str]) -> Tensor:
        numbers = texts.numbers(some)
        texts.encode()
        return heads.embed_texts(texts.take(numbers))

    def pictures(name: str) -> Tensor:
        features = corpus.features_of(cache, name)
        assert features is not None
        return torch.from_numpy(features.copy()).float()

    clothing = packs.read(data, "clothing-train")
    held = torch.tensor([packs.is_held_out(row.file) for row in clothing])
    fashion = packs.read(data, "fashion-dev")
    flickr = pictures("flickr8k-dev")
    dev = metrics.Dev(
        flickr=heads.embed_images(flickr),
        fashion=heads.embed_images(pictures("fashion-dev")),
        clothing=heads.embed_images(pictures("clothing-train")[held]),
        captions=[list(row.captions) for row in packs.read(data, "flickr8k-dev")],
        teacher=heads.image_input.logits(flickr).argmax(dim=1),
        titles=[row.captions[0] for row in fashion],
        articles=[row.label for row in fashion],
        labels=[row.label for row, out in zip(clothing, held.tolist(), strict=True) if out],
    )
    broad = packs.read(data, "broad/dev")
    return metrics.figures(embed, dev) | broad_figures(
        embed, heads.embed_images(pictures("broad/dev")), broad
    )


def broad_figures(embed: metrics.Embed, images: Tensor, rows: list[packs.Row]) -> dict[str, float]:
    """Measure labels among all labels of the broad development set, as a whole, by source and by group."""
    labels = sorted({row.label for row in rows if row.label})
    place = {label: number for number, label in enumerate(labels)}
    labelled = torch.tensor([bool(row.label) for row in rows])
    answers = torch.tensor([place[row.label] for row in rows if row.label])
    best = (images[labelled] @ embed(labels).T).topk(5, dim=1).indices
    top1, top5 = best[:, 0] == answers, (best == answers[:, None]).any(dim=1)
    of: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(row for row in rows if row.label):
        of["all"].append(number)
        of[f"group {packs.group_of(row.source)}"].append(number)
        of[row.source].append(number)
    measured = {}
    for name, numbers in of.items():
        measured[f"broad {name} top-1"] = round(100 * float(top1[numbers].float().mean()), 1)
        measured[f"broad {name} top-5"] = round(100 * float(top5[numbers].float().mean()), 1)
    queries = embed(labels)
    measured["broad precision at 10"] = round(_precision(queries, images[labelled], answers), 1)
    return measured


def _precision(queries: Tensor, images: Tensor, answers: Tensor, least: int = 5) -> float:
    """Give the mean share, in percent, of the first 10 hits, or all there are, that answer."""
    shares = []
    for number, query in enumerate(queries):
        count = int((answers == number).sum())
        if count >= least:
            k = min(10, count)
            first = (images @ query).topk(k).indices
            shares.append(float((answers[first] == number).float().mean()))
    return 100 * sum(shares) / max(len(shares), 1)


def names_of_classes() -> list[str]:
    """Give the curated names of the 1,000 classes."""
    return [group[0] for group in names.imagenet_names()]
