"""By what a model runs: torch, or onnxruntime where its towers were exported before.

Importing this module is quick; its functions import what they need.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from ..items import EncoderSpec
from . import loader
from .base import Encoder
from .deferred_encoder import DeferredEncoder
from .onnx import cache
from .zoo import ZOO

RUNTIMES = ("auto", "torch", "int8")
"""What a model may run by: what was exported if it is there, torch alone, or what was exported in 8 bits."""
_GPU_SIGNS = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


def exported(spec: EncoderSpec, device: str, runtime: str = "auto") -> Encoder | None:
    """Give the exported model of an embedding space, if it is there and the device is the processor.

    Args:
        spec: of the space.
        device: as a person gave it; ``auto`` means the processor where nothing looks like a GPU.
        runtime: ``int8`` to take short forms of its towers where they were made; ``torch`` for none at all.
    """
    if runtime == "torch" or not _is_cpu(device):
        return None
    folder = cache.folder_of(spec)
    facts = cache.read_facts(folder, spec)
    if facts is None:
        return None
    from .onnx.encoder import OnnxEncoder

    return OnnxEncoder(folder, facts, cache.short_towers(folder) if runtime == "int8" else None)


def may_have_gpu() -> bool:
    """Say whether torch might find a GPU, without importing it."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    return shutil.which("nvidia-smi") is not None or any(Path(sign).exists() for sign in _GPU_SIGNS)


def is_prepared(spec: EncoderSpec) -> bool:
    """Say whether a model's towers were exported."""
    return cache.read_facts(cache.folder_of(spec), spec) is not None


def worth_preparing(spec: EncoderSpec, device: str) -> bool:
    """Say whether a model that people use again and again is not exported, but would run on the processor."""
    known = {loader.STARTER, *(model.name for model in ZOO)}
    return spec.name in known and not is_prepared(spec) and _is_cpu(device)


def _is_cpu(device: str) -> bool:
    return device == "cpu" or (device == "auto" and not may_have_gpu())


def prepare(encoder: Encoder) -> str | None:
    """Export a model's towers, so that the next process needs no torch for it; takes about half a minute.

    Args:
        encoder: one that ``load_encoder`` gave, or deferred.

    Returns:
        Why it could not be done, in words; None if it was, or was done before.
    """
    from .onnx.export import export
    from .onnx.tokenizer import NotExportable
    from .pytorch.open_clip import OpenClipEncoder

    inner = encoder.load() if isinstance(encoder, DeferredEncoder) else encoder
    if is_prepared(inner.spec):
        return None
    if not isinstance(inner, OpenClipEncoder) or inner.device != "cpu":
        return "it does not run by torch on the processor"
    try:
        return None if export(inner) else "another process is at it"
    except NotExportable as error:
        return str(error)
    except OSError as error:
        return f"the cache cannot be written ({error.strerror or error})"
