"""Shows what a LoRA changed: some prompts drawn without it and with it, side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .lora_checkpoints import SAMPLES, replace_file
from .lora_training import LoraRecipe

_PROMPTS = 4
_MARK = "made by a model (findmake train-lora): above without, below with the trained LoRA"


def save_samples(out: Path, pipeline: Any, prompts: Sequence[str], *, recipe: LoraRecipe) -> None:
    """Write a grid: a column for each of some prompts, above without the LoRA, below with it.

    Args:
        out: folder.
        pipeline: with the LoRA in its UNet.
        prompts: of all pictures; a few that are spread over them are taken.
        recipe: its seed is that of the noise, the same above and below.

    Raises:
        CannotTrain: the folder cannot be written.
    """
    distinct = list(dict.fromkeys(prompts))
    some = distinct[:: -(-len(distinct) // _PROMPTS)][:_PROMPTS]
    pipeline.set_progress_bar_config(disable=True)
    pipeline.unet.eval()
    pipeline.unet.disable_adapters()
    try:
        above = [_draw(pipeline, prompt, recipe, number) for number, prompt in enumerate(some)]
    finally:
        pipeline.unet.enable_adapters()
    below = [_draw(pipeline, prompt, recipe, number) for number, prompt in enumerate(some)]
    replace_file(out / SAMPLES, _encoded(_grid([above, below]), some))


def _draw(pipeline: Any, prompt: str, recipe: LoraRecipe, number: int) -> Image.Image:
    import torch

    noise = torch.Generator("cpu").manual_seed(recipe.seed + number)
    made = pipeline(prompt, num_inference_steps=recipe.sample_steps, generator=noise, output_type="pil")
    picture: Image.Image = made.images[0].convert("RGB")
    return picture


def _grid(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    width, height = rows[0][0].size
    grid = Image.new("RGB", (width * len(rows[0]), height * len(rows)))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            grid.paste(picture, (x * width, y * height))
    return grid


def _encoded(grid: Image.Image, prompts: Sequence[str]) -> bytes:
    """Write a PNG that says what it is, as every picture that a model made must."""
    facts, buffer = PngInfo(), io.BytesIO()
    facts.add_itxt("Comment", f"{_MARK}. Prompts: {'; '.join(prompts)}")
    grid.save(buffer, "PNG", pnginfo=facts)
    return buffer.getvalue()
