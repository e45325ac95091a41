"""An image network seen at every stage, not at its end alone.

A classifier's last features forget what its classes do not need: colours, textures, how many. Earlier stages
still know, and their averages cost nothing beside the network itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

_FIRST_STAGE = 1  # the one before it sees little more than edges


class StagedEfficientNet(nn.Module):
    """A timm EfficientNet that gives its pooled features, then the mean and deviation of each stage.

    Args:
        network: built by ``timm.create_model`` with ``num_classes=0``; used as it is.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.num_features = network.num_features + 2 * sum(
            stage[-1].conv_pwl.out_channels if hasattr(stage[-1], "conv_pwl") else 0
            for stage in network.blocks[_FIRST_STAGE:]
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, size, size) float32 to (n, features): pooled, means of stages, deviations of stages."""
        maps = self.network.bn1(self.network.conv_stem(pixels))
        means, deviations = [], []
        for number, stage in enumerate(self.network.blocks):
            maps = stage(maps)
            if number >= _FIRST_STAGE:
                variance, mean = torch.var_mean(maps, (2, 3))  # one pass over memory for both
                means.append(mean)
                deviations.append(variance.sqrt())
        pooled = self.network.bn2(self.network.conv_head(maps)).mean((2, 3))
        return torch.cat([pooled, *means, *deviations], dim=1)
