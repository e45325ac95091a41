"""Builds models through open_clip's own factory: quickly, quietly, and with sentences for what is broken."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import open_clip
from safetensors import SafetensorError
from torch.overrides import TorchFunctionMode

from ...errors import ModelUnavailable
from ...files.thread_warnings import quiet
from ..parts import Parts

# Somebody else's file or configuration can break the factory in any of these ways.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    StopIteration,
    TypeError,
    ValueError,
)
_LONGEST_REASON = 240  # a list of all layers that do not fit helps nobody

_FILLING = frozenset(
    (
        "normal_",
        "trunc_normal_",
        "uniform_",
        "kaiming_normal_",
        "kaiming_uniform_",
        "xavier_normal_",
        "xavier_uniform_",
    )
)


class UnfilledWeights(TorchFunctionMode):
    """While active in this thread, new weights are not filled with random numbers.

    That filling takes seconds, and the factory then loads every weight from a file or fails.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _FILLING:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def build(name: str, model_name: str, pretrained: str | None = None, **options: Any) -> Parts:
    """Build a model with its weights, preprocessing and tokenizer, on the CPU, in float32.

    Args:
        name: what the person called it.
        model_name: what open_clip calls it: an architecture, or ``local-dir:`` or ``hf-hub:`` and where.
        pretrained: a tag or a weight file, where the model's name does not imply it.
        **options: for ``open_clip.create_model_and_transforms``.

    Raises:
        ModelUnavailable: a file is missing or broken, or is a pickle with more in it than numbers.
    """
    try:
        with quiet(), _without_log(), UnfilledWeights():
            model, _, preprocess = open_clip.create_model_and_transforms(
                model_name, pretrained=pretrained, require_pretrained=True, **options
            )
            tokenizer = open_clip.get_tokenizer(model_name)
    except pickle.UnpicklingError as error:
        reason = "its weight file is broken, or holds code besides numbers, which is never run"
        raise ModelUnavailable(name, reason, "Convert it to safetensors, or use another model.") from error
    except _BROKEN as error:
        raise ModelUnavailable(name, f"its files cannot be used ({_first_words(error)})") from error
    return Parts(
        model=model.eval().requires_grad_(False),
        preprocess=preprocess,
        tokenizer=tokenizer,
        architecture=model_name.partition(":")[2] or model_name,
        pretrained=pretrained or "",
        image_size=_shorter_side(model.visual.image_size),
    )


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep open_clip, which logs through the root logger, from repeating there what is raised."""

    def of_others(record: logging.LogRecord) -> bool:
        return "open_clip" not in record.pathname

    root = logging.getLogger()
    root.addFilter(of_others)
    try:
        yield
    finally:
        root.removeFilter(of_others)


def _first_words(error: BaseException) -> str:
    words = " ".join(str(error).split()).rstrip(". ") or type(error).__name__
    return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]}..."


def _shorter_side(size: int | tuple[int, int]) -> int:
    return min(size) if isinstance(size, tuple) else size
