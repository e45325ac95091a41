"""Too large a picture for what memory is left: ``python -m tests.short_of_memory PIPELINE``.

In a process of its own, for oneDNN remembers what it could not make, and whatever ran after it would suffer.
"""

import resource
import sys
from pathlib import Path

import numpy as np

from generation.diffusion.generator import DiffusersGenerator, DiffusionOptions
from generation.errors import OutOfMemory
from generation.request import GenerationRequest

MORE = 64 << 20  # bytes


def made(generator, **size):
    asked = GenerationRequest(prompt="a red shoe", steps=3, seed=7, **size)
    [picture] = generator.generate(asked)
    return np.asarray(picture.image)


if __name__ == "__main__":
    generator = DiffusersGenerator(Path(sys.argv[1]), DiffusionOptions(device="cpu"))
    before = made(generator)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    kept = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE, kept[1]))
    try:
        made(generator, width=2048, height=2048)
    except OutOfMemory as error:
        sys.stdout.write(f"{error.size}\n")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, kept)
    sys.stdout.write(f"{np.array_equal(before, made(generator))}\n")
