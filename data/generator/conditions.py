"""Embeddings that the denoiser is conditioned on: of the pictures, and of what can be said of them.

    python data/generator/conditions.py DATA FOLDER

They stand in files of their own, FOLDER/images.npy and FOLDER/texts.safetensors, so that those of another
encoder can take their place. Goes on where an earlier run was cut off.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np
from picture_set import Pictures, read_pictures
from safetensors.numpy import load_file, save_file
from sources import read_sources

from generation.starter.examples import Examples
from indexer import Encoder, load_encoder

IMAGES_FILE, TEXTS_FILE = "images.npy", "texts.safetensors"
_CHUNK = 256


def read_conditions(folder: Path, pictures: Pictures) -> Examples:
    """Open what was prepared, with the pictures it tells of."""
    images = np.load(folder / IMAGES_FILE)
    missing = int((images == 0).all(axis=1).sum())
    if missing:
        sys.exit(f"{missing:,} of {len(images):,} pictures have no embedding yet: run conditions.py again.")
    return Examples(pixels=pictures.pixels, images=images, **load_file(folder / TEXTS_FILE))


def embed_images(data: Path, folder: Path, pictures: Pictures, encoder: Encoder) -> None:
    """Embed the pictures as they were before they were made small."""
    path = folder / IMAGES_FILE
    if not path.exists():
        shape = (len(pictures), encoder.spec.dim)
        np.lib.format.open_memmap(path, "w+", dtype=np.float16, shape=shape).flush()
    images = np.load(path, mmap_mode="r+")
    sources, start = read_sources(data), 0
    while some := list(islice(sources, _CHUNK)):
        rows = slice(start, start + len(some))
        lacking = start + np.flatnonzero((images[rows] == 0).all(axis=1))
        if len(lacking):
            images[lacking] = encoder.encode_images([some[row - start].open() for row in lacking.tolist()])
            print(f"\r{rows.stop:,} of {len(pictures):,} pictures embedded", end="", flush=True)
        start = rows.stop
    images.flush()
    print()


def embed_texts(folder: Path, pictures: Pictures, encoder: Encoder) -> None:
    """Embed each different phrase once; all in one run."""
    if (folder / TEXTS_FILE).exists():
        return
    index: dict[str, int] = {}
    phrases, starts = [], [0]
    for said in pictures.table["phrases"].to_pylist():
        phrases += [index.setdefault(phrase, len(index)) for phrase in said]
        starts.append(len(phrases))
    words, texts = list(index), []
    for start in range(0, len(words), _CHUNK):
        texts.append(encoder.encode_texts(words[start : start + _CHUNK]).astype(np.float16))
        print(f"\r{start:,} of {len(words):,} phrases embedded", end="", flush=True)
    tensors = {
        "texts": np.concatenate(texts),
        "phrases": np.array(phrases, np.int64),
        "starts": np.array(starts, np.int64),
    }
    save_file(tensors, folder / TEXTS_FILE)
    print()


def main() -> None:
    """Embed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the packs")
    parser.add_argument("folder", type=Path, help="with what picture_set.py wrote in 'pictures'")
    options = parser.parse_args()
    pictures = read_pictures(options.folder / "pictures")
    encoder = load_encoder("starter")
    embed_texts(options.folder, pictures, encoder)
    embed_images(options.data, options.folder, pictures, encoder)


if __name__ == "__main__":
    main()
