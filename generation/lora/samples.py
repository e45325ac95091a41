"""Shows what a LoRA changed: some prompts drawn without it and with it, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from indexer import Generated

from ..marks.metadata import mark_png
from .checkpoints import SAMPLES, replace_file
from .loop import LoraRecipe

_PROMPTS = 4


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
    replace_file(out / SAMPLES, mark_png(_grid([above, below]), _provenance(pipeline, some, recipe)))


def _draw(pipeline: Any, prompt: str, recipe: LoraRecipe, number: int) -> Image.Image:
    import torch

    noise = torch.Generator("cpu").manual_seed(recipe.seed + number)
    made = pipeline(prompt, num_inference_steps=recipe.sample_steps, generator=noise, output_type="pil")
    picture: Image.Image = made.images[0].convert("RGB")
    return picture


def _provenance(pipeline: Any, prompts: Sequence[str], recipe: LoraRecipe) -> Generated:
    """Tell how the grid was made, for the marks that every picture of a model carries."""
    return Generated(
        prompt="; ".join(prompts),
        negative_prompt="",
        model=str(pipeline.config.get("_name_or_path", "")),
        seed=recipe.seed,
        scheduler=type(pipeline.scheduler).__name__,
        steps=recipe.sample_steps,
        guidance=pipeline.guidance_scale,
        parents=(),
        for_query="",
        verdict="",
        at=datetime.now(UTC),
        mode="text-to-image",
        extras={"grid": "above without the LoRA, below with it"},
    )


def _grid(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    width, height = rows[0][0].size
    grid = Image.new("RGB", (width * len(rows[0]), height * len(rows)))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            grid.paste(picture, (x * width, y * height))
    return grid
