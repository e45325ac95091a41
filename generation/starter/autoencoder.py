"""The autoencoder of the small generator: patches to their principal components, and back.

The encoder is linear: each patch of pixels becomes its first principal components. It needs no training but
one look at the pictures, and it loses little (33 dB at 64 pixels, patches of 4 and 12 components, on product
photos). The decoder is that projection turned round plus a small convolutional network (diffusers'
``DecoderTiny``) that learns what was lost and mends the seams between patches.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderTiny
from torch import Tensor, nn
from torch.nn import functional

_MOST_PATCHES = 400_000  # enough to tell the components of a patch


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps pictures (n, 3, h, w) to latents (n, c, h / patch, w / patch) and back.

    Args:
        patch: pixels of a patch's side.
        latent_channels: principal components that are kept.
        width: channels of the decoder's network.
        blocks: residual blocks of the decoder's network, from coarse to fine; one level per factor of two.
    """

    mean: Tensor
    components: Tensor
    scale: Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        patch: int = 4,
        latent_channels: int = 12,
        width: int = 48,
        blocks: tuple[int, ...] = (2, 2, 1),
    ) -> None:
        super().__init__()
        self.patch = patch
        numbers = 3 * patch * patch
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("components", torch.eye(latent_channels, numbers))
        self.register_buffer("scale", torch.ones(latent_channels))
        self.decoder = DecoderTiny(
            in_channels=latent_channels,
            out_channels=3,
            num_blocks=tuple(blocks),
            block_out_channels=(width,) * len(blocks),
            upsampling_scaling_factor=2,
            act_fn="relu",
            upsample_fn="nearest",
        )
        last = self.decoder.layers[-1]
        nn.init.zeros_(last.weight)  # an untrained decoder is the plain projection
        nn.init.zeros_(last.bias)

    def fit(self, pictures: Tensor) -> None:
        """Find the principal components of patches.

        Each is scaled by the root of its own deviation and the first one's: details keep less weight than
        outlines, but not as little as they have among pixels.

        Args:
            pictures: (n, 3, h, w) float32, -1 to 1.
        """
        patches = self._patches(pictures).permute(0, 2, 3, 1).flatten(0, 2)  # (n * h * w, numbers)
        patches = patches[:: -(-len(patches) // _MOST_PATCHES)].double()
        self.mean.copy_(patches.mean(0))
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))
        kept = len(self.scale)
        deviations = values.flip(0)[:kept].clamp(min=1e-8).sqrt()
        self.components.copy_(vectors.flip(1)[:, :kept].T)
        self.scale.copy_((deviations * deviations[0]).rsqrt())

    def encode(self, pictures: Tensor) -> Tensor:
        """Map (n, 3, h, w) pictures, -1 to 1, to (n, c, h / patch, w / patch) latents."""
        centred = self._patches(pictures) - self.mean[:, None, None]
        return torch.einsum("npyx,cp->ncyx", centred, self.components * self.scale[:, None])

    def project(self, latents: Tensor) -> Tensor:
        """Map latents to pictures (n, 3, h, w) by the projection alone, at next to no cost."""
        patches = torch.einsum("ncyx,cp->npyx", latents, self.components / self.scale[:, None])
        return functional.pixel_shuffle(patches + self.mean[:, None, None], self.patch)

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents to pictures, (n, 3, h, w), about -1 to 1."""
        learned: Tensor = self.decoder(latents)
        return self.project(latents) + (learned + 1) / 2  # diffusers' decoder ends in 2 x - 1

    def forward(self, latents: Tensor) -> Tensor:
        """Decode; what training calls."""
        return self.decode(latents)

    def _patches(self, pictures: Tensor) -> Tensor:
        """Cut (n, 3, h, w) into (n, 3 * patch^2, h / patch, w / patch)."""
        return functional.pixel_unshuffle(pictures, self.patch)


def to_pixels(pictures: Tensor) -> Any:
    """Turn (n, 3, h, w) pictures, about -1 to 1, into (n, h, w, 3) uint8."""
    bytes_ = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def from_pixels(pixels: Any) -> Tensor:
    """Turn (n, h, w, 3) uint8 into (n, 3, h, w) float32, -1 to 1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()
