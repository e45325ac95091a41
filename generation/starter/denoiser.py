"""The denoiser of the small generator: a U-Net conditioned on embeddings, from diffusers' own blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import ConfigMixin, DDIMScheduler, ModelMixin, UNet2DConditionModel
from diffusers.configuration_utils import register_to_config
from torch import Tensor

NEIGHBOURS = 4
"""Embeddings of neighbours that the denoiser is shown at most."""

_EPSILON = 1e-4
_TRAIT_WIDTH = 32  # numbers in which each trait of a picture is told
_PLAIN_TRAIT = 100.0  # far enough from 0 to be told apart as waves


class ConditionScaler(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Brings embeddings to mean 0 and deviation 1 in each number, as a network likes them.

    Args:
        dim: width of the embeddings.
    """

    mean: Tensor
    deviation: Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def fit(self, embeddings: Tensor) -> None:
        """Measure (n, dim) embeddings."""
        self.mean.copy_(embeddings.mean(0))
        self.deviation.copy_(embeddings.std(0).clamp(min=_EPSILON))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scale (..., dim) embeddings."""
        return (embeddings - self.mean) / self.deviation


def build_denoiser(
    *, dim: int, channels: int, grid: int, widths: tuple[int, ...] = (96, 160, 192)
) -> UNet2DConditionModel:
    """Build an untrained denoiser.

    The query's embedding enters with the noise level, in every residual block, and so do two traits of the
    picture: its true resolution (Podell et al. 2023) and whether its background is plain. The embeddings of
    query and neighbours are also attended to below the first level.

    Args:
        dim: width of the embeddings.
        channels: of the latents.
        grid: side of the latents.
        widths: channels of each level, from fine to coarse.
    """
    levels = len(widths)
    plain, attending = (
        ("DownBlock2D", "UpBlock2D"),
        ("SimpleCrossAttnDownBlock2D", "SimpleCrossAttnUpBlock2D"),
    )
    blocks = [plain if level == 0 else attending for level in range(levels)]
    return UNet2DConditionModel(
        sample_size=grid,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=widths,
        layers_per_block=2,
        down_block_types=tuple(down for down, _ in blocks),
        up_block_types=tuple(up for _, up in reversed(blocks)),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        attention_head_dim=32,
        norm_num_groups=16,
        cross_attention_dim=256,
        encoder_hid_dim=dim,
        encoder_hid_dim_type="text_proj",
        addition_embed_type="text_time",
        addition_time_embed_dim=_TRAIT_WIDTH,
        projection_class_embeddings_input_dim=dim + 2 * _TRAIT_WIDTH,
        resnet_time_scale_shift="scale_shift",
        time_embedding_dim=384,
    )


def build_scheduler(prediction: str = "sample") -> DDIMScheduler:
    """Build the noise schedule (Nichol & Dhariwal 2021, cosine) with DDIM's steps (Song et al. 2021).

    Args:
        prediction: what the network predicts: ``sample``, ``v_prediction`` or ``epsilon``.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type=prediction,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def picture_traits(sides: Tensor, plain: Tensor) -> Tensor:
    """Tell traits of pictures as the denoiser reads them, (n, 2) float32.

    Args:
        sides: (n,) pixels that a picture's side truly has, before it was enlarged.
        plain: (n,) whether it stands before a plain bright background.
    """
    return torch.stack([sides.float(), plain.float() * _PLAIN_TRAIT], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What the denoiser is told of a batch of pictures.

    Attributes:
        tokens: (n, 1 + m, dim) scaled embeddings: the query's, then its neighbours'; zeros for no query.
        mask: (n, 1 + m) float32, 0 where there is no neighbour.
        traits: (n, 2) float32, from ``picture_traits``.
    """

    tokens: Tensor
    mask: Tensor
    traits: Tensor


def denoise(unet: UNet2DConditionModel, noisy: Tensor, timesteps: Tensor, told: Told) -> Tensor:
    """Call the denoiser.

    Args:
        unet: from ``build_denoiser``; one from before traits were told is not told them.
        noisy: (n, c, g, g) latents.
        timesteps: (n,) int64.
        told: of the pictures.

    Returns:
        (n, c, g, g), what the scheduler's ``prediction_type`` says.
    """
    query = told.tokens[:, 0]
    conditions: dict[str, Any] = {"added_cond_kwargs": {"text_embeds": query, "time_ids": told.traits}}
    if unet.config.addition_embed_type is None:
        conditions = {"class_labels": query}
    predicted: Tensor = unet(
        noisy, timesteps, told.tokens, encoder_attention_mask=told.mask, return_dict=False, **conditions
    )[0]
    return predicted
