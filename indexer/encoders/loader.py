"""From a model's name to its parts, whichever of the five kinds of name it is.

starter                       the embedded default
ARCH/PRETRAINED_TAG           anything in open_clip's list, such as ViT-B-32/laion2b_s34b_b79k
hf-hub:ORG/NAME               a model on the hub in open_clip's format
FOLDER                        a folder with open_clip_config.json and its weights
ARCH@FILE                     one weight file (.safetensors, .pt) of a known architecture

Importing this module is quick; its functions import torch and open_clip when they need them.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelUnavailable
from . import hub
from .hub import Need
from .parts import Parts

STARTER = "starter"
HUB_PREFIX = "hf-hub:"
CONFIG_FILE = "open_clip_config.json"
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
)


def canonical(name: str) -> str:
    """Make the paths in a model's name absolute, so that it means the same from any working directory."""
    if name == STARTER or name.startswith(HUB_PREFIX):
        return name
    if (Path(name) / CONFIG_FILE).is_file():
        return str(Path(name).resolve())
    architecture, at, file = name.partition("@")
    return f"{architecture}@{Path(file).resolve()}" if at and Path(file).is_file() else name


def is_local(name: str) -> bool:
    """Say whether a name stands for a model's folder or weight file that is there."""
    _, at, file = name.partition("@")
    return (Path(name) / CONFIG_FILE).is_file() or (bool(at) and Path(file).is_file())


def load_parts(name: str) -> Parts:
    """Load a model by name, on the CPU, in float32.

    Raises:
        ModelUnavailable: the name is unknown, its files are broken, or they are not here and cannot be had.
    """
    if name == STARTER:
        from .pytorch import factory
        from .starter import model

        with factory.UnfilledWeights():
            return model.build()
    from .pytorch import factory

    if (Path(name) / CONFIG_FILE).is_file():
        with hub.access(name, _of_folder(Path(name))):
            return factory.build(name, f"local-dir:{name}")
    if name.startswith(HUB_PREFIX):
        with hub.access(name, needs(name)):
            return factory.build(name, name)
    if "@" in name:
        return _load_file(name)
    return _load_tag(name)


def needs(name: str) -> tuple[Need, ...]:
    """List what a model of the hub is made of; nothing for a name that is not in open_clip's list.

    A hub model's own configuration may name further repositories; they are listed once it is in the cache.

    Raises:
        ModelUnavailable: the name is not one that a repository can have, or its configuration is broken.
    """
    if name.startswith(HUB_PREFIX):
        repository = name.removeprefix(HUB_PREFIX)
        if not hub.is_repository(repository):
            hint = f"Write {HUB_PREFIX}ORG/NAME."
            raise ModelUnavailable(name, f"{repository!r} cannot be the name of a repository", hint)
        config = Need(repository=repository, any_of=(CONFIG_FILE,))
        found = hub.cached_file(config)
        weights = Need(repository=repository, any_of=WEIGHT_FILES)
        return (config, weights, *(_of_text_tower(_read_config(name, Path(found))) if found else ()))
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    architecture, _, tag = name.partition("/")
    repository, _, file = (get_pretrained_cfg(architecture, tag) or {}).get("hf_hub", "").rpartition("/")
    if not repository:
        return ()
    files = (str(Path(file).with_suffix(".safetensors")), file) if file else WEIGHT_FILES
    return (
        Need(repository=repository, any_of=files),
        *_of_text_tower(open_clip.get_model_config(architecture)),
    )


def _of_folder(folder: Path) -> tuple[Need, ...]:
    # Its tokenizer lies in the folder; only the layout of a text tower may have to come from elsewhere.
    config = _read_config(str(folder), folder / CONFIG_FILE)
    return tuple(need for need in _of_text_tower(config) if need.any_of == ("config.json",))


def _of_text_tower(config: Mapping[str, Any]) -> tuple[Need, ...]:
    text = config.get("text_cfg", {})
    found = []
    tokenizer = text.get("hf_tokenizer_name")
    if tokenizer and not Path(tokenizer).is_dir():
        found.append(Need(repository=tokenizer, any_of=_TOKENIZER_FILES))
    tower = text.get("hf_model_name")
    if tower and not Path(tower).is_dir():
        found.append(Need(repository=tower, any_of=("config.json",)))
    return tuple(found)


def _read_config(name: str, path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
        return {"text_cfg": dict(config["text_cfg"])}
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = f"{path} is not a configuration of open_clip ({type(error).__name__}: {error})"
        raise ModelUnavailable(name, reason, "Save the model again, or use another one.") from error


def _load_tag(name: str) -> Parts:
    from open_clip.pretrained import get_pretrained_cfg

    from .pytorch import factory

    architecture, _, tag = name.partition("/")
    config = get_pretrained_cfg(architecture, tag)
    if not config:
        raise _unknown(name)
    with hub.access(name, needs(name)):
        # A tag's activation belongs to its weights; open_clip only warns if they do not fit.
        quick_gelu = bool(config.get("quick_gelu"))
        return factory.build(name, architecture, tag, force_quick_gelu=quick_gelu)


def _load_file(name: str) -> Parts:
    import open_clip

    from .pytorch import factory

    architecture, _, file = name.partition("@")
    if architecture not in open_clip.list_models():
        reason = f"{architecture!r} is no architecture{_near(architecture, open_clip.list_models())}"
        raise ModelUnavailable(name, reason, "Write ARCH@FILE, such as ViT-B-32@model.safetensors.")
    if not Path(file).is_file():
        raise ModelUnavailable(
            name, f"there is no file {file}", "Write ARCH@FILE with the path of its weights."
        )
    with hub.access(name, _of_text_tower(open_clip.get_model_config(architecture))):
        return factory.build(name, architecture, file)


def _unknown(name: str) -> ModelUnavailable:
    import open_clip

    if Path(name).is_dir():
        hint = "Write ARCH@FILE for a bare weight file."
        return ModelUnavailable(name, f"there is no {CONFIG_FILE} in that folder", hint)
    if Path(name).is_file():
        reason = "a weight file does not tell its architecture"
        return ModelUnavailable(name, reason, f"Write it in front, such as ViT-B-32@{name}.")
    names = [STARTER, *(f"{architecture}/{tag}" for architecture, tag in open_clip.list_pretrained())]
    hint = f"Use a name from 'findmake models', {HUB_PREFIX}ORG/NAME, a model's folder, or ARCH@FILE."
    return ModelUnavailable(name, f"there is no model of that name{_near(name, names)}", hint)


def _near(name: str, names: list[str]) -> str:
    """Name the three names that are nearest, as the end of a sentence; nothing if none is near."""
    lower = {other.lower(): other for other in names}
    near = difflib.get_close_matches(name.lower(), lower, 3, cutoff=0.3)
    return f"; the nearest are {', '.join(lower[other] for other in near)}" if near else ""
