"""What is not trained on pairs: principal components, names of classes, places of texts among them."""

from __future__ import annotations

from collections.abc import Sequence

import names
import torch
from texts import Texts
from torch import Tensor
from torch.nn import functional

from indexer.encoders.starter.gated_heads import ImageInput, TextInput

_SHARPEN = 0.25  # components are divided by their variance to this power: half of whitening
_STEPS, _BATCH, _RATE = 2_500, 512, 2e-3  # of learning where the teacher puts texts


def class_names(texts: Texts, *, glosses: bool = True) -> Tensor:
    """Give each of the 1,000 classes the mean feature of its names, (1000, width) float32.

    The first, curated name counts as much as all other names together, and a definition half of that.
    """
    rows = []
    definitions = names.imagenet_glosses()
    for number, group in enumerate(names.imagenet_names()):
        features = functional.normalize(texts.take(texts.numbers(group)), dim=1)
        row = features[0] + (features[1:].mean(dim=0) if len(features) > 1 else features[0])
        if glosses:
            row = row + 0.5 * functional.normalize(texts.take(texts.numbers([definitions[number]]))[0], dim=0)
        rows.append(functional.normalize(row, dim=0))
    return torch.stack(rows)


@torch.no_grad()
def fit_components(part: ImageInput, features: Tensor) -> None:
    """Fit the principal components to (n, width) float32 features of pictures of all sets."""
    mean, scale = features.mean(dim=0), 1 / (features.std(dim=0) + 1e-3)
    standard = (features - mean) * scale
    values, vectors = torch.linalg.eigh(standard.T @ standard / len(standard))
    width = part.components.out_features
    values, vectors = values.flip(0)[:width], vectors.flip(1)[:, :width]
    weight = (vectors * values.clamp(min=1e-6) ** -_SHARPEN).T * scale
    spread = ((features[:4_096] - mean) @ weight.T).std()
    part.components.weight.copy_(weight / spread)
    part.components.bias.copy_(-(weight / spread) @ mean)


@torch.no_grad()
def fit_names(image: ImageInput, text: TextInput, bank: Tensor) -> None:
    """Place the classes, and texts among them, by principal components of the names' (1000, width)."""
    centre = bank.mean(dim=0)
    _, _, axes = torch.linalg.svd(bank - centre, full_matrices=False)
    axes = axes[: image.names.shape[1]]
    image.names.copy_((bank - centre) @ axes.T)
    text.linear.weight.copy_(axes)
    text.linear.bias.copy_(-axes @ centre)


@torch.no_grad()
def standardise(text: TextInput, features: Tensor) -> None:
    """Take over mean and deviation of (n, width) text features."""
    text.mean.copy_(features.mean(dim=0))
    text.scale.copy_(1 / (features.std(dim=0) + 1e-3))


def learn_places(
    text: TextInput, features: Tensor, targets: Tensor, weights: Tensor, seed: int = 0, steps: int = _STEPS
) -> float:
    """Learn to place texts as a teacher does.

    Args:
        text: learns; its linear map starts from a ridge regression.
        features: (n, width) float32 of the packaged text network.
        targets: (n, known) float32, the teacher's places.
        weights: (n,) how much each text counts.
        seed: of batches.
        steps: batches.

    Returns:
        The mean cosine of the last fiftieth of the texts, which are not learned from.
    """
    held = len(features) - len(features) // 50
    with torch.no_grad():
        wide = torch.cat([features[:held], torch.ones(held, 1)], dim=1)
        gram = wide.T @ (wide * weights[:held, None]) + 0.5 * torch.eye(wide.shape[1])
        solved = torch.linalg.solve(gram, wide.T @ (targets[:held] * weights[:held, None]))
        text.linear.weight.copy_(solved[:-1].T)
        text.linear.bias.copy_(solved[-1])
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(
        [*text.linear.parameters(), *text.hidden.parameters(), *text.out.parameters()],
        lr=_RATE,
        weight_decay=0.05,
    )
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1, (step + 1) / 100) * (1 - step / steps)
        rows = torch.multinomial(weights[:held], _BATCH, generator=generator)
        placed, wanted = text.place(features[rows]), targets[rows]
        loss = 1 - functional.cosine_similarity(placed, wanted).mean()
        near = functional.normalize(placed, dim=1) @ functional.normalize(placed, dim=1).T
        known = functional.normalize(wanted, dim=1) @ functional.normalize(wanted, dim=1).T
        loss = loss + 5 * (near - known).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float(functional.cosine_similarity(text.place(features[held:]), targets[held:]).mean())


def texts_with_teacher(packaged: Texts, teacher: Texts, among: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Give the numbers of those texts that both networks have read, in either's count, (n,) and (n,)."""
    both = [text for text in among if text in packaged and text in teacher]
    return packaged.numbers(both), teacher.numbers(both)
