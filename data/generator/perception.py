"""How different two pictures look: by their features in the packaged image network (Zhang et al. 2018)."""

from __future__ import annotations

import timm
import torch
from torch import Tensor, nn

from indexer.encoders.starter import weights as starter_weights

_STAGES = 4  # down to a sixteenth; later ones know kinds rather than looks
_EPSILON = 1e-4


class Perception(nn.Module):
    """Compares pictures in features of tf_efficientnet_lite2, which the starter encoder brings along."""

    def __init__(self) -> None:
        super().__init__()
        network = timm.create_model("tf_efficientnet_lite2", pretrained=False, num_classes=0)
        network.load_state_dict(starter_weights.load_image_tower(starter_weights.locate().image))
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.stages = nn.ModuleList(network.blocks[:_STAGES])
        self.eval().requires_grad_(False)

    def forward(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Give the mean squared difference of unit features of (n, 3, h, w) pictures, -1 to 1."""
        with torch.no_grad():
            targets = self._features(wanted)
        pairs = zip(self._features(found), targets, strict=True)
        return torch.stack([(one - other).square().sum(1).mean() for one, other in pairs]).mean()

    def _features(self, pictures: Tensor) -> list[Tensor]:
        maps = self.stem(pictures)
        found = [maps]
        for stage in self.stages:
            maps = stage(maps)
            found.append(maps)
        return [maps * (maps.square().sum(1, keepdim=True) + _EPSILON).rsqrt() for maps in found]
