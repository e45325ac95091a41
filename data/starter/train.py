"""Train the starter's heads on cached features.

    python data/starter/train.py DATA CACHE heads.safetensors --steps 1800

Wants the files of ``features.py`` in CACHE. Writes the figures of the development sets beside the heads, as
JSON, and adds a line to CACHE/runs.jsonl. ``--without GROUP`` leaves out the sources of a group
(``packs.GROUPS``), to judge by domains that were not learned; ``--commercial`` leaves out sources whose terms
say "non-commercial".
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, fields
from pathlib import Path

import corpus
import figures
import inputs
import names
import numpy as np
import packs
import texts
import torch
from imagine import Imagined
from objectives import Joint, Weights
from torch import Tensor

from indexer.adapt import Plan, Term, fit
from indexer.encoders.starter import weights as starter_weights
from indexer.encoders.starter.gated_heads import GatedHeads, Widths

# Pictures of each part in a batch of ``--batch``, in thousandths, and how far the classifier is believed on
# them.
SHARES: dict[str, tuple[int, float]] = {
    "scenes": (250, 1.0),
    "products": (230, 0.2),
    "clothes": (30, 0.5),
    "photos": (330, 1.0),
    "small": (100, 0.3),
    "drawings": (60, 0.0),
}
_SAMPLE = 16_000  # pictures for the principal components
_IMAGINED = 12_000


def part_of(row: packs.Row) -> str:
    """Tell with which others a row is drawn."""
    known = {"flickr8k": "scenes", "fashion": "products", "clothing": "clothes", "tiny-imagenet": "small"}
    if row.source in known:
        return known[row.source]
    return "drawings" if row.source in ("fluent-emoji", "openclipart", "tuxpaint") else "photos"


class Recipe:
    """All data, and heads to start with.

    Args:
        options: the command line's.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        cache: Path = options.cache
        torch.manual_seed(options.seed)
        self.texts = texts.packaged(cache)
        self.vocabulary = corpus.Vocabulary(self.texts)
        self.rows, self.features = self._read()
        self.widths = Widths(learned=options.learned, posterior=512 - options.learned, hidden=options.hidden)
        dropout = (options.dropout, options.text_dropout)
        self.heads = GatedHeads(self.widths, dropout=dropout)
        if options.start:
            self.heads.load_state_dict(GatedHeads.load(options.start).state_dict())
        state = starter_weights.load_classifier(starter_weights.locate().image)
        self.heads.image_input.set_classifier(state["classifier.weight"], state["classifier.bias"])
        self._fit_inputs()

    def _read(self) -> tuple[dict[str, list[packs.Row]], dict[str, list[tuple[np.ndarray, ...]]]]:
        """Read rows and their features, as (views, 2960) float16 each, by part."""
        rows: dict[str, list[packs.Row]] = {part: [] for part in SHARES}
        features: dict[str, list[tuple[np.ndarray, ...]]] = {part: [] for part in SHARES}
        o = self.options
        for name in packs.SETS:
            views = [
                view
                for number in range(corpus.VIEWS)
                if (view := corpus.features_of(o.cache, name, number)) is not None
            ]
            for number, row in enumerate(packs.read(o.data, name)[: len(views[0]) if views else 0]):
                left_out = o.without and packs.group_of(row.source) == o.without
                restricted = o.commercial and row.source.startswith(packs.NON_COMMERCIAL)
                held_out = row.source == "clothing" and packs.is_held_out(row.file)
                if left_out or restricted or held_out or not (row.label or row.captions):
                    continue
                part = part_of(row)
                rows[part].append(row)
                features[part].append(
                    tuple(view[number] for view in views[: 1 if part == "products" else None])
                )
        return rows, features

    def _fit_inputs(self) -> None:
        """Fit what is not trained on pairs."""
        o, image, text = self.options, self.heads.image_input, self.heads.text_input
        every = [row for part in self.features for row in self.features[part]]
        chosen = torch.randperm(len(every))[:_SAMPLE].tolist()
        sample = torch.from_numpy(np.stack([every[i][0] for i in chosen])).float()
        self.sample = sample
        if not o.start:
            inputs.fit_components(image, sample)
        self.classes = tuple(
            self.texts.numbers([text for name in group for text in (*names.variants(name), name, name)])
            for group in names.imagenet_names()
        )
        self.texts.encode()
        if o.start:
            return
        inputs.standardise(text, self.texts.features[:: max(1, len(self.texts.features) // 50_000)].float())
        inputs.fit_names(image, text, inputs.class_names(self.texts))
        if o.teacher:
            self._learn_places()
        image.temperature.data.fill_(o.temperature)

    def _learn_places(self) -> None:
        """Let the teacher's features be the places of names and texts."""
        o, image, text = self.options, self.heads.image_input, self.heads.text_input
        teacher = texts.teacher(o.cache, o.teacher)
        bank = inputs.class_names(teacher)
        centre = bank.mean(dim=0)
        axes = torch.linalg.svd(bank - centre, full_matrices=False)[2][: self.widths.posterior]
        with torch.no_grad():
            image.names.copy_((bank - centre) @ axes.T)
        own, theirs = inputs.texts_with_teacher(self.texts, teacher, teacher.every())
        shuffled = torch.randperm(len(own))
        own, theirs = own[shuffled], theirs[shuffled]
        targets = (teacher.take(theirs) - centre) @ axes.T
        cosine = inputs.learn_places(text, self.texts.take(own), targets, torch.ones(len(own)), o.seed)
        print(f"{len(own)} texts placed by the teacher; of those held out, cosine {cosine:.3f}", flush=True)
        self.relations = own, torch.nn.functional.normalize(teacher.take(theirs) - centre, dim=1).half()

    @torch.no_grad()
    def joint(self) -> Joint:
        """Build the objective, with what the heads read computed once."""
        o = self.options
        for part in self.rows.values():
            for row in part:
                self.vocabulary.number(row)
                self.texts.numbers(row.captions)
        self.texts.encode()
        parts = tuple(
            (self._part(name), round(o.batch * (getattr(o, name, None) or share) / 1_000), trust)
            for name, (share, trust) in SHARES.items()
            if self.rows[name]
        )
        read = self.heads.text_input
        placed = torch.cat([read(part.float()).half() for part in self.texts.features.split(4_096)])
        if not o.teacher:
            known = torch.arange(len(self.texts.features))
            self.relations = known, torch.nn.functional.normalize(self.texts.features.float(), dim=1).half()
        imagined = Imagined(self.heads.image_input, self.sample).draw(
            _IMAGINED, torch.Generator().manual_seed(o.seed)
        )
        image = self.heads.image_input
        return Joint(
            parts=parts,
            imagined=(_inputs(image, imagined), image.logits(imagined).half()),
            imagined_batch=o.batch // 10,
            vocabulary=self.vocabulary,
            classes=self.classes,
            texts=placed,
            relations=self.relations,
            rivals=o.rivals,
            weights=Weights(**{one.name: getattr(o, one.name) for one in fields(Weights)}),
        )

    def _part(self, name: str) -> corpus.Part:
        rows, features = self.rows[name], self.features[name]
        views = min(len(row) for row in features)
        stacked = [torch.from_numpy(np.stack([row[view] for row in features])) for view in range(views)]
        image = self.heads.image_input
        return corpus.Part(
            views=tuple(_inputs(image, view) for view in stacked),
            logits=torch.cat([image.logits(part.float()).half() for part in stacked[0].split(2_048)]),
            labels=torch.tensor([self.vocabulary.number(row) for row in rows]),
            captions=tuple(
                self.texts.numbers(row.captions) if row.captions else torch.empty(0, dtype=torch.long)
                for row in rows
            ),
            weights=corpus.weights_of(rows),
            by_label=0.2 if name == "products" else 0.5,
        )


def _inputs(image: torch.nn.Module, features: Tensor) -> Tensor:
    return torch.cat([image(part.float()).half() for part in features.split(2_048)])


def train(recipe: Recipe) -> GatedHeads:
    """Train the heads of a recipe; what is not trained on pairs stays as it is."""
    o, joint, started = recipe.options, recipe.joint(), time.perf_counter()

    def progress(done: int, _: dict[str, float]) -> None:
        if done % 25 == 0 or done == o.steps:
            shown = " ".join(f"{name} {loss:.3f}" for name, loss in joint.losses.items())
            print(f"{done}/{o.steps} {time.perf_counter() - started:.0f} s: {shown}", flush=True)

    recipe.heads.image_input.requires_grad_(False)
    recipe.heads.text_input.requires_grad_(False)
    plan = Plan(steps=o.steps, learning_rate=o.rate, weight_decay=o.decay, averaging=o.averaging, seed=o.seed)
    return fit(recipe.heads, [Term(name="joint", weight=1.0, loss=joint)], plan, progress=progress)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("heads", type=Path)
    parser.add_argument(
        "--teacher", type=Path, help="folder of all-mpnet-base-v2; without it names are placed by MiniLM"
    )
    parser.add_argument("--without", choices=sorted(packs.GROUPS), help="leave out the sources of this group")
    parser.add_argument("--commercial", action="store_true", help="leave out sources that say non-commercial")
    parser.add_argument("--start", type=Path, help="heads to go on with")
    parser.add_argument("--scenes", type=int, help="pictures of Flickr8k in a batch, in thousandths")
    parser.add_argument("--products", type=int, help="product photos in a batch, in thousandths")
    parser.add_argument("--photos", type=int, help="photos of all other domains in a batch, in thousandths")
    parser.add_argument("--steps", type=int, default=1_800)
    parser.add_argument("--batch", type=int, default=1_024)
    parser.add_argument("--rivals", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--averaging", type=float, default=0.99)
    parser.add_argument("--learned", type=int, default=336, help="of the 512 dimensions")
    parser.add_argument("--hidden", type=int, default=1_024)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--text-dropout", type=float, default=0.15)
    parser.add_argument("--temperature", type=float, default=1.0, help="of the classifier's posterior")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    for one in fields(Weights):
        parser.add_argument(f"--{one.name}", type=float, default=one.default, help="weight of this loss")
    return parser.parse_args()


def main() -> None:
    """Train, save, measure."""
    o = options()
    torch.set_num_threads(o.threads)
    recipe = Recipe(o)
    heads = train(recipe) if o.steps else recipe.heads.eval()
    heads.save(o.heads)
    measured = figures.measure(o.data, o.cache, recipe.texts, heads)
    o.heads.with_suffix(".json").write_text(json.dumps(measured, indent=1))
    print(json.dumps(measured, indent=1))
    settings = {name: str(value) for name, value in vars(o).items()}
    with (o.cache / "runs.jsonl").open("a") as log:
        log.write(
            json.dumps({"settings": settings, "figures": measured, "widths": asdict(recipe.widths)}) + "\n"
        )


if __name__ == "__main__":
    main()
