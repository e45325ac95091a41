"""From examples to a generator's folder: both parts trained, with sample pictures on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .autoencoder import to_pixels
from .denoiser import NEIGHBOURS
from .examples import Examples
from .generator import GeneratorFacts, save_generator
from .pipeline import Condition, StarterPipeline, read_pipeline, write_pipeline
from .train import (
    OnTrainingStep,
    TrainingRecipe,
    TrainingStep,
    start_pipeline,
    train_decoder,
    train_denoiser,
)

_COLUMNS, _ROWS = 8, 4  # of a sheet of samples: seeds across, pictures' embeddings down
_SHEET_STEPS = 16
_EVERY = 250  # training steps between sheets


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """What a training run did.

    Attributes:
        pictures: learned from.
        steps: of the denoiser, over all runs.
        minutes: spent, over all runs.
        finished: all the time that the recipe gives was used.
    """

    pictures: int
    steps: int
    minutes: float
    finished: bool


def fit_generator(
    examples: Examples, facts: GeneratorFacts, recipe: TrainingRecipe, folder: Path, on_step: OnTrainingStep
) -> FitReport:
    """Train a generator, or go on with one that was cut off.

    Args:
        examples: what to learn from.
        facts: kept with the generator.
        recipe: how.
        folder: becomes a diffusers folder; ``training`` inside keeps checkpoints, ``samples`` sheets of
            pictures made from the same noise all along.
        on_step: called after each step; False ends the run after a checkpoint, with a usable generator.

    Raises:
        OSError: the folder cannot be written.
    """
    place = folder / "training"
    pipeline = _begin(examples, recipe, place / "start")
    stopped = False

    def tell(step: TrainingStep) -> bool:
        nonlocal stopped
        stopped = not on_step(step)
        if step.part == "denoiser" and step.step % _EVERY == 0:
            write_sheet(pipeline, examples, folder / "samples" / f"{step.step:06d}.png", seed=recipe.seed)
        return not stopped

    decoder = train_decoder(pipeline, examples, recipe, place, tell)
    if stopped:
        return _ended(examples, 0, decoder.minutes, finished=False)
    denoiser = train_denoiser(pipeline, examples, recipe, place, tell)
    write_sheet(pipeline, examples, folder / "samples" / "last.png", seed=recipe.seed)
    save_generator(pipeline, facts, folder)
    return _ended(examples, denoiser.step, decoder.minutes + denoiser.minutes, finished=not stopped)


def _ended(examples: Examples, steps: int, minutes: float, *, finished: bool) -> FitReport:
    return FitReport(pictures=len(examples), steps=steps, minutes=minutes, finished=finished)


def _begin(examples: Examples, recipe: TrainingRecipe, start: Path) -> StarterPipeline:
    """Build the untrained pipeline, or read the one that a run cut off began with."""
    if (start / "model_index.json").exists():
        return read_pipeline(start)
    pipeline = start_pipeline(examples, recipe)
    fresh = start.with_name("start.new")
    write_pipeline(pipeline, fresh)
    fresh.rename(start)
    return pipeline


def write_sheet(pipeline: StarterPipeline, examples: Examples, path: Path, *, seed: int) -> None:
    """Draw what the weights of this moment make of some pictures' embeddings; the first column is real."""
    random = np.random.default_rng(seed)
    rows = random.choice(len(examples), min(_ROWS, len(examples)), replace=False)
    was_training = pipeline.unet.training
    pipeline.unet.eval()
    lines = []
    for row in rows.tolist():
        tokens = np.zeros((1 + NEIGHBOURS, examples.dim), np.float32)
        tokens[0] = examples.images[row]
        mask = torch.zeros(1 + NEIGHBOURS)
        mask[0] = 1
        condition = Condition(tokens=torch.from_numpy(tokens), mask=mask)
        made = [examples.pixels[row]]
        for number in range(_COLUMNS - 1):
            noise = torch.Generator().manual_seed(seed + number)
            picture = pipeline(condition, noise, steps=_SHEET_STEPS)
            assert picture is not None  # nobody stops it
            made.append(to_pixels(picture)[0])
        lines.append(np.concatenate(made, axis=1))
    pipeline.unet.train(was_training)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(lines)).save(path)
