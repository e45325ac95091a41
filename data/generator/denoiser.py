"""Train the starter generator's denoiser on latents and conditions; ends in a generator's folder.

    python data/generator/denoiser.py FOLDER --steps 40000

FOLDER holds what the other scripts wrote, see MODEL_CARD.md. Run the same command again
to go on. FOLDER/generator is the generator of the last checkpoint, FOLDER/sheets shows what it makes of fixed
phrases.
"""

from __future__ import annotations

import argparse
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from conditions import read_conditions
from latents import Latents, read_latents
from loop import Schedule, train
from picture_set import Pictures, read_pictures
from PIL import Image
from torch import Tensor

from generation.starter.autoencoder import to_pixels
from generation.starter.bridge import ConditionBridge
from generation.starter.conv_autoencoder import ConvAutoencoder
from generation.starter.denoiser import (
    NEIGHBOURS,
    ConditionScaler,
    Told,
    build_denoiser,
    build_scheduler,
    denoise,
    picture_traits,
)
from generation.starter.examples import Examples, draw_conditions, draw_pairs
from generation.starter.generator import GeneratorFacts, save_generator
from generation.starter.pipeline import Condition, StarterPipeline, read_pipeline, write_pipeline
from generation.starter.train import velocity_error
from indexer import Encoder, load_encoder

BATCH = 64
PREDICTION = "sample"
_NEIGHBOURED = 0.25  # share of pictures that are shown with neighbours
_NOISIEST = (0.4, 1.0)  # mean and deviation of the logit of the time that is trained on
_PAIRS, _SCALED = 100_000, 4_000
_CHECKED, _CHECK_EVERY = 512, 400  # pictures held out; steps
_SHEET_EVERY, _SHEET_STEPS, _SHEET_SEEDS = 2_000, 20, 4
SEED = 1
SHOWN = (
    *("a red t-shirt", "blue jeans", "brown leather handbag", "white sports shoes", "black wrist watch"),
    *("a wooden chair", "a grey sofa", "a table lamp", "a banana", "a red apple", "a pizza", "a teapot"),
    *("an elephant", "a motorcycle", "a hammer", "a teddy bear"),
)
FACTS = {
    "trained_on": "76,222 pictures of clothes, furniture, food, tools, toys, animals and scenes from public "
    "repositories; the licence of many was not verified, see data/generator/MODEL_CARD.md",
    "licence": "Apache-2.0 for the weights as far as they are ours; see data/generator/MODEL_CARD.md",
}


class Objective:
    """Gives the loss of a step.

    Args:
        pipeline: whose denoiser is trained.
        latents: of all pictures.
        examples: what tells of them.
        pictures: all of them.
        rows: those to learn from.
    """

    def __init__(
        self,
        pipeline: StarterPipeline,
        latents: Latents,
        examples: Examples,
        pictures: Pictures,
        rows: np.ndarray,
    ) -> None:
        self._pipeline = pipeline
        self._latents = latents
        self._examples = examples
        self._rows = rows
        self._chances = np.cumsum(pictures.weights(rows))
        self._traits = picture_traits(
            torch.from_numpy(pictures.column("side").astype(np.int64)),
            torch.from_numpy(pictures.column("plain").astype(bool)),
        )
        self._kept = pipeline.scheduler.alphas_cumprod

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        """Draw rows, the kinds that are rare more often than they come, (size,)."""
        chosen: np.ndarray = self._rows[
            np.searchsorted(self._chances, random.random(size) * self._chances[-1])
        ]
        return chosen

    def __call__(self, step: int) -> Tensor:
        """Give the loss of a step (Ho et al. 2020), as an error of the velocity."""
        random = np.random.default_rng((SEED, step))
        return self.error(self.draw(random, BATCH), random)

    def error(self, rows: np.ndarray, random: np.random.Generator) -> Tensor:
        """Give the error of some pictures at random noise levels."""
        pipeline, size = self._pipeline, len(rows)
        clean = torch.from_numpy(self._latents[rows, random.integers(0, 2, size)].astype(np.float32))
        tokens, mask, is_told = draw_conditions(
            self._examples, rows, neighbours=NEIGHBOURS, random=random, neighboured=_NEIGHBOURED
        )
        with torch.no_grad():
            known = torch.from_numpy(tokens)
            known[:, 0] = pipeline.bridge(known[:, 0])
            known = pipeline.scaler(known)
            known[:, 0] *= torch.from_numpy(is_told)[:, None]
        told = Told(tokens=known, mask=torch.from_numpy(mask), traits=self._traits[rows])
        times = 1 / (1 + np.exp(-random.normal(*_NOISIEST, size)))
        timesteps = torch.from_numpy((times * len(self._kept)).astype(np.int64))
        noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32))
        signal = self._kept[timesteps].sqrt()[:, None, None, None]
        spread = (1 - self._kept[timesteps]).sqrt()[:, None, None, None]
        noisy = (signal * clean + spread * noise).contiguous(memory_format=torch.channels_last)
        predicted = denoise(pipeline.unet, noisy, timesteps, told)
        return velocity_error(predicted, PREDICTION, clean, noise, (signal, spread))


