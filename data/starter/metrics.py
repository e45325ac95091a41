"""The figures by which heads are chosen, from embeddings of the development sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import names
import numpy as np
import torch
from torch import Tensor

Embed = Callable[[list[str]], Tensor]
"""Gives (n, dim) embeddings of texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dev:
    """What is measured: (n, dim) embeddings of pictures, and what is known of them.

    Attributes:
        flickr, fashion, clothing: embeddings of the pictures.
        captions: five texts for each Flickr8k picture.
        teacher: the packaged classifier's (n,) classes of the Flickr8k pictures.
        titles, articles: of the products.
        labels: of the clothes.
    """

    flickr: Tensor
    fashion: Tensor
    clothing: Tensor
    captions: list[list[str]]
    teacher: Tensor
    titles: list[str]
    articles: list[str]
    labels: list[str]


def recall(texts: Tensor, images: Tensor, answers: Tensor, k: int) -> float:
    """Give the share, in percent, of texts whose picture is among the first k."""
    best = (texts @ images.T).topk(k, dim=1).indices
    return 100 * float((best == answers[:, None]).any(dim=1).float().mean())


def accuracy(images: Tensor, classes: Tensor, labels: Tensor, k: int = 1) -> float:
    """Give the share, in percent, of pictures whose label is among the first k classes."""
    return recall(images, classes, labels, k)


def caption_figures(embed: Embed, dev: Dev) -> dict[str, float]:
    """Measure text to image on Flickr8k, both ways."""
    texts = embed([caption for five in dev.captions for caption in five])
    answers = torch.arange(len(dev.captions)).repeat_interleave(5)
    back = (dev.flickr @ texts.T).argmax(dim=1) // 5
    return {
        "flickr8k R@1": recall(texts, dev.flickr, answers, 1),
        "flickr8k R@10": recall(texts, dev.flickr, answers, 10),
        "flickr8k image->text R@1": 100 * float((back == torch.arange(len(back))).float().mean()),
    }


def imagenet_figures(embed: Embed, dev: Dev) -> dict[str, float]:
    """Measure agreement with the packaged classifier, under several ways to name the classes."""
    curated = [group[0] for group in names.imagenet_names()]
    lemma = [gloss.split(":")[0].split(", ")[0] for gloss in names.imagenet_glosses()]
    ways = {
        "bare": curated,
        "a photo of a": [names.sentence("a photo of {a}", name) for name in curated],
        "unseen template": [names.sentence("this snapshot shows {a}", name) for name in curated],
        "first lemma": lemma,
    }
    return {
        f"imagenet, {way}": accuracy(dev.flickr, embed(texts), dev.teacher) for way, texts in ways.items()
    }


def product_figures(embed: Embed, dev: Dev) -> dict[str, float]:
    """Measure products by title, article types and clothes by name, and neighbours of one type."""
    types = sorted(set(dev.articles))
    labels = torch.tensor([types.index(article) for article in dev.articles])
    plain = embed([kind.lower() for kind in types])
    photo = embed([f"a photo of {kind.lower()}" for kind in types])
    clothes = list(names.CLOTHES)
    worn = torch.tensor([clothes.index(label) for label in dev.labels])
    near = (dev.fashion @ dev.fashion.T - 2 * torch.eye(len(dev.fashion))).topk(5, dim=1).indices
    own = torch.arange(len(dev.titles))
    return {
        "fashion R@10": recall(embed(dev.titles), dev.fashion, own, 10),
        "articles top-1": accuracy(dev.fashion, plain, labels),
        "articles top-5": accuracy(dev.fashion, plain, labels, 5),
        "articles top-1, a photo of": accuracy(dev.fashion, photo, labels),
        "articles, neighbours": 100 * float((labels[near] == labels[:, None]).float().mean()),
        "clothing top-1": accuracy(dev.clothing, embed(clothes), worn),
        "clothing top-1, a photo of a": accuracy(
            dev.clothing, embed([f"a photo of a {name}" for name in clothes]), worn
        ),
    }


def figures(embed: Embed, dev: Dev) -> dict[str, float]:
    """Measure everything, in percent."""
    with torch.inference_mode():
        found = caption_figures(embed, dev) | imagenet_figures(embed, dev) | product_figures(embed, dev)
    return {name: float(np.round(value, 1)) for name, value in found.items()}
