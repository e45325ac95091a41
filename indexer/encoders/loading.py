"""From a model's name to its parts, whichever of the four kinds of name it is.

starter                       the embedded default
ARCH/PRETRAINED_TAG           anything in open_clip's list, such as ViT-B-32/laion2b_s34b_b79k
hf-hub:ORG/NAME               a model on the hub in open_clip's format
FOLDER                        a folder with open_clip_config.json and its weights
ARCH@FILE                     one weight file (.safetensors, .pt) of a known architecture
"""

from __future__ import annotations

import difflib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ..errors import ModelUnavailable
from . import hub
from .parts import Parts

STARTER = "starter"
HUB_PREFIX = "hf-hub:"
CONFIG_FILE = "open_clip_config.json"


def load_parts(name: str) -> Parts:
    """Load a model by name, on the CPU, in float32.

    Raises:
        ModelUnavailable: the name is unknown, its files are broken, or they are not here and cannot be had.
    """
    if name == STARTER:
        from . import starter

        return starter.build()
    if (Path(name) / CONFIG_FILE).is_file():
        return _create(name, f"local-dir:{name}", None)
    if "@" in name:
        return _load_file(name)
    if name.startswith(HUB_PREFIX):
        with _hub_access(name, name.removeprefix(HUB_PREFIX)):
            return _create(name, name, None)
    if "/" in name:
        return _load_tag(name)
    raise _unknown(name)


def hub_repository(name: str) -> str | None:
    """Name the hub repository of a model's weights; None if it needs none or is unknown."""
    if name.startswith(HUB_PREFIX):
        return name.removeprefix(HUB_PREFIX)
    architecture, _, tag = name.partition("/")
    from open_clip.pretrained import get_pretrained_cfg

    found: str = (get_pretrained_cfg(architecture, tag) or {}).get("hf_hub", "") if tag else ""
    return found.rpartition("/")[0] or None


def _load_tag(name: str) -> Parts:
    from open_clip.pretrained import get_pretrained_cfg

    architecture, _, tag = name.partition("/")
    config = get_pretrained_cfg(architecture, tag)
    if not config:
        raise _unknown(name)
    with _hub_access(name, hub_repository(name)):
        # A tag's activation belongs to its weights; open_clip only warns if they do not fit.
        return _create(name, architecture, tag, force_quick_gelu=bool(config.get("quick_gelu")))


def _load_file(name: str) -> Parts:
    architecture, _, file = name.partition("@")
    import open_clip

    if architecture not in open_clip.list_models():
        near = difflib.get_close_matches(architecture, open_clip.list_models(), 3)
        raise ModelUnavailable(
            name, f"{architecture!r} is no architecture; the nearest are {', '.join(near)}"
        )
    if not Path(file).is_file():
        raise ModelUnavailable(name, f"there is no file {file}")
    return _create(name, architecture, file)


@contextmanager
def _hub_access(name: str, repository: str | None) -> Iterator[None]:
    """Use the cache alone if the model is there, else the hub if it answers, else say no at once."""
    cached = repository is not None and hub.is_cached(repository)
    if not cached and not hub.is_reachable():
        raise ModelUnavailable(name, "it is not in this machine's cache, and the model hub cannot be reached")
    with hub.without_network() if cached else nullcontext():
        yield


def _create(name: str, model_name: str, pretrained: str | None, **options: Any) -> Parts:
    """Build through open_clip's own factory, so that tags keep their preprocessing and tokenizer."""
    import open_clip

    logging.getLogger("open_clip").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries below; what matters here raises
            model, _, preprocess = open_clip.create_model_and_transforms(
                model_name, pretrained=pretrained, require_pretrained=True, **options
            )
            tokenizer = open_clip.get_tokenizer(model_name)
    except (OSError, RuntimeError, ValueError, KeyError) as error:  # what the factory raises for broken files
        raise ModelUnavailable(name, (str(error) or type(error).__name__).splitlines()[0]) from error
    size = model.visual.image_size
    return Parts(
        model=model.eval().requires_grad_(False),
        preprocess=preprocess,
        tokenizer=tokenizer,
        architecture=model_name,
        pretrained=pretrained or "",
        image_size=min(size) if isinstance(size, tuple) else size,
    )


def _unknown(name: str) -> ModelUnavailable:
    import open_clip

    names = [STARTER, *(f"{architecture}/{tag}" for architecture, tag in open_clip.list_pretrained())]
    near = difflib.get_close_matches(name, names, 3, cutoff=0.3)
    reason = "there is no model of that name" + (f"; the nearest are {', '.join(near)}" if near else "")
    hint = f"Use a name from 'findmake models', {HUB_PREFIX}ORG/NAME, a model's folder, or ARCH@FILE."
    return ModelUnavailable(name, reason, hint)
