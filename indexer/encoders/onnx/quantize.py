"""Exported towers with their matrices in 8 bits: several times quicker where matrices are most of the work.

Weights are rounded once, by channel; activations as they come (Jacob et al., *Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference*, CVPR 2018; onnxruntime's dynamic kind). How
much that moves embeddings differs from model to model, so it is measured, and never used unless asked for.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...files.atomic_write import write_whole
from ...files.thread_warnings import quiet
from ...items import Embeddings, EncoderSpec, Kind
from ..canaries import CANARY_TEXTS, agreement, canary_pictures
from . import cache
from .encoder import OnnxEncoder

LEAST_COSINE = 0.995
"""Between a tower and its short form; a collection refuses an encoder whose canaries are below 0.99."""
_LEAST_GAIN = 1.2  # a form that is hardly quicker is not worth its error
_TEXTS = (*CANARY_TEXTS, "", "a long text, " * 60, "\u4f60\u597d")
_ROUNDS = 5
_TOWERS: tuple[tuple[str, Kind], ...] = (
    (cache.IMAGE_TOWER, "image"),
    (cache.TEXT_TOWER, "text"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortened:
    """What came of shortening one tower.

    Attributes:
        kind: image or text.
        cosine: the lowest between an embedding and that of the short form.
        gain: how many times as quick it is.
        kept: whether it is used by the runtime ``int8``.
    """

    kind: Kind
    cosine: float
    gain: float
    kept: bool


def shorten(spec: EncoderSpec) -> tuple[Shortened, ...]:
    """Make short forms of an exported model's towers, and keep those that are near enough and quicker.

    Args:
        spec: of a model that was exported.

    Raises:
        FileNotFoundError: it was not.
        OSError: the cache cannot be written.
    """
    folder = cache.folder_of(spec)
    facts = cache.read_facts(folder, spec)
    if facts is None:
        raise FileNotFoundError(folder)
    whole, made = OnnxEncoder(folder, facts), []
    sizes = {}
    for tower, kind in _TOWERS:
        name = cache.short_name(tower)
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            fresh = Path(beside, name)
            _quantize(folder / tower, fresh)
            light = OnnxEncoder(folder, facts, short={tower: fresh})
            found = _compared(kind, whole, light)
            made.append(found)
            if found.kept:
                fresh.replace(folder / name)
                sizes[name] = (folder / name).stat().st_size
    told = json.dumps(sizes).encode()
    write_whole(folder / cache.SHORT, told, beside=folder / f"{cache.SHORT}.new")
    return tuple(made)


def _quantize(tower: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic  # imports onnx, and takes a while

    with quiet():
        quantize_dynamic(
            tower,
            target,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
        )


def _compared(kind: Kind, whole: OnnxEncoder, light: OnnxEncoder) -> Shortened:
    def encode(encoder: OnnxEncoder) -> Embeddings:
        return encoder.encode_texts(_TEXTS) if kind == "text" else encoder.encode_images(pictures)

    small = [picture.resize((301, 77)) for picture in canary_pictures()[:1]]
    pictures = [*canary_pictures(), *small]
    cosine = agreement(encode(whole), encode(light))
    gain = _seconds(lambda: encode(whole)) / _seconds(lambda: encode(light))
    kept = cosine >= LEAST_COSINE and gain >= _LEAST_GAIN
    return Shortened(kind=kind, cosine=round(cosine, 4), gain=round(gain, 2), kept=kept)


def _seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))
