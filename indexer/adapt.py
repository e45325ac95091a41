"""Contrastive training of small projection heads over features of frozen towers.

Both towers stay as they are and only the projections learn, as in LiT (Zhai et al. 2022,
https://arxiv.org/abs/2111.07991). So each picture and text goes through its tower once, and training on the
cached features takes minutes on a CPU. Used to make the starter encoder, and to fit heads to a collection.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

MAX_LOGIT_SCALE = math.log(100)  # CLIP's limit: beyond it training becomes unstable


def info_nce(images: Tensor, texts: Tensor, logit_scale: Tensor, groups: Tensor | None = None) -> Tensor:
    """Contrast the pairs of a batch in both directions.

    InfoNCE (van den Oord et al. 2018, https://arxiv.org/abs/1807.03748) in CLIP's symmetric form (Radford et
    al. 2021, https://arxiv.org/abs/2103.00020). Pairs of one group are positives of each other, with equal
    shares: ten products called "black belt" must not be pushed apart.

    Args:
        images: (n, dim) embeddings of length 1.
        texts: (n, dim) embeddings of length 1; text i belongs to image i.
        logit_scale: logarithm of the inverse temperature.
        groups: (n,) int64; None if each pair is its own group.

    Returns:
        The loss, a scalar: the mean of both directions.
    """
    logits = logit_scale.clamp(max=MAX_LOGIT_SCALE).exp() * images @ texts.T  # (n, n)
    if groups is None:
        target = torch.eye(len(images), dtype=logits.dtype)
    else:
        same = (groups[:, None] == groups[None, :]).to(logits.dtype)
        target = same / same.sum(dim=1, keepdim=True)
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Contrast two views of each picture with all other views of the batch, for pictures without text.

    SimCLR (Chen et al. 2020, https://arxiv.org/abs/2002.05709).

    Args:
        first: (n, dim) embeddings of length 1.
        second: (n, dim) embeddings of other views of the same pictures.
        temperature: of the softmax.

    Returns:
        The loss, a scalar.
    """
    both = torch.cat([first, second])  # (2n, dim)
    logits = both @ both.T / temperature
    logits = logits.masked_fill(torch.eye(len(both), dtype=torch.bool), -math.inf)
    partner = torch.arange(len(both)).roll(len(first))
    return functional.cross_entropy(logits, partner)


def distillation(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Pull the student's class probabilities to the teacher's.

    Hinton et al. 2015, https://arxiv.org/abs/1503.02531: the divergence KL(teacher || student) of softened
    distributions, times the squared temperature so that gradients keep their size.

    Args:
        student: (n, classes) logits.
        teacher: (n, classes) logits, without gradient.
        temperature: divides both logits.

    Returns:
        The loss, a scalar; zero where both agree.
    """
    wanted = functional.log_softmax(teacher / temperature, dim=1)
    found = functional.log_softmax(student / temperature, dim=1)
    return functional.kl_div(found, wanted, log_target=True, reduction="batchmean") * temperature**2


def class_directions(rows: Tensor, features: Tensor, shrinkage: float = 0.1) -> Tensor:
    """Tell in which direction from the mean a linear classifier expects the features of each class.

    If all classes had one covariance S, the optimal rows would be W = S^-1 (class means - mean) (Fisher's
    linear discriminant), so the class means lie at mean + S W: prototypes of classes without any picture.
    Features that the classifier does not see follow by their covariance with those that it does.

    Args:
        rows: (classes, d) weights of the classifier.
        features: (n, w) features of any pictures, for the covariance; the classifier sees the first d of w.
        shrinkage: share of the diagonal in the covariance, 0 to 1, against noise in it.

    Returns:
        (classes, w), scaled so that a step of 1 along its direction raises each class's own logit by 1.
    """
    covariance = features.T.cov()
    covariance = (1 - shrinkage) * covariance + shrinkage * covariance.diagonal().diag()
    centred = rows - rows.mean(dim=0)
    seen = rows.shape[1]
    directions = centred @ covariance[:seen]
    return directions / (directions[:, :seen] * centred).sum(dim=1, keepdim=True)


HeadsT = TypeVar("HeadsT", bound=nn.Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Generic[HeadsT]):
    """One part of the training objective.

    Attributes:
        name: for reports.
        weight: factor of the loss.
        loss: draws a batch with the generator and gives the loss of the heads on it, a scalar.
    """

    name: str
    weight: float
    loss: Callable[[HeadsT, torch.Generator], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how fast to train.

    Attributes:
        steps: number of batches.
        learning_rate: at its peak, after a twentieth of the steps; falls to zero along a cosine.
        weight_decay: of AdamW, on matrices only.
        averaging: decay of the running mean of the weights, which is what training returns.
        seed: of batches and dropout.
    """

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    averaging: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, expected at least 1")
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging is {self.averaging}, expected 0 <= averaging < 1")

    def rate(self, step: int) -> float:
        """Give the learning rate of a step, counted from 0."""
        warm_up = max(self.steps // 20, 1)
        cosine = (1 + math.cos(math.pi * step / self.steps)) / 2
        return self.learning_rate * min((step + 1) / warm_up, 1.0) * cosine


Progress = Callable[[int, dict[str, float]], None]
"""Called after each step with the number of steps done and the loss of each term."""


def fit(
    heads: HeadsT, terms: Sequence[Term[HeadsT]], plan: Plan, *, progress: Progress | None = None
) -> HeadsT:
    """Train heads on the sum of some losses.

    Args:
        heads: where to start; left as they are.
        terms: the losses, which hold the data.
        plan: how long and how fast.
        progress: told about each step.

    Returns:
        New heads in evaluation mode: the running mean over the last steps. Equal arguments give equal heads.

    Raises:
        ValueError: there are no terms.
    """
    if not terms:
        raise ValueError("nothing to learn from: expected at least one term")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        learning, mean = copy.deepcopy(heads).train(), copy.deepcopy(heads)
        optimizer = _optimizer(learning, plan)
        generator = torch.Generator().manual_seed(plan.seed)
        for step in range(plan.steps):
            for group in optimizer.param_groups:
                group["lr"] = plan.rate(step)
            losses = _step(learning, terms, optimizer, generator)
            _average(mean, learning, min(plan.averaging, (step + 1) / (step + 10)))
            if progress is not None:
                progress(step + 1, losses)
    return mean.eval()


def _optimizer(heads: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    matrices = [p for p in heads.parameters() if p.ndim > 1]
    others = [p for p in heads.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": plan.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=plan.learning_rate,
        betas=(0.9, 0.98),
    )


def _step(
    heads: HeadsT, terms: Sequence[Term[HeadsT]], optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> dict[str, float]:
    """Take one step and give each term's loss before it."""
    losses = {term.name: term.loss(heads, generator) for term in terms}
    total = torch.stack([term.weight * losses[term.name] for term in terms]).sum()
    optimizer.zero_grad()
    torch.autograd.backward(total)
    optimizer.step()
    return {name: float(loss.detach()) for name, loss in losses.items()}


@torch.no_grad()
def _average(mean: nn.Module, heads: nn.Module, decay: float) -> None:
    """Move the running mean a little towards the current weights."""
    for kept, new in zip(mean.parameters(), heads.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)
