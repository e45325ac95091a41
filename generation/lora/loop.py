"""One training of LoRA layers: what is drawn, the loss, and how it goes on where it was left."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer import Item

from ..errors import BadRequest
from .checkpoints import CannotTrain, Progressed, load_checkpoint, save_checkpoint
from .dataset import Latents, words_of

if TYPE_CHECKING:
    import torch

_WORDLESS = 0.1  # share of draws without words, which guidance needs (Ho & Salimans 2022)
_MOST = {"steps": 1_000_000, "rank": 256, "batch": 64, "save_every": 1_000_000, "sample_steps": 1_000}
_JUDGED = 16  # fixed draws that tell the loss before and after


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraRecipe:
    """How to train.

    Attributes:
        steps: batches, over all runs.
        rank: of the LoRA matrices: more can learn more, and takes more memory.
        learning_rate: of AdamW; constant, so that a training can be made longer.
        batch: pictures of a step.
        seed: of everything random.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        save_every: steps between checkpoints.
        sample_steps: denoising steps of the samples at the end.
    """

    steps: int = 500
    rank: int = 8
    learning_rate: float = 1e-4
    batch: int = 1
    seed: int = 0
    device: str = "auto"
    save_every: int = 50
    sample_steps: int = 20

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            BadRequest: a value is out of its range.
        """
        for name, most in _MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise BadRequest(f"a training of {name} {getattr(self, name)}", f"1 to {most:,}")
        if not 0 < self.learning_rate <= 1:
            raise BadRequest(f"a learning rate of {self.learning_rate}", "more than 0, at most 1")

    def identity(self) -> dict[str, Any]:
        """Give what must not change when a training goes on: all but its length and where it runs."""
        free = ("steps", "device", "save_every", "sample_steps")
        return {name: value for name, value in asdict(self).items() if name not in free}


OnLoraStep = Callable[[int, int, float], None]
"""Called after each step with the steps done, all there are, and the step's loss."""


class Training:
    """The state of one training: draws, gradients, checkpoints.

    Args:
        pipeline: with fresh LoRA layers in its UNet, which alone learn.
        items: to learn from.
        latents: of their pictures.
        recipe: how.
        out: folder of the checkpoint.
    """

    def __init__(
        self, pipeline: Any, items: Sequence[Item], latents: Latents, *, recipe: LoraRecipe, out: Path
    ) -> None:
        import torch
        from diffusers import DDPMScheduler

        self._pipeline, self._items, self._latents = pipeline, items, latents
        self._recipe, self._out = recipe, out
        self._schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
        self._learning = {n: p for n, p in pipeline.unet.named_parameters() if p.requires_grad}
        self._optimizer = torch.optim.AdamW(list(self._learning.values()), lr=recipe.learning_rate)

    def run(self, revision: str, *, resume: bool, on_step: OnLoraStep | None) -> Progressed:
        """Train to the last step; write a checkpoint now and then, at the end, and when interrupted."""
        identity = self._identity(revision)

        def save(done: Progressed) -> None:
            save_checkpoint(self._out, self._learning, self._optimizer, done=done, recipe=identity)

        if resume:
            done = load_checkpoint(self._out, self._learning, self._optimizer, recipe=identity)
        else:
            done = Progressed(step=0, loss_before=self.judged(), seconds=0.0)
        started = time.monotonic() - done.seconds
        is_whole = True
        try:
            while done.step < self._recipe.steps:
                loss = self._descend(done.step)
                is_whole = False  # an interrupted update is in some of the weights only
                self._optimizer.step()
                done = replace(done, step=done.step + 1, seconds=time.monotonic() - started)
                is_whole = True
                if done.step % self._recipe.save_every == 0:
                    save(done)
                if on_step is not None:
                    on_step(done.step, self._recipe.steps, loss)
        except KeyboardInterrupt:
            if is_whole:
                save(done)
            raise
        save(done)
        return done

    def judged(self) -> float:
        """Give the mean loss on fixed draws that cover all noise levels evenly."""
        import torch

        total = 0.0
        for number in range(_JUDGED):
            random = self._random(1, number)
            level = int((number + 0.5) / _JUDGED * len(self._schedule.alphas_cumprod))
            row = number * len(self._items) // _JUDGED
            with torch.no_grad():
                total += float(self._loss([row], torch.tensor([level]), random, wordless=[False]))
        return total / _JUDGED

    def _identity(self, revision: str) -> dict[str, Any]:
        ids = ",".join(str(item.id) for item in self._items)
        told = f"{len(self._items):,} pictures ({hashlib.sha256(ids.encode()).hexdigest()[:8]})"
        return self._recipe.identity() | {"model revision": revision, "collection": told}

    def _descend(self, step: int) -> float:
        """Compute the gradient of one step, whose random numbers follow from its number alone.

        Raises:
            CannotTrain: the loss left all bounds.
        """
        import torch

        random = self._random(0, step)
        size = self._recipe.batch
        levels = torch.randint(0, len(self._schedule.alphas_cumprod), (size,), generator=random)
        wordless = (torch.rand(size, generator=random) < _WORDLESS).tolist()
        self._optimizer.zero_grad()
        loss = self._loss(self._rows(step), levels, random, wordless=wordless)
        if not math.isfinite(value := float(loss)):
            hint = "Train again into another --out, with a lower --lr."
            raise CannotTrain(self._out, f"the loss is {value} at step {step + 1}", hint)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(list(self._learning.values()), 1.0)
        return value

    def _loss(
        self, rows: Sequence[int], levels: torch.Tensor, random: torch.Generator, *, wordless: Sequence[bool]
    ) -> torch.Tensor:
        """Give the denoising error (DDPM, Ho et al. 2020) in what the model predicts: noise or velocity."""
        import torch

        pipeline = self._pipeline
        device = pipeline.unet.device
        clean, items = self._latents.draw(self._items, rows, random)
        noise = torch.randn(clean.shape, generator=random).to(device)
        levels = levels.to(device)
        prompts = ["" if none else words_of(item) for none, item in zip(wordless, items, strict=True)]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            with torch.no_grad():
                words = pipeline.encode_prompt(
                    prompts, device=device, num_images_per_prompt=1, do_classifier_free_guidance=False
                )[0]
            noisy = self._schedule.add_noise(clean, noise, levels)
            predicted = pipeline.unet(noisy, levels, words, return_dict=False)[0]
        kind = self._schedule.config.prediction_type
        if kind == "v_prediction":  # Salimans & Ho 2022
            wanted = self._schedule.get_velocity(clean, noise, levels)
        else:
            wanted = clean if kind == "sample" else noise
        return torch.nn.functional.mse_loss(predicted.float(), wanted.float())

    def _rows(self, step: int) -> list[int]:
        """Draw a step's items: all in one random order, then all in another."""
        count, size = len(self._items), self._recipe.batch
        found = []
        for draw in range(step * size, (step + 1) * size):
            order = np.random.default_rng((self._recipe.seed, 2, draw // count)).permutation(count)
            found.append(int(order[draw % count]))
        return found

    def _random(self, purpose: int, number: int) -> torch.Generator:
        import torch

        state = np.random.SeedSequence((self._recipe.seed, purpose, number)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state[0]))
