"""The small generator as a diffusers pipeline: embeddings in, pictures out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from diffusers.utils import logging
from torch import Tensor, nn

from .autoencoder import PatchAutoencoder
from .bridge import ConditionBridge
from .conv_autoencoder import ConvAutoencoder
from .denoiser import ConditionScaler, Told, denoise, picture_traits

_READING: Any = {"dtype": torch.float32, "local_files_only": True, "use_safetensors": True}

OnLatents = Callable[[int, int, Tensor], bool]
"""Called after each step with its number, from 1, of how many, and the latents (1, c, g, g) as foreseen.

False stops.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Condition:
    """What a picture is made from.

    Attributes:
        tokens: (1 + m, dim) float32 unit rows: the query's embedding, then its neighbours'.
        mask: (1 + m,) float32, 0 where a neighbour is not to be looked at.
        start: (1, 3, h, w) float32, -1 to 1, a picture to start from; None for noise.
        strength: share of the steps that change the start picture.
        is_plain: whether the background is to be plain and bright.
    """

    tokens: Tensor
    mask: Tensor
    start: Tensor | None = None
    strength: float = 1.0
    is_plain: bool = True


class StarterPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Makes pictures from embeddings.

    Args:
        vae: maps latents to pictures.
        unet: removes noise from latents.
        scheduler: the noise schedule and its steps.
        scaler: brings embeddings to the scale the denoiser was trained on.
        bridge: moves a query to the picture that is to be expected.
        translator: moves pictures' embeddings to those that the denoiser was trained on, where an encoder
            took the place of another since; else the identity.
    """

    _optional_components: ClassVar[list[str]] = ["translator"]

    vae: PatchAutoencoder | ConvAutoencoder
    unet: UNet2DConditionModel
    scheduler: DDIMScheduler
    scaler: ConditionScaler
    bridge: ConditionBridge
    translator: ConditionBridge

    def __init__(
        self,
        vae: PatchAutoencoder | ConvAutoencoder,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        scaler: ConditionScaler,
        bridge: ConditionBridge,
        translator: ConditionBridge | None = None,
    ) -> None:
        super().__init__()
        translator = translator or ConditionBridge(int(scaler.config.dim))
        self.register_modules(
            vae=vae, unet=unet, scheduler=scheduler, scaler=scaler, bridge=bridge, translator=translator
        )

    @torch.inference_mode()
    def __call__(
        self,
        condition: Condition,
        random: torch.Generator,
        *,
        steps: int = 25,
        guidance: float = 5.0,
        on_step: OnLatents | None = None,
    ) -> Tensor | None:
        """Make one picture; in a batch of several it would not be the same to the last bit.

        Args:
            condition: what to make.
            random: gives the noise.
            steps: of DDIM.
            guidance: scale of classifier-free guidance (Ho & Salimans 2022); 1 for none.
            on_step: sees each step, and may stop.

        Returns:
            (1, 3, h, w) float32, about -1 to 1; None if stopped.
        """
        device = self.unet.device
        shape = (1, self.unet.config.in_channels, *[self.unet.config.sample_size] * 2)
        noise = torch.randn(shape, generator=random, device=random.device).to(device)
        told = self._told(condition, guided=guidance != 1)
        self.scheduler.set_timesteps(steps, device=device)
        latents, timesteps = self._start(condition, noise)
        for number, timestep in enumerate(timesteps, 1):
            several = latents.expand(len(told.tokens), -1, -1, -1)
            predicted = denoise(self.unet, several, timestep.expand(len(several)), told)
            if guidance != 1:
                free, bound = predicted.chunk(2)
                predicted = free + guidance * (bound - free)
            stepped = self.scheduler.step(predicted, timestep, latents)
            latents = stepped.prev_sample
            if on_step is not None and not on_step(number, len(timesteps), stepped.pred_original_sample):
                return None
        picture: Tensor = self.vae.decode(latents)
        return picture

    def _told(self, condition: Condition, *, guided: bool) -> Told:
        """Tell the denoiser of one picture, or of two, first without the query, if guided."""
        device = self.unet.device
        tokens = condition.tokens.to(device)
        known = self.scaler(torch.cat([self.bridge(tokens[:1]), self._translated(tokens[1:])]))[None]
        unknown = torch.cat([torch.zeros_like(known[:, :1]), known[:, 1:]], dim=1)
        tokens = torch.cat([unknown, known]) if guided else known
        side = int(self.unet.config.sample_size) * self.vae.patch
        count = len(tokens)
        return Told(
            tokens=tokens,
            mask=condition.mask.to(device)[None].expand(count, -1),
            traits=picture_traits(
                torch.full((count,), side, device=device),
                torch.full((count,), condition.is_plain, device=device),
            ),
        )

    def _translated(self, pictures: Tensor) -> Tensor:
        """Translate embeddings (m, dim) of pictures; rows of zeros, which stand for none, stay zeros."""
        translated: Tensor = self.translator(pictures) * pictures.any(dim=-1, keepdim=True)
        return translated

    def _start(self, condition: Condition, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Give the first latents and the steps to take: all from noise, or the last ones from a picture."""
        timesteps = self.scheduler.timesteps
        if condition.start is None:
            return noise, timesteps
        left = max(1, round(len(timesteps) * condition.strength))
        timesteps = timesteps[-left:]
        clean = self.vae.encode(condition.start.to(noise.device))
        noisy: Tensor = self.scheduler.add_noise(clean, noise, timesteps[:1])
        return noisy, timesteps


def read_pipeline(folder: Path) -> StarterPipeline:
    """Read a pipeline in float32, without drawing bars.

    Raises:
        OSError, ValueError, KeyError, SafetensorError: the folder holds none, or a damaged one.
    """
    drawing = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        # One by one: the index of an older folder names modules as they were called when it was written.
        return StarterPipeline(
            vae=_autoencoder(folder).from_pretrained(folder, subfolder="vae", **_READING),
            unet=UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **_READING),
            scheduler=DDIMScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True),
            scaler=ConditionScaler.from_pretrained(folder, subfolder="scaler", **_READING),
            bridge=ConditionBridge.from_pretrained(folder, subfolder="bridge", **_READING),
            translator=_translator(folder),
        )
    finally:
        if drawing:
            logging.enable_progress_bar()


def _translator(folder: Path) -> ConditionBridge | None:
    """Read the translator, which folders of an encoder's own generator need not have."""
    if not (folder / "translator").is_dir():
        return None
    translator: ConditionBridge = ConditionBridge.from_pretrained(folder, subfolder="translator", **_READING)
    return translator


def _autoencoder(folder: Path) -> type[PatchAutoencoder | ConvAutoencoder]:
    """Tell which autoencoder a folder holds."""
    config = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8"))
    kind: str = config["_class_name"]
    found: type[PatchAutoencoder | ConvAutoencoder] = (
        ConvAutoencoder if kind == ConvAutoencoder.__name__ else PatchAutoencoder
    )
    return found


def write_pipeline(pipeline: StarterPipeline, folder: Path, *, dtype: torch.dtype = torch.float32) -> None:
    """Write a pipeline; what is in memory keeps its precision.

    Raises:
        OSError: the folder cannot be written.
    """
    parts = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
    for part in parts:
        nn.Module.to(part, dtype)  # diffusers' own ``to`` warns, though there is nothing to warn of
    pipeline.save_pretrained(folder, safe_serialization=True)
    for part in parts:
        nn.Module.to(part, torch.float32)
