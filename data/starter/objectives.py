"""What the starter's heads are asked to learn, all on one mixed batch."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from corpus import Part, Vocabulary
from torch import Tensor
from torch.nn import functional

from indexer.adapt import MAX_LOGIT_SCALE, distillation
from indexer.encoders.starter.gated_heads import GatedHeads

CLASS_SCALE = 40.0  # a thousand classes need a sharper softmax than a batch of captions


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One mixed batch.

    Attributes:
        images: (n, reduced + known) inputs of the image head.
        logits: (n, 1000) of the packaged classifier.
        texts: (m,) numbers of the texts of the first m pictures; imagined ones, at the end, have none.
        labels: (m,) of the pictures, -1 for none.
        by_label: (m,) whether the text is a name of the label, and not this picture's own.
        trust: (n,) how far the classifier is believed, 0 to 1.
    """

    images: Tensor
    logits: Tensor
    texts: Tensor
    labels: Tensor
    by_label: Tensor
    trust: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each loss counts.

    Attributes:
        paired: pictures against texts of the batch.
        named: labels against drawn rivals.
        distilled: the classifier's names for each picture.
        crossed: pictures for each of the classifier's names.
        related: texts against each other as the teacher sees them.
        varied: ways to ask for one thing.
    """

    paired: float = 1.0
    named: float = 0.5
    distilled: float = 1.0
    crossed: float = 0.5
    related: float = 1.0
    varied: float = 0.5


@dataclass(slots=True, kw_only=True)
class Joint:
    """The whole objective.

    Attributes:
        parts: sets with how many pictures of each a batch has, and how far the classifier is believed on
            them.
        imagined: inputs (k, reduced + known) and logits (k, 1000) of pictures that nobody took.
        imagined_batch: how many of those.
        vocabulary: all labels.
        classes: for each of the 1,000 classes the numbers of its texts.
        texts: features of all texts, as the text head reads them, (t, texts + known) float16.
        relations: for some texts what the teacher makes of them: (r,) numbers, (r, w) features of length 1.
        rivals: labels drawn beside those of the batch.
        weights: of the losses.
    """

    parts: tuple[tuple[Part, int, float], ...]
    imagined: tuple[Tensor, Tensor]
    imagined_batch: int
    vocabulary: Vocabulary
    classes: tuple[Tensor, ...]
    texts: Tensor
    relations: tuple[Tensor, Tensor]
    rivals: int
    weights: Weights
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)

    def __call__(self, heads: GatedHeads, generator: torch.Generator) -> Tensor:
        """Draw a batch and give its loss."""
        drawn = self.draw(generator)
        images = heads.image.join(drawn.images)
        scale = heads.logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
        own = heads.text.join(self.take(drawn.texts))
        losses = {"paired": paired(images, own, drawn, scale)}
        losses["named"] = self._named(heads, images, drawn, scale, generator)
        self.step += 1
        if self.step % 2:
            losses |= self._classified(heads, images, drawn, scale, generator)
        else:
            losses["related"] = self._related(heads, generator)
        losses["varied"] = self._varied(heads, generator)
        total = torch.stack([getattr(self.weights, name) * loss for name, loss in losses.items()]).sum()
        self.losses |= {name: float(loss.detach()) for name, loss in losses.items()}
        return total

    def take(self, numbers: Tensor) -> Tensor:
        """Give the text head's inputs of texts by number."""
        return self.texts[numbers].float()

    def draw(self, generator: torch.Generator) -> Drawn:
        """Draw a batch of all parts, and imagined pictures after them."""
        images, logits, texts, labels, by_label, trust = [], [], [], [], [], []
        for part, count, believed in self.parts:
            rows, inputs = part.draw(count, generator)
            images.append(inputs)
            logits.append(part.logits[rows].float())
            labels.append(part.labels[rows])
            named = torch.rand(count, generator=generator) < part.by_label
            share = torch.rand(count, generator=generator).tolist()
            chosen = []
            for place, row in enumerate(rows.tolist()):
                said, label = part.captions[row], int(part.labels[row])
                asked = self.vocabulary.asked[label] if label >= 0 else said
                named[place] = label >= 0 and (bool(named[place]) or not len(said))
                some = asked if named[place] else said
                chosen.append(some[int(share[place] * len(some))])
            texts.append(torch.stack(chosen))
            by_label.append(named)
            trust.append(torch.full((count,), believed))
        imagined = torch.randint(len(self.imagined[0]), (self.imagined_batch,), generator=generator)
        images.append(self.imagined[0][imagined].float())
        logits.append(self.imagined[1][imagined].float())
        trust.append(torch.ones(self.imagined_batch))
        return Drawn(
            images=torch.cat(images),
            logits=torch.cat(logits),
            texts=torch.cat(texts),
            labels=torch.cat(labels),
            by_label=torch.cat(by_label),
            trust=torch.cat(trust),
        )

    def _named(
        self, heads: GatedHeads, images: Tensor, drawn: Drawn, scale: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Tell labels apart from each other and from drawn rivals, by cross-entropy."""
        labelled = torch.nonzero(drawn.labels >= 0)[:, 0]
        own, place = torch.unique(drawn.labels[labelled], return_inverse=True)
        rivals = torch.randint(len(self.vocabulary), (self.rivals,), generator=generator)
        rivals = rivals[~torch.isin(rivals, own)]
        labels = torch.cat([own, rivals])
        bare = self.take(torch.tensor(self.vocabulary.bare)[labels])[:, : heads.widths.texts]
        alike = functional.normalize(bare, dim=1)
        same = alike[: len(own)] @ alike.T > 0.75  # "sofa" and "couch": no rivals
        named = heads.text.join(self.take(self.vocabulary.draw(labels, generator)))
        logits = scale * images[labelled] @ named.T
        mask = same[place]
        mask[torch.arange(len(place)), place] = False
        return functional.cross_entropy(logits.masked_fill(mask, -1e4), place, label_smoothing=0.05)

    def _classified(
        self, heads: GatedHeads, images: Tensor, drawn: Drawn, scale: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Divide pictures among the names of classes, and names among pictures, as the classifier does."""
        share = torch.rand(len(self.classes), generator=generator).tolist()
        numbers = torch.stack([t[int(s * len(t))] for s, t in zip(share, self.classes, strict=True)])
        names = heads.text.join(self.take(numbers))
        cosines = images @ names.T
        sure = drawn.trust > 0
        distilled = distillation(CLASS_SCALE * cosines[sure], drawn.logits[sure])
        shown = (drawn.logits.softmax(dim=1) * drawn.trust[:, None]).T  # (classes, pictures)
        mass = shown.sum(dim=1, keepdim=True)
        misses = -(shown / mass.clamp(min=1e-6) * functional.log_softmax(scale * cosines.T, dim=1)).sum(dim=1)
        weight = mass[:, 0].clamp(max=1)
        return {"distilled": distilled, "crossed": (weight * misses).sum() / weight.sum().clamp(min=1e-6)}

    def _related(self, heads: GatedHeads, generator: torch.Generator, batch: int = 512) -> Tensor:
        """Keep texts related to each other as the teacher relates them (Park et al. 2019)."""
        rows = torch.randint(len(self.relations[0]), (batch,), generator=generator)
        known = self.relations[1][rows].float()
        found = heads.text.join(self.take(self.relations[0][rows]))
        itself = torch.eye(batch, dtype=torch.bool)
        wanted = (known @ known.T / 0.1).masked_fill(itself, -1e4)
        given = (found @ found.T / 0.1).masked_fill(itself, -1e4)
        return distillation(given, wanted)

    def _varied(self, heads: GatedHeads, generator: torch.Generator, batch: int = 128) -> Tensor:
        """Draw the ways to ask for one thing together: one less the cosine of two ways."""
        labels = torch.randint(len(self.vocabulary), (batch,), generator=generator)
        first = heads.text.join(self.take(self.vocabulary.draw(labels, generator)))
        second = heads.text.join(self.take(torch.tensor(self.vocabulary.bare)[labels]))
        return 10 * (1 - (first * second).sum(dim=1)).mean()


def paired(images: Tensor, texts: Tensor, drawn: Drawn, scale: Tensor) -> Tensor:
    """Contrast the texts of a batch with its pictures, in both directions, with several positives each.

    A picture is a positive of a text if it is its own, has an equal one, or has the label that the text
    names.
    """
    count = len(texts)
    same = drawn.texts[:, None] == drawn.texts[None, :]
    named = (drawn.labels[:, None] == drawn.labels[None, :]) & drawn.by_label[:, None]
    positive = (same | (named & (drawn.labels >= 0)[:, None])).float()  # (texts, pictures)
    logits = scale * texts @ images.T  # pictures that have no text are rivals
    wide = functional.pad(positive, (0, logits.shape[1] - count))
    forward = functional.cross_entropy(logits, wide / wide.sum(dim=1, keepdim=True))
    back = functional.cross_entropy(logits[:, :count].T, positive.T / positive.T.sum(dim=1, keepdim=True))
    return (forward + back) / 2
