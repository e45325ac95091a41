"""Fine-tune a Stable Diffusion's UNet to a collection by LoRA (Hu et al. 2022)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer import Collection, resolve_device, without_warnings

from ..diffusion import model_files
from ..diffusion.pipelines import load_pipeline
from ..diffusion.placement import memory_errors
from ..errors import GeneratorUnavailable
from .checkpoints import check_start, exclusive, save_weights
from .dataset import Latents, pairs_of, words_of
from .loop import LoraRecipe, OnLoraStep, Training
from .samples import save_samples

_TARGETS = ("to_q", "to_k", "to_v", "to_out.0")  # the attention's projections, as in the paper
_LEARNS = ("StableDiffusionPipeline",)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraTrained:
    """What came of a training.

    Attributes:
        folder: holds the weights; for ``Lora`` and ``--lora``.
        pictures: learned from.
        unreadable: left out, with the reason by item.
        steps: of training.
        loss_before, loss_after: mean squared error on the same fixed draws; lower is better.
        seconds: wall-clock time, over all runs.
    """

    folder: Path
    pictures: int
    unreadable: dict[int, str]
    steps: int
    loss_before: float
    loss_after: float
    seconds: float


def train_lora(
    collection: Collection,
    model: str,
    *,
    out: Path,
    recipe: LoraRecipe | None = None,
    resume: bool = False,
    on_step: OnLoraStep | None = None,
) -> LoraTrained:
    """Train LoRA weights on a collection's own pictures, told by their captions or titles.

    A checkpoint is written every so many steps and when the person interrupts; going on from one equals one
    run, to the last bit on the same machine. At the end, samples are drawn without and with the weights.

    Args:
        collection: its generated items are never learned from.
        model: a Stable Diffusion folder, or ``ORG/NAME`` on the hub.
        out: folder for checkpoint, weights and samples.
        recipe: how.
        resume: go on from the checkpoint in ``out``.
        on_step: told about each step.

    Raises:
        CannotTrain: ``out`` is taken, cannot be written, or of another training; or the loss left all bounds.
        GeneratorUnavailable: the model cannot be loaded, or is none that can be trained so.
        OutOfMemory: the memory does not suffice.
        TooFewToTrain: too few pictures with words.
    """
    recipe = recipe or LoraRecipe()
    items = pairs_of(collection)
    with exclusive(out), without_warnings():
        check_start(out, resume=resume)
        folder = model_files.find_folder(model)
        pipeline = _load(model, folder, recipe)
        with memory_errors(model, _size(pipeline)):
            latents = Latents(collection=collection, vae=pipeline.vae, size=_size(pipeline))
            training = Training(pipeline, items, latents, recipe=recipe, out=out)
            done = training.run(model_files.revision_of(folder), resume=resume, on_step=on_step)
            trained = LoraTrained(
                folder=out,
                pictures=len(items) - len(latents.unreadable),
                unreadable=dict(latents.unreadable),
                steps=done.step,
                loss_before=done.loss_before,
                loss_after=training.judged(),
                seconds=round(done.seconds, 1),
            )
            save_weights(out, pipeline, _facts(trained, model, folder, recipe))
            save_samples(out, pipeline, [words_of(item) for item in items], recipe=recipe)
    return trained


def _facts(trained: LoraTrained, model: str, folder: Path, recipe: LoraRecipe) -> dict[str, Any]:
    """Give what stands beside the weights, as JSON has it."""
    return asdict(trained) | {
        "folder": str(trained.folder),
        "model": model,
        "recipe": recipe.identity(),
        "licence_of_model": model_files.licence_of(folder),
    }


def _load(model: str, folder: Path, recipe: LoraRecipe) -> Any:
    """Load the pipeline in float32 with fresh LoRA layers in its UNet, which alone learn."""
    import torch
    from peft import LoraConfig

    device = resolve_device(recipe.device, model=model, unavailable=GeneratorUnavailable)
    variant = model_files.find_variant(folder, wanted=None, half=False)
    pipeline = load_pipeline(model, folder, variant=variant, dtype=torch.float32)
    if type(pipeline).__name__ not in _LEARNS:
        reason = f"it is a {type(pipeline).__name__}, and only Stable Diffusion 1 and 2 can be trained so"
        raise GeneratorUnavailable(model, reason, "Name the folder of one of those.")
    if pipeline.unet.config.in_channels != pipeline.vae.config.latent_channels:
        reason = "it only paints in, which cannot be trained so"
        raise GeneratorUnavailable(model, reason, "Name the folder of a text-to-image model.")
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        part.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        pipeline.unet.add_adapter(
            LoraConfig(
                r=recipe.rank,
                lora_alpha=recipe.rank,
                init_lora_weights="gaussian",
                target_modules=list(_TARGETS),
            )
        )
    return pipeline.to(device)


def _size(pipeline: Any) -> tuple[int, int]:
    side = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    return side, side
