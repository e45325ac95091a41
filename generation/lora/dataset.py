"""Pictures with their words, from a collection, as a diffusion model learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from indexer import Collection, Item, UnreadableImage, decode_image, load_image

from ..diffusion.pictures import resized
from ..errors import TooFewToTrain

if TYPE_CHECKING:
    import torch

ENOUGH_PAIRS = 3  # fewer teach a model nothing but themselves
_PAGE = 500
_MOST_KEPT = 2_000  # latents in memory: 260 MB at 512 x 512


def pairs_of(collection: Collection) -> list[Item]:
    """List the items to learn from, in order of id: those with a picture and words, none of them generated.

    A model that learns from what models made drifts from the world (Shumailov et al. 2024); promoted or not.

    Raises:
        TooFewToTrain: there are fewer than three.
    """
    ids = [known.id for known in collection.store.walk()]
    found = [
        item
        for start in range(0, len(ids), _PAGE)
        for item in collection.store.items(ids[start : start + _PAGE])
        if item.origin == "imported" and "image" in item.kinds and words_of(item)
    ]
    if len(found) < ENOUGH_PAIRS:
        raise TooFewToTrain(len(found), ENOUGH_PAIRS)
    return found


def words_of(item: Item) -> str:
    """Give what a picture is told by: its caption, else its title; empty if it has none."""
    return " ".join((item.text or item.title).split())


@dataclass(slots=True, kw_only=True, eq=False)
class Latents:
    """Encodes the pictures of items when they are first drawn, and keeps the results.

    Attributes:
        collection: for pictures that lie inside a table.
        vae: the model's autoencoder.
        size: width and height that pictures are cut to.
        unreadable: ids of items whose picture could not be read, with the reason.
    """

    collection: Collection
    vae: Any
    size: tuple[int, int]
    unreadable: dict[int, str] = field(default_factory=dict)
    _kept: dict[int, torch.Tensor] = field(default_factory=dict)

    def draw(
        self, items: Sequence[Item], rows: Sequence[int], random: torch.Generator
    ) -> tuple[torch.Tensor, list[Item]]:
        """Draw latents of some items; one that cannot be read is replaced by the next that can.

        Args:
            items: all.
            rows: which of them.
            random: for the draw from each picture's distribution of latents.

        Returns:
            Latents (n, channels, height, width) as the denoiser knows them, and the items they are of.

        Raises:
            TooFewToTrain: no picture can be read.
        """
        import torch

        drawn, chosen = [], []
        for row in rows:
            item, moments = self._readable(items, row)
            mean, deviation = moments
            noise = torch.randn(mean.shape, generator=random).to(mean.device)
            drawn.append((mean + deviation * noise) * self.vae.config.scaling_factor)
            chosen.append(item)
        return torch.stack(drawn), chosen

    def _readable(self, items: Sequence[Item], row: int) -> tuple[Item, torch.Tensor]:
        for offset in range(len(items)):
            item = items[(row + offset) % len(items)]
            if item.id in self.unreadable:
                continue
            try:
                return item, self._moments(item)
            except UnreadableImage as error:
                self.unreadable[item.id] = error.reason
        raise TooFewToTrain(0, ENOUGH_PAIRS)

    def _moments(self, item: Item) -> torch.Tensor:
        """Encode an item's picture: mean and deviation, (2, channels, height, width).

        Raises:
            UnreadableImage: its file is gone or damaged.
        """
        import torch

        kept = self._kept.get(item.id)
        if kept is None:
            pixels = np.asarray(self._picture(item), np.float32) / 127.5 - 1  # (height, width, 3)
            with torch.inference_mode():
                tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(self.vae.device, self.vae.dtype)
                posterior = self.vae.encode(tensor).latent_dist
            kept = torch.cat([posterior.mean, posterior.std]).float().clone()
            if len(self._kept) < _MOST_KEPT:
                self._kept[item.id] = kept
        return kept

    def _picture(self, item: Item) -> Image.Image:
        from pathlib import Path

        if item.path:
            return resized(load_image(Path(item.path), shorter_side=min(self.size)).image, self.size)
        small = self.collection.store.thumbnail(item.id)  # what is left of a picture inside a table
        if small is None:
            raise UnreadableImage(item.key, "there is no picture of it")
        return resized(decode_image(small, name=item.key).image, self.size)