class Checked:
    """Measures the loss on pictures held out, always the same ones; saves the generator and draws sheets.

    Args:
        objective: gives errors.
        pipeline: to save.
        facts: kept with the generator.
        held_out: rows of the pictures held out.
        folder: of the training.
    """

    def __init__(
        self,
        objective: Objective,
        pipeline: StarterPipeline,
        facts: GeneratorFacts,
        held_out: np.ndarray,
        folder: Path,
    ) -> None:
        self._objective = objective
        self._pipeline = pipeline
        self._facts = facts
        self._rows = np.sort(np.random.default_rng(SEED).permutation(held_out)[:_CHECKED])
        self._folder = folder
        self._checked, self._sheet = 0, 0

    def __call__(self, step: int) -> None:
        """Do what is due."""
        if step - self._checked < _CHECK_EVERY:
            return
        self._checked = step
        random = np.random.default_rng(SEED)
        batches = np.array_split(self._rows, -(-len(self._rows) // BATCH))
        errors = [self._objective.error(some, random) for some in batches]
        print(f"held out at step {step}: loss {torch.stack(errors).mean():.4f}", flush=True)
        export(self._pipeline, self._facts, self._folder / "generator")
        if step // _SHEET_EVERY > self._sheet:
            self._sheet = step // _SHEET_EVERY
            write_sheet(self._pipeline, load_encoder("starter"), self._folder / f"sheets/{step:06d}.png")


def export(pipeline: StarterPipeline, facts: GeneratorFacts, folder: Path) -> None:
    """Write a generator in half precision; what is being trained keeps its own."""
    parts = {name: deepcopy(part) for name, part in pipeline.components.items()}
    save_generator(StarterPipeline(**parts), facts, folder)


def write_sheet(pipeline: StarterPipeline, encoder: Encoder, path: Path) -> None:
    """Draw what is made of fixed phrases: two phrases a line, the same noise all along."""
    cells = []
    for row in encoder.encode_texts(list(SHOWN)):
        tokens, mask = torch.zeros(1 + NEIGHBOURS, len(row)), torch.zeros(1 + NEIGHBOURS)
        tokens[0], mask[0] = torch.from_numpy(row), 1
        condition = Condition(tokens=tokens, mask=mask)
        made = [
            pipeline(condition, torch.Generator().manual_seed(seed), steps=_SHEET_STEPS)
            for seed in range(_SHEET_SEEDS)
        ]
        cells.append(
            np.concatenate([to_pixels(picture)[0] for picture in made if picture is not None], axis=1)
        )
    lines = [np.concatenate(pair, axis=1) for pair in zip(cells[::2], cells[1::2], strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(lines)).save(path)


def begin(folder: Path, examples: Examples, pictures: Pictures, rows: np.ndarray) -> StarterPipeline:
    """Build the untrained pipeline, or read the one that a run cut off began with."""
    start = folder / "start"
    if start.exists():
        return read_pipeline(start)
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    autoencoder = ConvAutoencoder.from_pretrained(folder / "autoencoder")
    scaler, bridge = ConditionScaler(examples.dim), ConditionBridge(examples.dim)
    drawn = random.choice(rows, _PAIRS, p=pictures.weights(rows))
    asked, own = draw_pairs(examples, _PAIRS, random=random, rows=drawn)
    bridge.fit(asked, own)
    expected = bridge(torch.from_numpy(asked[:_SCALED]))
    scaler.fit(torch.cat([expected, torch.from_numpy(own[:_SCALED])]))
    unet = build_denoiser(
        dim=examples.dim,
        channels=len(autoencoder.shift),
        grid=examples.pixels.shape[1] // autoencoder.patch,
    )
    scheduler = build_scheduler(PREDICTION)
    pipeline = StarterPipeline(vae=autoencoder, unet=unet, scheduler=scheduler, scaler=scaler, bridge=bridge)
    write_pipeline(pipeline, folder / "start.new")
    (folder / "start.new").rename(start)
    return pipeline


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, required=True, help="in all, over all runs")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--fall", type=int, default=0, help="steps at the end over which the rate falls")
    parser.add_argument("--without-non-commercial", action="store_true")
    options = parser.parse_args()
    folder = options.folder
    pictures = read_pictures(folder / "pictures")
    rows = pictures.training_rows(non_commercial=not options.without_non_commercial)
    examples = read_conditions(folder, pictures)
    pipeline = begin(folder, examples, pictures, rows)
    pipeline.unet.to(memory_format=torch.channels_last)
    objective = Objective(pipeline, read_latents(folder), examples, pictures, rows)
    facts = GeneratorFacts(encoder_sha256=load_encoder("starter").spec.weights_sha256, **FACTS)
    held_out = np.flatnonzero(pictures.column("held_out").astype(bool))
    checked = Checked(objective, pipeline, facts, held_out, folder)
    schedule = Schedule(steps=options.steps, rate=options.rate, level=4_000, fall=options.fall)
    done = train(pipeline.unet, objective, schedule, folder / "checkpoints/denoiser", checked)
    export(pipeline, facts, folder / "generator")
    sys.exit(done.step < options.steps)


if __name__ == "__main__":
    main()
