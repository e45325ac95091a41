"""The autoencoder of the starter generator: patches to a few numbers, learned from principal components on.

Encoder and decoder are each the sum of a linear map of patches, which begins as their principal components,
and a convolutional network that begins at zero. So even an untrained one is usable, and the linear half gives
a preview at next to no cost. All work is done at a half of the pictures' resolution or less.

Latents are kept simple enough for a small denoiser: training draws them towards zero, adds noise before they
are decoded, and asks that latents at half the size decode to the picture at half the size (Kouzelis et al.
2025, EQ-VAE; Skorokhodov et al. 2025).
"""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import AutoencoderTinyBlock
from torch import Tensor, nn
from torch.nn import functional

_PATCH = 8
_MOST_PATCHES = 400_000  # enough to tell the components of a patch
_FLATTENING = 0.25  # power of a component's deviation that its scale takes away; 0.5 would make all equal


class ConvAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps pictures (n, 3, h, w) to latents (n, c, h / 8, w / 8) and back.

    Args:
        latent_channels: numbers of a patch of 8 x 8 pixels.
        widths: channels of the networks at an eighth, a quarter and a half of the pictures' resolution.
        blocks: residual blocks of the decoder at each of these; the encoder has two at the first two.
    """

    shift: Tensor
    scale: Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 16,
        widths: tuple[int, ...] = (128, 64, 32),
        blocks: tuple[int, ...] = (3, 3, 2),
    ) -> None:
        super().__init__()
        self.patch = _PATCH
        coarse, middle, fine = widths
        self.register_buffer("shift", torch.zeros(latent_channels))
        self.register_buffer("scale", torch.ones(1))
        self.to_components = nn.Conv2d(3, latent_channels, _PATCH, stride=_PATCH)
        self.from_components = nn.ConvTranspose2d(latent_channels, 3, _PATCH, stride=_PATCH)
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, middle, 3, padding=1),
            *_blocks(middle, 2),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * middle, coarse, 1),
            *_blocks(coarse, 2),
            _zeroed(nn.Conv2d(coarse, latent_channels, 3, padding=1)),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, coarse, 3, padding=1),
            *_blocks(coarse, blocks[0]),
            nn.Conv2d(coarse, 4 * middle, 1),
            nn.PixelShuffle(2),
            *_blocks(middle, blocks[1]),
            nn.Conv2d(middle, 4 * fine, 1),
            nn.PixelShuffle(2),
            *_blocks(fine, blocks[2]),
            _zeroed(nn.Conv2d(fine, 12, 3, padding=1)),
            nn.PixelShuffle(2),
        )

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> None:
        """Begin with the principal components of patches.

        Args:
            pictures: (n, 3, h, w) float32, -1 to 1.
        """
        patches = functional.pixel_unshuffle(pictures, _PATCH).permute(0, 2, 3, 1).flatten(0, 2)
        patches = patches[:: -(-len(patches) // _MOST_PATCHES)].double()
        mean = patches.mean(0).reshape(3, -1).mean(1)  # of each colour: a transposed convolution has no more
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))
        kept = len(self.shift)
        deviations = values.flip(0)[:kept].clamp(min=1e-8).sqrt()
        scale = (deviations / deviations[0]) ** -_FLATTENING / deviations[0]
        shape = (kept, 3, _PATCH, _PATCH)
        components = vectors.flip(1)[:, :kept].T
        offset = components @ mean.repeat_interleave(_PATCH**2)
        _set(self.to_components, (components * scale[:, None]).reshape(shape), -offset * scale)
        _set(self.from_components, (components / scale[:, None]).reshape(shape), mean)

    @torch.no_grad()
    def standardise(self, latents: Tensor) -> None:
        """Bring latents to mean 0 in each channel and deviation 1 in all, measured on (n, c, h, w)."""
        raw = latents / self.scale + self.shift[:, None, None]
        self.shift.copy_(raw.mean((0, 2, 3)))
        self.scale.copy_((raw - self.shift[:, None, None]).std().reciprocal().reshape(1))

    def encode(self, pictures: Tensor) -> Tensor:
        """Map (n, 3, h, w) pictures, -1 to 1, to (n, c, h / 8, w / 8) latents."""
        raw: Tensor = self.to_components(pictures) + self.encoder(pictures)
        return (raw - self.shift[:, None, None]) * self.scale

    def project(self, latents: Tensor) -> Tensor:
        """Map latents to pictures (n, 3, h, w) by the linear half alone, at next to no cost."""
        projected: Tensor = self.from_components(self._raw(latents))
        return projected

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents to pictures, (n, 3, h, w), about -1 to 1."""
        raw = self._raw(latents)
        decoded: Tensor = self.from_components(raw) + self.decoder(raw)
        return decoded

    def forward(self, latents: Tensor) -> Tensor:
        """Decode."""
        return self.decode(latents)

    def _raw(self, latents: Tensor) -> Tensor:
        return latents / self.scale + self.shift[:, None, None]


def _blocks(width: int, count: int) -> list[nn.Module]:
    return [AutoencoderTinyBlock(width, width, "relu") for _ in range(count)]


def _set(layer: nn.Conv2d | nn.ConvTranspose2d, weight: Tensor, bias: Tensor) -> None:
    assert layer.bias is not None
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)


def _zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
