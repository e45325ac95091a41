"""Train the starter's projection heads on cached features.

    python data/starter/train.py DATA CACHE heads.safetensors --steps 1500

Wants the files of ``features.py`` in CACHE. Prints the figures of the development sets at the end.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import corpus
import metrics
import names
import pyarrow.parquet as pq
import torch
from objectives import Captions, Crossed, Distilled, Imagined, Labelled, Related, Teacher
from torch import Tensor

from indexer.adapt import Plan, Progress, Term, fit
from indexer.encoders.starter import weights as starter_weights
from indexer.encoders.starter.heads import Heads, ProjectionHead
from indexer.encoders.starter.model import EMBED_DIM, IMAGE_FEATURES


class Recipe:
    """All data and all objectives.

    Args:
        options: the command line's.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        data, cache = options.data, options.cache
        self.options = options
        self.texts = texts = corpus.Texts(cache)
        self.articles = corpus.fashion_articles(data)
        self.flickr = corpus.flickr8k(data, cache, "train", texts)
        self.fashion = corpus.fashion(data, cache, "train", self.articles, texts)
        self.clothing = corpus.clothing(data, cache, False, texts)
        synonyms = names.imagenet_names()
        glossed = [(*group, gloss) for group, gloss in zip(synonyms, names.imagenet_glosses(), strict=True)]
        self.imagenet = corpus.classes(glossed if options.glosses else synonyms, names.TEMPLATES, texts)
        members = names.kind_members()
        self.kinds = corpus.classes([(kind,) for kind in members], names.TEMPLATES, texts)
        self.members = torch.zeros(len(members), 1000)
        for row, numbers in enumerate(members.values()):
            self.members[row, numbers] = 1
        articles = [names.article_names(article) for article in self.articles]
        self.article_names = corpus.classes(articles, names.PRODUCT_TEMPLATES, texts)
        self.clothes = corpus.classes(list(names.CLOTHES.values()), names.PRODUCT_TEMPLATES, texts)
        self.teacher = teacher()

    def terms(self) -> list[Term]:
        """Build the objective."""
        o, texts = self.options, self.texts
        imagined = Imagined(self.teacher, torch.cat([*self.flickr.views, *self.clothing.views]))
        distilled = Distilled(
            pictures=(
                (self.flickr, o.batch // 2),
                (self.fashion, o.batch // 16),
                (self.clothing, o.batch // 16),
            ),
            imagined=imagined,
            imagined_batch=o.batch * 3 // 4,
            teacher=self.teacher,
            classes=self.imagenet,
            kinds=self.kinds,
            members=self.members,
            kinds_weight=o.kinds,
            texts=texts,
            temperature=o.temperature,
        )
        captions = Captions(pictures=self.flickr, texts=texts, batch=o.batch)
        products = Captions(pictures=self.fashion, texts=texts, batch=o.batch // 2)
        articles = Labelled(
            pictures=self.fashion, classes=self.article_names, texts=texts, batch=o.batch // 4
        )
        clothes = Labelled(pictures=self.clothing, classes=self.clothes, texts=texts, batch=o.batch // 4)
        crossed = Crossed(
            captioned=((self.flickr, o.batch // 2), (self.fashion, o.batch // 4)),
            others=((self.clothing, o.batch // 8),),
            imagined=imagined,
            imagined_batch=o.batch // 2,
            teacher=self.teacher,
            trust=(1.0, 0.2, 0.5, 1.0),
            classes=self.imagenet,
            kinds=self.kinds,
            members=self.members,
            texts=texts,
        )
        return [
            Term(name="crossed", weight=o.crossed, loss=crossed),
            Term(name="related", weight=o.related, loss=Related(texts=texts, batch=o.batch)),
            Term(name="captions", weight=o.captions, loss=captions),
            Term(name="products", weight=o.products, loss=products),
            Term(name="distilled", weight=o.distilled, loss=distilled),
            Term(name="articles", weight=o.articles, loss=articles),
            Term(name="clothes", weight=o.clothes, loss=clothes),
        ]

    def start(self) -> Heads:
        """Read the heads to go on with, or build untrained ones, standardised on pictures and texts."""
        if self.options.start:
            heads = starter_weights.load_heads(self.options.start)
            heads.image = widened(heads.image, self.flickr.views[0].float())
            heads.image.dropout.p, heads.text.dropout.p = self.options.dropout, self.options.text_dropout
            return heads
        torch.manual_seed(self.options.seed)
        hidden, dropout = self.options.hidden, self.options.dropout
        image = ProjectionHead(IMAGE_FEATURES, EMBED_DIM, hidden=hidden, dropout=dropout)
        text = ProjectionHead(384, EMBED_DIM, hidden=hidden, dropout=self.options.text_dropout)
        image.standardise(torch.cat([self.flickr.views[0], self.clothing.views[0]]).float())
        text.standardise(self.texts.features.float())
        return Heads(image, text)


def widened(head: ProjectionHead, features: Tensor) -> ProjectionHead:
    """Let a head that was trained on the first of some features see all; at first it ignores the rest."""
    seen, width = head.linear.in_features, features.shape[1]
    if seen == width:
        return head
    wide = ProjectionHead(width, head.linear.out_features, hidden=head.hidden.out_features)
    wide.standardise(features)
    with torch.no_grad():
        wide.mean[:seen], wide.scale[:seen] = head.mean, head.scale
        for new, old in ((wide.linear, head.linear), (wide.hidden, head.hidden)):
            new.weight.zero_()
            new.weight[:, :seen] = old.weight
            new.bias.copy_(old.bias)
        wide.out.weight.copy_(head.out.weight)
    return wide


def teacher() -> Teacher:
    """Read the packaged classifier's last layer."""
    state = starter_weights.load_classifier(starter_weights.locate().image)
    return Teacher(weight=state["classifier.weight"].float(), bias=state["classifier.bias"].float())


def development(recipe: Recipe, heads: Heads) -> tuple[metrics.Embed, metrics.Dev]:
    """Embed the development sets' pictures from their cached features."""
    data, cache = recipe.options.data, recipe.options.cache
    flickr = corpus.views(cache, "flickr8k-dev")[0].float()
    fashion = corpus.views(cache, "fashion-dev")[0].float()
    clothing = corpus.clothing(data, cache, True, recipe.texts)
    products = pq.read_table(data / "fashion-dev.parquet", columns=["title", "articleType"]).to_pydict()

    def embed(texts: list[str]) -> torch.Tensor:
        numbers = recipe.texts.numbers(texts)
        recipe.texts.encode()
        return heads.embed_texts(recipe.texts.take(numbers))

    with torch.inference_mode():
        return embed, metrics.Dev(
            flickr=heads.embed_images(flickr),
            fashion=heads.embed_images(fashion),
            clothing=heads.embed_images(clothing.views[0].float()),
            captions=pq.read_table(data / "flickr8k-dev.parquet")["captions"].to_pylist(),
            teacher=recipe.teacher(flickr).argmax(dim=1),
            titles=products["title"],
            articles=products["articleType"],
            labels=[list(names.CLOTHES)[label] for label in clothing.labels],
        )


def report(steps: int) -> Progress:
    """Print the mean losses now and then."""
    started = time.perf_counter()

    def progress(done: int, losses: dict[str, float]) -> None:
        if done % 25 == 0 or done == steps:
            shown = " ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
            print(f"{done}/{steps} {time.perf_counter() - started:.0f} s: {shown}", flush=True)

    return progress


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("heads", type=Path)
    parser.add_argument("--start", type=Path, help="heads to go on with")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--dropout", type=float, default=0.4)
    parser.add_argument("--text-dropout", type=float, default=0.2)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--glosses", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    for name, weight in WEIGHTS.items():
        parser.add_argument(f"--{name}", type=float, default=weight, help="weight of this loss")
    return parser.parse_args()


WEIGHTS = {
    "captions": 1.0,
    "products": 0.5,
    "distilled": 5.0,
    "kinds": 0.3,
    "articles": 0.3,
    "clothes": 0.2,
    "crossed": 1.0,
    "related": 1.0,
}


def main() -> None:
    """Train, save, measure."""
    recipe = Recipe(options())
    o = recipe.options
    recipe.texts.encode()
    plan = Plan(steps=o.steps, learning_rate=o.rate, weight_decay=o.decay, seed=o.seed)
    terms = [term for term in recipe.terms() if term.weight > 0]
    start = recipe.start()
    heads = fit(start, terms, plan, progress=report(o.steps))
    heads.save(o.heads)
    print(f"logit scale {heads.logit_scale.exp():.1f}")
    embed, dev = development(recipe, heads)
    print(json.dumps(metrics.figures(embed, dev), indent=1))


if __name__ == "__main__":
    main()
