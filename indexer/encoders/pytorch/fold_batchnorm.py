"""Folds batch normalisation into the convolutions before it: same numbers, half the passes over memory.

In evaluation mode both are linear, so that their product is one convolution (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877, section 3.2).
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


def folded(tower: nn.Module, probe: torch.Tensor) -> nn.Module:
    """Copy a tower, and fold each normalisation that directly follows a convolution into it.

    Args:
        tower: an image tower in evaluation mode; it stays as it is.
        probe: (1, 3, size, size) float32, to see what follows what.

    Returns:
        The copy, or the tower itself if it has no such normalisation.
    """
    if not any(isinstance(module, nn.BatchNorm2d) for module in tower.modules()):
        return tower  # a transformer: no need for a second copy of it
    tower = copy.deepcopy(tower)
    replacements = {}
    for convolution, norm in _pairs(tower, probe):
        _fold(convolution, norm)
        replacements[norm] = getattr(norm, "act", None) or nn.Identity()  # timm's layers hold the activation
    for module in list(tower.modules()):
        for name, child in list(module.named_children()):
            if child in replacements:
                setattr(module, name, replacements[child])
    return tower


def _pairs(tower: nn.Module, probe: torch.Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Run the tower once, and note which normalisation takes what a convolution gave."""
    gave: dict[int, tuple[nn.Conv2d, torch.Tensor]] = {}  # the tensors too, or an address comes up twice
    pairs = []

    def after_convolution(module: Any, _args: Any, output: torch.Tensor) -> None:
        gave[id(output)] = (module, output)

    def before_norm(module: Any, args: Any) -> None:
        if id(args[0]) in gave and module.affine and module.track_running_stats:
            pairs.append((gave[id(args[0])][0], module))

    hooks = []
    for module in tower.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(after_convolution))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(before_norm))
    tower(probe)
    for hook in hooks:
        hook.remove()
    return pairs


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight / torch.sqrt(variance + norm.eps)  # (channels,)
    bias = norm.bias - mean * scale
    if convolution.bias is not None:
        bias = bias + convolution.bias * scale
    convolution.weight = nn.Parameter(convolution.weight * scale[:, None, None, None], requires_grad=False)
    convolution.bias = nn.Parameter(bias, requires_grad=False)
