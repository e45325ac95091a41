"""Encoders: pictures and texts to embeddings. The only owner of torch and open_clip besides adapt.

Nothing heavy is imported before a model is loaded.
"""

from __future__ import annotations

from .base import Encoder
from .canaries import agreement, canary_embeddings
from .deferred import DeferredEncoder
from .devices import resolve_device
from .long_texts import encode_whole_texts
from .zoo import ZOO, ModelInfo, choose_model, model_available

__all__ = [
    "ZOO",
    "DeferredEncoder",
    "Encoder",
    "ModelInfo",
    "agreement",
    "canary_embeddings",
    "choose_model",
    "encode_whole_texts",
    "load_encoder",
    "model_available",
    "resolve_device",
]


def load_encoder(name: str, *, device: str = "auto") -> Encoder:
    """Load an encoder by name.

    Args:
        name: ``starter``; ``ARCH/PRETRAINED_TAG`` from open_clip's list; ``hf-hub:ORG/NAME``; a folder with
            ``open_clip_config.json``; ``ARCH@FILE`` for a bare weight file; or ``auto`` for the best one
            that can be had.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        ModelUnavailable: there is no such model or device, or its weights are not here and cannot be fetched;
            without a network this takes a few seconds at most.
    """
    if name == "auto":
        name, _ = choose_model()
    from . import loading
    from .open_clip import OpenClipEncoder  # and with it, in time, torch

    name = loading.canonical(name)
    chosen = resolve_device(device, model=name)  # before the seconds that loading takes
    return OpenClipEncoder(loading.load_parts(name), name=name, device=chosen)
