"""Latents of all pictures, plain and mirrored, made once, for the denoiser to learn from.

    python data/generator/latents.py FOLDER

Freezes the encoder: its shift and scale are set so that latents have mean 0 and deviation 1. Goes on where an
earlier run was cut off.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from picture_set import read_pictures

from generation.starter.autoencoder import from_pixels
from generation.starter.conv_autoencoder import ConvAutoencoder

LATENTS_FILE = "latents.npy"
_CHUNK = 256
_MEASURED = 2_000
_UNSET = np.float16(np.nan)

Latents = NDArray[np.float16]
"""(n, 2, c, g, g): of each picture, and of its mirror image."""


def read_latents(folder: Path) -> Latents:
    """Open what ``prepare`` wrote, mapped from the disk."""
    found: Latents = np.load(folder / LATENTS_FILE, mmap_mode="r")
    return found


@torch.inference_mode()
def prepare(folder: Path) -> None:
    """Make the latents of all pictures."""
    pictures = read_pictures(folder / "pictures")
    place = folder / "autoencoder"
    autoencoder = ConvAutoencoder.from_pretrained(place).eval()
    path = folder / LATENTS_FILE
    if not path.exists():
        rows = pictures.training_rows()
        some = np.sort(np.random.default_rng(0).choice(rows, min(_MEASURED, len(rows)), replace=False))
        chunks = torch.from_numpy(some).split(_CHUNK)
        measured = [autoencoder.encode(from_pixels(pictures.pixels[chunk.numpy()])) for chunk in chunks]
        autoencoder.standardise(torch.cat(measured))
        autoencoder.save_pretrained(place)
        grid = pictures.pixels.shape[1] // autoencoder.patch
        shape = (len(pictures), 2, len(autoencoder.shift), grid, grid)
        fresh = folder / f"{LATENTS_FILE}.new"
        made = np.lib.format.open_memmap(fresh, "w+", dtype=np.float16, shape=shape)
        made[:, 0, 0, 0, 0] = _UNSET  # tells what is still to be made
        made.flush()
        fresh.rename(path)
    latents = np.load(path, mmap_mode="r+")
    for start in range(0, len(pictures), _CHUNK):
        if not np.isnan(latents[start : start + _CHUNK, 0, 0, 0, 0]).any():
            continue
        plain = from_pixels(pictures.pixels[start : start + _CHUNK].copy())
        both = torch.stack([autoencoder.encode(plain), autoencoder.encode(plain.flip(-1))], dim=1)
        latents[start : start + _CHUNK] = both.half().numpy()
        print(f"\r{start + len(plain):,} of {len(pictures):,} pictures", end="", flush=True)
    latents.flush()
    print()


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with pictures and a trained autoencoder")
    prepare(parser.parse_args().folder)


if __name__ == "__main__":
    main()
