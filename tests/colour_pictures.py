"""Little picture files of one colour each, for tests with the ColourEncoder."""

import io

import numpy as np
from PIL import Image

from tests.colour_encoder import COLOURS


def picture(colour="red", seed=0, size=(48, 40)):
    """A picture of four shades of one colour; another seed gives other shades."""
    shades = np.random.default_rng(seed).integers(-20, 21, (2, 2, 3))
    noise = shades.repeat(size[1] // 2, axis=0).repeat(size[0] // 2, axis=1)
    rgb = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(rgb)


def encoded(colour="red", seed=0, form="PNG"):
    """The bytes of such a picture as a file."""
    buffer = io.BytesIO()
    picture(colour, seed).save(buffer, form)
    return buffer.getvalue()


def write_pictures(folder, count, start=0):
    """Write ``count`` pictures of changing colours; return their paths in order of name."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(COLOURS)
    paths = []
    for i in range(start, start + count):
        path = folder / f"{i:03}_{names[i % len(names)]}.png"
        path.write_bytes(encoded(names[i % len(names)], seed=i))
        paths.append(path)
    return paths
