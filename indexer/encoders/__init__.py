"""Encoders: pictures and texts to embeddings. The only owner of torch and open_clip besides adapt.

Nothing heavy is imported before a model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ModelUnavailable
from ..items import EncoderSpec
from .base import Encoder, batch_size
from .canaries import agreement, canary_embeddings, compare_canaries
from .deferred_encoder import DeferredEncoder
from .devices import cores, resolve_device
from .long_texts import encode_whole_texts
from .model_state import model_state
from .runtime import RUNTIMES, exported, prepare, worth_preparing
from .zoo import ZOO, ModelInfo, choose_model, model_available

if TYPE_CHECKING:
    from .onnx.quantize import Shortened

__all__ = [
    "RUNTIMES",
    "ZOO",
    "DeferredEncoder",
    "Encoder",
    "ModelInfo",
    "agreement",
    "batch_size",
    "canary_embeddings",
    "choose_model",
    "compare_canaries",
    "cores",
    "encode_whole_texts",
    "load_encoder",
    "model_available",
    "model_state",
    "prepare",
    "resolve_device",
    "shorten",
    "worth_preparing",
]


def shorten(spec: EncoderSpec) -> tuple[Shortened, ...]:
    """Make and judge towers in 8 bits of an exported model; see ``onnx.quantize.shorten``."""
    from .onnx import quantize

    return quantize.shorten(spec)


def load_encoder(
    name: str, *, device: str = "auto", spec: EncoderSpec | None = None, runtime: str = "auto"
) -> Encoder:
    """Load an encoder by name.

    Args:
        name: ``starter``; ``ARCH/PRETRAINED_TAG`` from open_clip's list; ``hf-hub:ORG/NAME``; a folder with
            ``open_clip_config.json``; ``ARCH@FILE`` for a bare weight file; or ``auto`` for the best one
            that can be had.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        spec: of the encoder that is expected: if it was exported (``prepare``), nothing needs torch.
        runtime: ``auto``: on a processor, what was exported before; ``torch``; or ``int8``, which is ``auto``
            with towers in 8 bits where these were made (``shorten``).

    Raises:
        ModelUnavailable: there is no such model or device, or its weights are not here and cannot be fetched;
            without a network this takes a few seconds at most.
    """
    if runtime not in RUNTIMES:
        raise ModelUnavailable(name, f"there is no runtime {runtime!r}", f"Use {' or '.join(RUNTIMES)}.")
    if spec is not None:
        found = exported(spec, device, runtime)
        if found is not None:
            return found
    if name == "auto":
        name, _ = choose_model()
    from . import loader
    from .pytorch.open_clip import OpenClipEncoder  # and with it, in time, torch

    name = loader.canonical(name)
    chosen = resolve_device(device, model=name)  # before the seconds that loading takes
    made = OpenClipEncoder(loader.load_parts(name), name=name, device=chosen)
    return exported(made.spec, device, runtime) or made
