"""What the starter's heads are asked to learn; each part draws its own batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from corpus import Classes, Pictures, Texts
from torch import Tensor
from torch.nn import functional

from indexer.adapt import class_directions, distillation, info_nce
from indexer.encoders.starter.heads import Heads

CLASS_SCALE = 40.0  # a thousand classes need a sharper softmax than a batch of captions


def class_logits(heads: Heads, images: Tensor, texts: Tensor) -> Tensor:
    """Compare (n, w) picture features with (classes, 384) text features: (n, classes) logits."""
    logits: Tensor = CLASS_SCALE * heads.embed_images(images) @ heads.embed_texts(texts).T
    return logits


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """Pictures against their own texts, with ``info_nce``.

    Attributes:
        pictures: with their texts.
        texts: the texts' features.
        batch: pictures at a time.
        mixed: share of texts that are blended with a second text of the same picture.
    """

    pictures: Pictures
    texts: Texts
    batch: int
    mixed: float = 0.3

    def __call__(self, heads: Heads, generator: torch.Generator) -> Tensor:
        """Draw a batch and give its loss."""
        rows, images, numbers = self.pictures.draw(self.batch, generator)
        texts = self.texts.take(numbers)
        column = torch.randint(self.pictures.texts.shape[1], (len(rows),), generator=generator)
        other = self.texts.take(self.pictures.texts[rows, column])
        blend = (torch.rand(len(rows), 1, generator=generator) < self.mixed) * 0.5
        texts = torch.lerp(texts, other, blend)
        return info_nce(heads.embed_images(images), heads.embed_texts(texts), heads.logit_scale, numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Pictures against the names of their classes, with cross-entropy.

    Attributes:
        pictures: with labels.
        classes: their names.
        texts: the names' features.
        batch: pictures at a time.
    """

    pictures: Pictures
    classes: Classes
    texts: Texts
    batch: int

    def __call__(self, heads: Heads, generator: torch.Generator) -> Tensor:
        """Draw a batch and give its loss."""
        rows, images, _ = self.pictures.draw(self.batch, generator)
        assert self.pictures.labels is not None
        found, named = (
            heads.embed_images(images),
            heads.embed_texts(self.texts.take(self.classes.draw(generator))),
        )
        logits = heads.logit_scale.exp() * found @ named.T
        return functional.cross_entropy(logits, self.pictures.labels[rows], label_smoothing=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """The packaged classifier's last layer, as a teacher for any feature vector.

    Attributes:
        weight: (1000, 1280) float32.
        bias: (1000,) float32.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """Give (n, 1000) logits of (n, w) features, of which it sees the first 1,280."""
        return images[:, : self.weight.shape[1]] @ self.weight.T + self.bias


class Imagined:
    """Features as pictures of each class would have them: real ones, pushed along the class's direction.

    Args:
        teacher: knows the classes.
        real: (n, w) features of any pictures, which give mean, covariance and noise.
    """

    def __init__(self, teacher: Teacher, real: Tensor) -> None:
        self._teacher = teacher
        self._real = real
        self._mean = real.float().mean(dim=0)
        self._directions = class_directions(teacher.weight, real.float())

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count, w) features of random classes, from barely to clearly recognisable."""
        labels = torch.randint(1000, (count,), generator=generator)
        rows = torch.randint(len(self._real), (count,), generator=generator)
        noise = torch.rand(count, 1, generator=generator)
        base = torch.lerp(self._mean, self._real[rows].float(), noise)
        logits = self._teacher(base)
        best = logits.max(dim=1).values
        own = logits.gather(1, labels[:, None])[:, 0]
        margin = 8 * torch.rand(count, generator=generator)
        step = (best - own + margin).clamp(min=0)
        found = base + step[:, None] * self._directions[labels]
        pooled = self._teacher.weight.shape[1]
        found[:, :pooled].clamp_(min=0)  # the pooled features come after a rectifier, the others do not
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """Names must divide pictures as the packaged classifier does: its 1,000 classes, and plain kinds of them.

    Attributes:
        pictures: real ones, with the batch size of each set.
        imagined: a source of features for all classes.
        imagined_batch: how many of those.
        teacher: the classifier.
        classes: the names of its classes.
        kinds: plain names of kinds ("dog", "cup"), whose probabilities are sums.
        members: (kinds, 1000) float32, 1 where a class is of that kind.
        kinds_weight: of the loss among kinds.
        texts: the names' features.
        temperature: softens both distributions over the classes.
    """

    pictures: tuple[tuple[Pictures, int], ...]
    imagined: Imagined
    imagined_batch: int
    teacher: Teacher
    classes: Classes
    kinds: Classes
    members: Tensor
    kinds_weight: float
    texts: Texts
    temperature: float = 1.0

    def __call__(self, heads: Heads, generator: torch.Generator) -> Tensor:
        """Draw a batch, real pictures first, and give its loss."""
        real = [pictures.draw(batch, generator)[1] for pictures, batch in self.pictures]
        features = torch.cat([*real, self.imagined.draw(self.imagined_batch, generator)])
        wanted = self.teacher(features).float()
        names = torch.cat([self.classes.draw(generator), self.kinds.draw(generator)])
        logits = class_logits(heads, features, self.texts.take(names)).float()
        classes, kinds = logits[:, : wanted.shape[1]], logits[:, wanted.shape[1] :]
        # Not on real pictures: the classifier is surest of the dogs, and everything real would become a dog.
        some = slice(-self.imagined_batch, None)
        among_kinds = self._kinds_loss(kinds[some], wanted[some].softmax(dim=1) @ self.members.T)
        return distillation(classes, wanted, self.temperature) + self.kinds_weight * among_kinds

    def _kinds_loss(self, logits: Tensor, mass: Tensor) -> Tensor:
        """Compare (n, kinds) logits with summed probabilities; pictures of no kind hardly count."""
        found = functional.log_softmax(logits, dim=1)
        share = mass / mass.sum(dim=1, keepdim=True).clamp(min=1e-6)
        certainty = mass.amax(dim=1, keepdim=True).clamp(max=1)
        return -(certainty * share * found).sum(dim=1).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """Each text must find its pictures among those of all sets, imagined ones included.

    Within one set a picture that is near to every text does no harm, and neither does a direction that all
    class names share: a softmax over the names of one picture is blind to both. Searching a mixed catalogue
    is not.

    Attributes:
        captioned: sets with texts of their own, each with its batch size.
        others: sets whose texts are not used, each with its batch size.
        imagined: a source of features for all classes.
        imagined_batch: how many of those.
        teacher: tells how much each picture shows each class.
        trust: how far the teacher is believed on each set, in order, the imagined ones last.
        classes: the names of its classes.
        kinds: plain names of kinds ("dog", "cup"), whose probabilities are sums.
        members: (kinds, 1000) float32, 1 where a class is of that kind.
        texts: the texts' features.
    """

    captioned: tuple[tuple[Pictures, int], ...]
    others: tuple[tuple[Pictures, int], ...]
    imagined: Imagined
    imagined_batch: int
    teacher: Teacher
    trust: tuple[float, ...]
    classes: Classes
    kinds: Classes
    members: Tensor
    texts: Texts

    def __call__(self, heads: Heads, generator: torch.Generator) -> Tensor:
        """Draw a batch and give its loss."""
        drawn = [pictures.draw(batch, generator)[1:] for pictures, batch in self.captioned]
        others = [pictures.draw(batch, generator)[1] for pictures, batch in self.others]
        sets = [images for images, _ in drawn] + [*others, self.imagined.draw(self.imagined_batch, generator)]
        features = torch.cat(sets)
        trust = torch.cat([torch.full((len(s), 1), t) for s, t in zip(sets, self.trust, strict=True)])
        images = heads.embed_images(features)
        scale = heads.logit_scale.exp()
        own = torch.cat([numbers for _, numbers in drawn])
        pairs = scale * heads.embed_texts(self.texts.take(own)) @ images.T  # (texts, pictures)
        same = torch.zeros(pairs.shape)
        same[:, : len(own)] = (own[:, None] == own[None, :]).float()
        loss = functional.cross_entropy(pairs.float(), same / same.sum(dim=1, keepdim=True))
        shown = (self.teacher(features).float().softmax(dim=1) * trust).T  # (classes, pictures)
        shown = torch.cat([shown, self.members @ shown])  # (classes and kinds, pictures)
        mass = shown.sum(dim=1, keepdim=True)
        names = torch.cat([self.classes.draw(generator), self.kinds.draw(generator)])
        named = scale * heads.embed_texts(self.texts.take(names)) @ images.T
        misses = -(shown / mass.clamp(min=1e-6) * functional.log_softmax(named.float(), dim=1)).sum(dim=1)
        weight = mass[:, 0].clamp(max=1)
        return loss + (weight * misses).sum() / weight.sum().clamp(min=1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Texts must stay related to each other as the packaged text network relates them.

    Relational distillation (Park et al. 2019, https://arxiv.org/abs/1904.05068), by softmax over
    similarities: a query in words is compared with titles and descriptions too, of which no picture teaches
    anything.

    Attributes:
        texts: their features.
        batch: how many at a time.
        temperature: of both softmaxes.
    """

    texts: Texts
    batch: int
    temperature: float = 0.1

    def __call__(self, heads: Heads, generator: torch.Generator) -> Tensor:
        """Draw a batch and give its loss."""
        features = self.texts.take(
            torch.randint(len(self.texts.features), (self.batch,), generator=generator)
        )
        known = functional.normalize(features.float(), dim=1)
        found = heads.embed_texts(features)
        itself = torch.eye(self.batch, dtype=torch.bool)
        wanted = (known @ known.T / self.temperature).masked_fill(itself, -1e4)
        given = (found @ found.T / self.temperature).float().masked_fill(itself, -1e4)
        return distillation(given, wanted)
