"""Fit the small generator: an autoencoder of patches, and a denoiser conditioned on embeddings.

Training is measured in minutes, not in steps, for machines differ. It writes a checkpoint every few minutes
and goes on from there; each step's random numbers follow from the seed and the step's number, so that a run
that was cut off does what it would have done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from torch import Tensor

from .autoencoder import PatchAutoencoder, from_pixels
from .bridge import ConditionBridge
from .checkpoints import Checkpoints, Progressed
from .denoiser import (
    NEIGHBOURS,
    ConditionScaler,
    Told,
    build_denoiser,
    build_scheduler,
    denoise,
    picture_traits,
)
from .examples import Examples, draw, draw_pairs
from .pipeline import StarterPipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """How to train.

    Attributes:
        minutes: of training in all, over all runs; the decoder's share included.
        batch: pictures of a step.
        learning_rate: of AdamW, after the warm-up and before it falls at the end.
        prediction: what the denoiser predicts: ``sample``, ``v_prediction`` or ``epsilon``.
        widths: channels of the denoiser's levels.
        decoder_share: part of the time that goes to the decoder, at the start.
        seed: of everything random.
        device: ``cpu``, ``cuda`` or ``mps``.
        save_minutes: between checkpoints.
        steps: of each part, in place of minutes: the same steps on any machine.
    """

    minutes: float = 120.0
    batch: int = 48
    learning_rate: float = 5e-4
    prediction: str = "sample"
    widths: tuple[int, ...] = (96, 160, 192)
    decoder_share: float = 0.15
    seed: int = 0
    device: str = "cpu"
    save_minutes: float = 5.0
    steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("minutes", "batch", "learning_rate", "save_minutes"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps must be above 0, not {self.steps}")
        if not 0 <= self.decoder_share < 1:
            raise ValueError(f"the decoder's share must be at least 0 and below 1, not {self.decoder_share}")


PRESETS = {
    "cpu": TrainingRecipe(),
    "gpu": TrainingRecipe(minutes=25.0, batch=256, learning_rate=1e-3, device="cuda", save_minutes=2.0),
}

_PAIRS = 80_000  # from which the bridge is fitted; three times as many gain nothing
_WARM_UP, _FALL = 200, 0.3  # steps; part of the time at whose end the rate has fallen to 0
_EMA = 0.998
_LEAST_NOISE = 0.05  # deviation below which an error counts no more
_NOISIEST = (0.3, 1.0)  # mean and deviation of the logit of the time that is trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """How far training is.

    Attributes:
        part: ``decoder`` or ``denoiser``.
        step: steps of this part.
        minutes: of this part so far.
        share: of this part's work that is done, 0 to 1.
        loss: of this step.
    """

    part: str
    step: int
    minutes: float
    share: float
    loss: float


OnTrainingStep = Callable[[TrainingStep], bool]
"""Called after each step; False stops training after a checkpoint."""


def start_pipeline(examples: Examples, recipe: TrainingRecipe) -> StarterPipeline:
    """Build an untrained pipeline whose patches, scales and bridge fit the examples."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    some = np.sort(random.choice(len(examples), min(2000, len(examples)), replace=False))
    autoencoder = PatchAutoencoder()
    autoencoder.fit(from_pixels(examples.pixels[some]))
    scaler = ConditionScaler(examples.dim)
    known = [
        examples.images[some],
        examples.texts[examples.phrases[:: max(1, len(examples.phrases) // 2000)]],
    ]
    scaler.fit(torch.from_numpy(np.concatenate(known).astype(np.float32)))
    unet = build_denoiser(
        dim=examples.dim,
        channels=autoencoder.config.latent_channels,
        grid=examples.pixels.shape[1] // autoencoder.patch,
        widths=recipe.widths,
    )
    bridge = ConditionBridge(examples.dim)
    bridge.fit(*draw_pairs(examples, _PAIRS, random=random))
    scheduler = build_scheduler(recipe.prediction)
    return StarterPipeline(vae=autoencoder, unet=unet, scheduler=scheduler, scaler=scaler, bridge=bridge)


def train_decoder(
    pipeline: StarterPipeline,
    examples: Examples,
    recipe: TrainingRecipe,
    folder: Path,
    on_step: OnTrainingStep,
) -> Progressed:
    """Train the autoencoder's decoder: sharp pictures from latents, and from slightly wrong ones."""
    vae = pipeline.vae.to(recipe.device)

    def loss(step: int) -> Tensor:
        random = np.random.default_rng((recipe.seed, 1, step))
        rows = np.sort(random.integers(0, len(examples), max(8, recipe.batch // 3)))
        pictures = from_pixels(examples.pixels[rows]).to(recipe.device)
        with torch.no_grad():
            latents = vae.encode(pictures)
            amount = torch.from_numpy(random.uniform(0, 0.12, (len(rows), 1, 1, 1)).astype(np.float32))
            noise = torch.from_numpy(random.standard_normal(latents.shape, np.float32))
            latents = latents + (amount * noise).to(recipe.device)
        return _difference(vae(latents), pictures)

    part = _Part("decoder", vae.decoder, loss, recipe.minutes * recipe.decoder_share)
    return _run(part, recipe, folder, on_step)


def train_denoiser(
    pipeline: StarterPipeline,
    examples: Examples,
    recipe: TrainingRecipe,
    folder: Path,
    on_step: OnTrainingStep,
) -> Progressed:
    """Train the denoiser (Ho et al. 2020) on noisy latents; the error is that of the velocity.

    Whatever the network predicts, its error is counted as an error of v (Salimans & Ho 2022): for predicted
    samples that weighs a step by 1 / noise^2.
    """
    unet = pipeline.unet.to(recipe.device).to(memory_format=torch.channels_last)
    vae, scaler = pipeline.vae.to(recipe.device), pipeline.scaler.to(recipe.device)
    kept = pipeline.scheduler.alphas_cumprod.to(recipe.device)
    side = torch.full((recipe.batch,), examples.pixels.shape[1], device=recipe.device)
    traits = picture_traits(side, torch.ones_like(side))

    def loss(step: int) -> Tensor:
        random = np.random.default_rng((recipe.seed, 2, step))
        batch = draw(examples, recipe.batch, neighbours=NEIGHBOURS, random=random)
        told = torch.from_numpy(batch.told).to(recipe.device)
        with torch.no_grad():
            clean = vae.encode(from_pixels(batch.pixels).to(recipe.device))
            tokens = scaler(torch.from_numpy(batch.tokens).to(recipe.device))
            tokens[:, 0] *= told[:, None]
        times = 1 / (1 + np.exp(-random.normal(*_NOISIEST, recipe.batch)))
        timesteps = torch.from_numpy((times * len(kept)).astype(np.int64)).to(recipe.device)
        noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32)).to(recipe.device)
        signal = kept[timesteps].sqrt()[:, None, None, None]
        spread = (1 - kept[timesteps]).sqrt()[:, None, None, None]
        noisy = (signal * clean + spread * noise).contiguous(memory_format=torch.channels_last)
        predicted = denoise(
            unet,
            noisy,
            timesteps,
            Told(
                tokens=tokens,
                mask=torch.from_numpy(batch.mask).to(recipe.device),
                traits=traits,
            ),
        )
        return velocity_error(predicted, recipe.prediction, clean, noise, (signal, spread))

    part = _Part("denoiser", unet, loss, recipe.minutes * (1 - recipe.decoder_share))
    return _run(part, recipe, folder, on_step)


def velocity_error(
    predicted: Tensor, prediction: str, clean: Tensor, noise: Tensor, levels: tuple[Tensor, Tensor]
) -> Tensor:
    """Give the mean squared error of the velocity, whatever is predicted.

    Args:
        predicted: (n, c, g, g).
        prediction: what it is: ``sample``, ``v_prediction`` or ``epsilon``.
        clean: (n, c, g, g) latents.
        noise: (n, c, g, g) that was added.
        levels: (n, 1, 1, 1) shares of both, the roots of what is kept and of what is not.
    """
    signal, spread = levels
    if prediction == "v_prediction":
        return (predicted - (signal * noise - spread * clean)).square().mean()
    if prediction == "epsilon":
        return ((predicted - noise) / signal.clamp(min=_LEAST_NOISE)).square().mean()
    return ((predicted - clean) / spread.clamp(min=_LEAST_NOISE)).square().mean()


def _difference(found: Tensor, wanted: Tensor) -> Tensor:
    """Compare pictures: absolute differences, of the pixels and of their edges."""
    total = (found - wanted).abs().mean()
    for axis in (-1, -2):
        total = total + (found.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean()
    return total


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    module: torch.nn.Module
    loss: Callable[[int], Tensor]
    minutes: float


def _run(part: _Part, recipe: TrainingRecipe, folder: Path, on_step: OnTrainingStep) -> Progressed:
    """Train one part until its work is done; leave its averaged weights in the module."""
    part.module.train()
    optimizer = torch.optim.AdamW(part.module.parameters(), lr=recipe.learning_rate, weight_decay=0.01)
    average = EMAModel(part.module.parameters(), decay=_EMA)
    checkpoints = Checkpoints(folder / part.name, part.module, optimizer, average)
    done = checkpoints.resume(recipe.steps or part.minutes)
    saved = done.minutes
    going_on = True
    while going_on and _share(done, part, recipe) < 1:
        started = time.perf_counter()
        share = _share(done, part, recipe)
        if share >= 1 - _FALL:
            checkpoints.keep_stable(done)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (done.step + 1) / _WARM_UP, (1 - share) / _FALL)
        value = part.loss(done.step)
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(part.module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.step(part.module.parameters())
        minutes = done.minutes + (time.perf_counter() - started) / 60
        done = replace(done, step=done.step + 1, minutes=minutes)
        share = _share(done, part, recipe)
        told = TrainingStep(
            part=part.name, step=done.step, minutes=minutes, share=share, loss=float(value.detach())
        )
        going_on = on_step(told)
        if minutes - saved >= recipe.save_minutes or share >= 1 or not going_on:
            checkpoints.save(done)
            saved = minutes
    average.copy_to(part.module.parameters())
    part.module.eval()
    return done


def _share(done: Progressed, part: _Part, recipe: TrainingRecipe) -> float:
    """Give the share of a part's work that is done, 0 to 1."""
    if recipe.steps is not None:
        return min(1.0, done.step / recipe.steps)
    return min(1.0, done.minutes / part.minutes) if part.minutes else 1.0
