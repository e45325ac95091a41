"""Exports an encoder's towers to ONNX, and trusts them only if they give the same embeddings.

Importing this module imports torch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ...files.thread_warnings import quiet
from ..canaries import CANARY_TEXTS, agreement, canary_pictures
from ..parts import Parts
from ..preprocess import PixelSettings
from ..pytorch.open_clip import OpenClipEncoder
from ..starter import model as starter
from . import cache
from .cache import ExportedFacts
from .causal_text import CausalTextTower
from .encoder import OnnxEncoder
from .tokenizer import NotExportable, exported_tokenizer

LEAST_COSINE = 0.9995  # between both ways to run the model
_MOST = 4_096  # inputs at once; a bound that the exporter asks for
_LONG_TEXT = "a long text, " * 200


def export(encoder: OpenClipEncoder) -> bool:
    """Export an encoder into the cache; nothing happens if it is there, or being made, already.

    Args:
        encoder: on the CPU.

    Returns:
        Whether an export of it is there now.

    Raises:
        NotExportable: it has parts that only torch can run, or would give other embeddings.
        OSError: the cache cannot be written.
    """
    folder = cache.folder_of(encoder.spec)
    if cache.read_facts(folder, encoder.spec) is not None:
        return True
    tokenizer, pixels = exported_tokenizer(encoder.parts.tokenizer), _pixels(encoder.parts)
    facts = ExportedFacts(
        spec=encoder.spec,
        pixels=pixels,
        context=tokenizer.context,
        padding=tokenizer.padding,
        cleaning=tokenizer.cleaning,
        trims=_trims(encoder.parts),
        sizes={},
    )
    with cache.replacing(folder) as made:
        if made is None:
            return False
        tokenizer.tokenizer.save(str(made / cache.TOKENIZER))
        _export_towers(encoder.parts, made)
        cache.write_facts(made, facts)
        _check(encoder, OnnxEncoder(made, facts))
    return True


def _pixels(parts: Parts) -> PixelSettings:
    if isinstance(parts.tokenizer, starter.Tokenizer):
        return starter.PIXELS
    told = getattr(parts.model.visual, "preprocess_cfg", None) or {}
    if told.get("resize_mode") not in ("squash", "shortest") or told.get("interpolation") not in (
        "bicubic",
        "bilinear",
    ):
        raise NotExportable("it prepares its pictures in a way of its own")
    return PixelSettings(
        size=parts.image_size,
        mean=tuple(told["mean"]),
        std=tuple(told["std"]),
        interpolation=told["interpolation"],
        resize=told["resize_mode"],
    )


class _Tower(torch.nn.Module):
    """One tower with the length of its embeddings brought to 1."""

    def __init__(self, model: Any, kind: str) -> None:
        super().__init__()
        self.model, self.kind = model, kind
        self.trimmed = CausalTextTower(model) if kind == "text" and CausalTextTower.fits(model) else None

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        encode = self.model.encode_image if self.kind == "image" else self.trimmed or self.model.encode_text
        return torch.nn.functional.normalize(encode(values), dim=-1)


def _trims(parts: Parts) -> bool:
    """Say whether texts need not be filled up to the whole context."""
    return isinstance(parts.tokenizer, starter.Tokenizer) or CausalTextTower.fits(parts.model)


def _export_towers(parts: Parts, folder: Path) -> None:
    tokens = parts.tokenizer([CANARY_TEXTS[0], _LONG_TEXT])
    pixels = torch.stack([parts.preprocess(picture) for picture in canary_pictures()[:2]])
    many = torch.export.Dim("many", min=1, max=_MOST)
    width = torch.export.Dim("width", min=2, max=tokens.shape[1])
    text = {0: many, 1: width} if _trims(parts) else {0: many}
    _export(_Tower(parts.model, "text"), tokens, text, folder / cache.TEXT_TOWER)
    _export(_Tower(parts.model, "image"), pixels, {0: many}, folder / cache.IMAGE_TOWER)


def _export(tower: _Tower, values: torch.Tensor, dynamic: dict[int, Any], path: Path) -> None:
    loud = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loud]
    for logger in loud:
        logger.setLevel(logging.ERROR)
    try:
        with quiet(), torch.inference_mode():
            program = torch.onnx.export(
                tower.eval(), (values,), dynamo=True, dynamic_shapes={"values": dynamic}, verbose=False
            )
            assert program is not None
            program.save(path)
    except (RuntimeError, ValueError, TypeError, NotImplementedError, OSError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise NotExportable(f"its {tower.kind} tower cannot be written as ONNX ({first})") from error
    finally:
        for logger, level in zip(loud, levels, strict=True):
            logger.setLevel(level)


def _check(torch_encoder: OpenClipEncoder, onnx_encoder: OnnxEncoder) -> None:
    """Compare both ways to run the model, on inputs of many lengths and shapes."""
    texts = [*CANARY_TEXTS, "", "A&amp;B  \u00e9t\u00e9\n", _LONG_TEXT]
    pictures = [*canary_pictures(), *_shapes(canary_pictures())]
    tower = _Tower(torch_encoder.parts.model, "image")  # as it is, not tuned: that may be in short floats
    with torch.inference_mode():
        rows = tower(torch.stack([torch_encoder.preprocess(picture) for picture in pictures])).numpy()
    cosines = (
        agreement(torch_encoder.encode_texts(texts), onnx_encoder.encode_texts(texts)),
        agreement(rows, onnx_encoder.encode_images(pictures)),
    )
    if min(cosines) < LEAST_COSINE:
        raise NotExportable(f"by ONNX it gives other embeddings (cosine {min(cosines):.4f})")


def _shapes(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    wide, high, grey, palette = pictures
    return [wide.resize((301, 77)), high.resize((50, 900)), grey.convert("L"), palette.convert("P")]
