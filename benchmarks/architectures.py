"""Real architectures with random weights, for speed alone: what no network is needed for."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

from indexer import load_encoder, prepare, shorten
from indexer.encoders.loader import STARTER
from indexer.encoders.onnx.encoder import OnnxEncoder
from indexer.encoders.pytorch.open_clip import OpenClipEncoder


def save_open_clip(architecture: str, folder: Path) -> None:
    """Save an architecture of open_clip as a model folder; the same weights every time."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        model = open_clip.create_model(architecture)
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    told = {
        "model_cfg": open_clip.get_model_config(architecture),
        "preprocess_cfg": {"resize_mode": "shortest", "interpolation": "bicubic"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(told))


def by_torch_on(device: str, architecture: str, models: Path) -> OpenClipEncoder:
    """Give the starter, or an architecture with random weights, as torch runs it; see ``prepared``."""
    name = architecture
    if architecture != STARTER:
        folder = models / architecture
        name = str(folder)
        if not folder.exists():
            save_open_clip(architecture, folder)
    encoder = load_encoder(name, device=device, runtime="torch")
    assert isinstance(encoder, OpenClipEncoder)
    return encoder


def prepared(architecture: str, models: Path, runtime: str = "auto") -> OnnxEncoder:
    """Give the starter, or an architecture with random weights, as onnxruntime runs it.

    Args:
        architecture: ``starter``, or a name of open_clip's.
        models: folder that architectures are saved in.
        runtime: ``int8`` for matrices in 8 bits.
    """
    by_torch = by_torch_on("cpu", architecture, models)
    name = by_torch.spec.name
    reason = prepare(by_torch)
    assert reason is None, reason
    if runtime == "int8":
        shorten(by_torch.spec)
    encoder = load_encoder(name, device="cpu", spec=by_torch.spec, runtime=runtime)
    assert isinstance(encoder, OnnxEncoder)
    return encoder
