"""A real, tiny generator without weights: paints the colours that an embedding of ColourEncoder stands for.

It obeys the Generator protocol: equal requests give equal pictures, picture i is that of seed + i. Some seeds
go astray, as those of any generator do: ``seed % 3 == 2`` paints other colours altogether.
"""

import numpy as np
from PIL import Image

from generation import (
    BadRequest,
    GeneratedImage,
    GenerationCancelled,
    GenerationSettings,
    GeneratorInfo,
    Step,
)
from tests.colour_encoder import ColourEncoder

STEPS = 3


class ColourGenerator:
    """Inverts the encoder's rotation, and paints a 2 x 2 grid with shades that depend on the seed."""

    def __init__(self, encoder=None, *, tokens=None, revision="1", side=48):
        self._encoder = encoder or ColourEncoder()
        self._inverse = np.linalg.pinv(self._encoder._rotation)  # (32, 28)
        self.info = GeneratorInfo(
            name="colours",
            revision=revision,
            encoder_sha256=self._encoder.spec.weights_sha256,
            size=(side, side),
            licence="none",
            prompt_tokens=tokens,
        )
        self.requests = []

    def generate(self, request, *, on_step=None):
        self.requests.append(request)
        if request.embedding is None:
            raise BadRequest("no embedding", "one")
        steps = request.steps or STEPS
        for number in range(request.count):
            for step in range(1, steps + 1):
                told = Step(step=step, steps=steps, picture=number, pictures=request.count)
                if on_step is not None and not on_step(told):
                    raise GenerationCancelled(step, steps)
        return [self._make(request, request.seed + number, steps) for number in range(request.count)]

    def _make(self, request, seed, steps):
        rng = np.random.default_rng(seed)
        grid = self._grid(request.embedding)
        if seed % 3 == 2:
            grid = rng.uniform(-1, 1, 12)
        elif request.neighbours is not None:
            near = np.mean([self._grid(row) for row in request.neighbours], axis=0)
            grid = grid + 0.1 * request.style_weight * near
        if request.start is not None:
            small = np.asarray(request.start.convert("RGB").resize((2, 2)), np.float64)
            grid = request.strength * grid + (1 - request.strength) * (small.ravel() / 127.5 - 1)
        shades = ((grid + 1) * 127.5 + rng.integers(-12, 13, 12)).reshape(2, 2, 3)
        shades = shades.repeat(6, axis=0).repeat(6, axis=1) + rng.integers(-20, 21, (12, 12, 1))
        image = Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8))
        image = image.resize(self.info.size, Image.Resampling.NEAREST)
        settings = GenerationSettings(
            model=self.info.name,
            revision=self.info.revision,
            mode="embedding-to-image" if request.start is None else "image-to-image",
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            seed=seed,
            steps=steps,
            guidance=1.0 if request.guidance is None else request.guidance,
            scheduler=request.scheduler or "paint",
            width=self.info.size[0],
            height=self.info.size[1],
            extras={"style_weight": request.style_weight, "strength": request.strength},
        )
        return GeneratedImage(image=image, settings=settings)

    def _grid(self, embedding):
        grid = (embedding @ self._inverse)[:12].astype(np.float64)
        return 0.8 * grid / max(float(np.abs(grid).max()), 1e-6)
