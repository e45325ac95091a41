"""Draw the pictures of how-generation-works.md with the starter generator.

    python docs/draw_generation.py docs/images

Three strips: a picture under more and more noise; the way back, as the model foresees the end at each step;
and the same noise under more and more guidance.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from generation.starter.autoencoder import from_pixels, to_pixels
from generation.starter.denoiser import NEIGHBOURS
from generation.starter.pipeline import Condition, StarterPipeline, read_pipeline
from generation.starter.resize import enlarged
from indexer import load_encoder

WORDS, SEED, STEPS, SIDE = "a red t-shirt", 3, 50, 128
NOISE = (0, 100, 250, 400, 550, 700, 850, 999)
SHOWN = (1, 3, 6, 10, 16, 24, 36, 50)
GUIDANCE = (0.0, 1.0, 2.5, 4.0, 5.0, 7.0, 10.0, 14.0)


def condition() -> Condition:
    """Ask in words alone."""
    tokens = torch.zeros(1 + NEIGHBOURS, 512)
    tokens[0] = torch.from_numpy(load_encoder("starter").encode_texts([WORDS])[0])
    mask = torch.zeros(1 + NEIGHBOURS)
    mask[0] = 1
    return Condition(tokens=tokens, mask=mask)


def strip(pictures: list[np.ndarray], path: Path) -> None:
    """Write pictures side by side."""
    shown = [np.asarray(enlarged(picture, SIDE)) for picture in pictures]
    Image.fromarray(np.concatenate(shown, axis=1)).save(path)


Pixels = np.ndarray


def make(pipeline: StarterPipeline, asked: Condition, guidance: float = 5.0) -> tuple[Pixels, list[Pixels]]:
    """Make one picture; give it and what was foreseen at the steps to show."""
    seen: list[np.ndarray] = []

    def note(step: int, _: int, latents: torch.Tensor) -> bool:
        if step in SHOWN:
            seen.append(to_pixels(pipeline.vae.decode(latents))[0])
        return True

    noise = torch.Generator().manual_seed(SEED)
    picture = pipeline(asked, noise, steps=STEPS, guidance=guidance, on_step=note)
    assert picture is not None
    return to_pixels(picture)[0], seen


def main() -> None:
    """Draw the strips."""
    folder = Path(sys.argv[1])
    pipeline = read_pipeline(Path(__file__).parents[1] / "generation" / "weights" / "starter")
    asked = condition()
    picture, foreseen = make(pipeline, asked)
    clean = from_pixels(picture[None])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    levels = [pipeline.scheduler.add_noise(clean, noise, torch.tensor([level])) for level in NOISE]
    strip([to_pixels(level)[0] for level in levels], folder / "noise.png")
    strip(foreseen, folder / "denoising.png")
    strip([make(pipeline, asked, scale)[0] for scale in GUIDANCE], folder / "guidance.png")


if __name__ == "__main__":
    main()
