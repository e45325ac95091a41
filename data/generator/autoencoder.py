"""Train the starter generator's autoencoder, then its decoder alone.

    python data/generator/autoencoder.py FOLDER both --steps 4000 --fall 1000
    python data/generator/autoencoder.py FOLDER decoder --steps 60000

FOLDER holds what picture_set.py wrote in ``pictures``. Run the same command again to go on. Once latents are
made, the encoder must stay; the decoder can be trained further at any time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from latents import LATENTS_FILE
from loop import Schedule, train
from perception import Perception
from picture_set import SIDE, Pictures, read_pictures
from torch import Tensor, nn
from torch.nn import functional

from generation.starter.autoencoder import from_pixels
from generation.starter.conv_autoencoder import ConvAutoencoder

BATCH, CROP = 8, 96
_WHOLE, _HALVED = 4, 4  # one step of so many sees whole pictures; one of so many, pictures at half the size
_MOST_NOISE = 0.15  # deviation of what is added to latents
_SMALL, _PERCEIVED = 1e-3, 0.5  # weights: of the latents' squares, of the perceptual difference
_FITTED, _MEASURED, _MEASURE_EVERY = 2_000, 96, 250  # pictures, pictures, steps
SEED = 0


class Objective:
    """Gives the loss of a step.

    Args:
        autoencoder: to train.
        pictures: to learn from; only those of full size are used.
        rows: those that may be used.
        encoder: whether the encoder is trained as well.
    """

    def __init__(
        self, autoencoder: ConvAutoencoder, pictures: Pictures, rows: np.ndarray, *, encoder: bool
    ) -> None:
        self._autoencoder = autoencoder
        self._pictures = pictures
        self._rows = rows[pictures.column("side")[rows] == SIDE]
        self._encoder = encoder
        self._perception = Perception()

    def __call__(self, step: int) -> Tensor:
        """Give the loss of a step."""
        random = np.random.default_rng((SEED, step))
        pictures = self._draw(random, SIDE if step % _WHOLE == 0 else CROP)
        with torch.set_grad_enabled(self._encoder):
            latents = self._autoencoder.encode(pictures)
        small = latents.square().mean()
        if self._encoder and step % _HALVED == 1:
            latents, pictures = (functional.avg_pool2d(maps, 2) for maps in (latents, pictures))
        amount = torch.from_numpy(random.uniform(0, _MOST_NOISE, (len(latents), 1, 1, 1)).astype(np.float32))
        noise = torch.from_numpy(random.standard_normal(latents.shape, np.float32))
        found = self._autoencoder.decode(latents + amount * noise)
        total = (found - pictures).abs().mean() + _PERCEIVED * self._perception(found, pictures)
        return total + _SMALL * small if self._encoder else total

    def _draw(self, random: np.random.Generator, side: int) -> Tensor:
        count = BATCH if side < SIDE else BATCH // 2
        left, top = random.integers(0, SIDE - side + 1, 2)
        rows = np.sort(random.choice(self._rows, count))
        pixels = self._pictures.pixels[rows, top : top + side, left : left + side]
        flipped = random.random(count) < 0.5
        pixels[flipped] = pixels[flipped, :, ::-1]
        return from_pixels(pixels)


class Measure:
    """Prints how much is lost, on pictures held out.

    Args:
        autoencoder: to measure.
        pictures: of which those held out are used.
    """

    def __init__(self, autoencoder: ConvAutoencoder, pictures: Pictures) -> None:
        self._autoencoder = autoencoder
        self._perception = Perception()
        there = pictures.column("held_out").astype(bool) & (pictures.column("side") == SIDE)
        plain = pictures.column("plain").astype(bool)
        rows = {"products": np.flatnonzero(there & plain), "scenes": np.flatnonzero(there & ~plain)}
        self._step = 0
        self._sets = {name: self._some(pictures, some) for name, some in rows.items() if len(some)}

    def _some(self, pictures: Pictures, rows: np.ndarray) -> Tensor:
        chosen = np.sort(np.random.default_rng(SEED).permutation(rows)[:_MEASURED])
        return from_pixels(pictures.pixels[chosen])

    def __call__(self, step: int) -> None:
        """Print the mean PSNR in decibels and the perceptual difference, if that is due."""
        if step and step - self._step < _MEASURE_EVERY:
            return
        self._step = step
        said = []
        for name, pictures in self._sets.items():
            decibels, looks, spread = [], [], []
            for some in pictures.split(32):
                latents = self._autoencoder.encode(some)
                found = self._autoencoder.decode(latents).clamp(-1, 1)
                error = (found - some).square().mean((1, 2, 3)).clamp(min=1e-6)
                decibels.append(10 * torch.log10(4 / error))
                looks.append(self._perception(found, some))
                spread.append(latents.std())
            said.append(
                f"{name} {torch.cat(decibels).mean():.2f} dB, looks {torch.stack(looks).mean():.4f}, "
                f"latents' deviation {torch.stack(spread).mean():.3f}"
            )
        print(f"held out at step {step}: {'; '.join(said)}", flush=True)


def begin(pictures: Pictures, rows: np.ndarray) -> ConvAutoencoder:
    """Build one that knows the principal components."""
    torch.manual_seed(SEED)
    autoencoder = ConvAutoencoder()
    full = rows[pictures.column("side")[rows] == SIDE]
    chosen = np.sort(np.random.default_rng(SEED).choice(full, min(_FITTED, len(full)), replace=False))
    autoencoder.fit(from_pixels(pictures.pixels[chosen]))
    return autoencoder


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", choices=("both", "decoder"))
    parser.add_argument("--steps", type=int, required=True, help="in all, over all runs")
    parser.add_argument("--fall", type=int, default=0, help="steps at the end over which the rate falls")
    parser.add_argument("--without-non-commercial", action="store_true")
    options = parser.parse_args()
    pictures = read_pictures(options.folder / "pictures")
    rows = pictures.training_rows(non_commercial=not options.without_non_commercial)
    place = options.folder / "autoencoder"
    both = options.part == "both"
    if both and (options.folder / LATENTS_FILE).exists():
        sys.exit(f"{options.folder} holds {LATENTS_FILE}, made by its encoder: train the decoder alone.")
    autoencoder = begin(pictures, rows) if both else ConvAutoencoder.from_pretrained(place)
    trained = autoencoder if both else nn.ModuleList([autoencoder.decoder, autoencoder.from_components])
    objective = Objective(autoencoder, pictures, rows, encoder=both)
    measure = Measure(autoencoder, pictures)
    schedule = Schedule(steps=options.steps, rate=5e-4, level=3_000, fall=options.fall)
    done = train(trained, objective, schedule, options.folder / f"checkpoints/{options.part}", measure)
    with torch.inference_mode():
        measure(done.step)
    autoencoder.save_pretrained(place)
    sys.exit(done.step < options.steps)  # what comes next must wait


if __name__ == "__main__":
    main()
