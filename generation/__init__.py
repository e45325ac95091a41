"""From what is lacking to pictures that are made, verified and marked.

Names are loaded when they are first used, for some of them bring torch along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asking import FillOptions
    from .conditions import PROBABILITY
    from .copies import Copy, CopyIndex, find_copy, outline
    from .errors import (
        BadRequest,
        Blocked,
        GenerationCancelled,
        GenerationError,
        GeneratorMismatch,
        GeneratorUnavailable,
        OutOfMemory,
        TooFewToTrain,
    )
    from .fill import Candidate, FillReport, fill_gap
    from .generator import Generator, GeneratorInfo
    from .loading import load_generator
    from .prompts import PROMPT_KINDS, Prompt, PromptKind
    from .request import GeneratedImage, GenerationRequest, GenerationSettings, OnStep, Step
    from .safety import Concept, SafetyPolicy
    from .verify import Verification

_HOMES = {
    "asking": ("FillOptions",),
    "conditions": ("PROBABILITY",),
    "copies": ("Copy", "CopyIndex", "find_copy", "outline"),
    "errors": (
        "BadRequest",
        "Blocked",
        "GenerationCancelled",
        "GenerationError",
        "GeneratorMismatch",
        "GeneratorUnavailable",
        "OutOfMemory",
        "TooFewToTrain",
    ),
    "fill": ("Candidate", "FillReport", "fill_gap"),
    "generator": ("Generator", "GeneratorInfo"),
    "loading": ("load_generator",),
    "prompts": ("PROMPT_KINDS", "Prompt", "PromptKind"),
    "request": ("GeneratedImage", "GenerationRequest", "GenerationSettings", "OnStep", "Step"),
    "safety": ("Concept", "SafetyPolicy"),
    "verify": ("Verification",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "PROBABILITY",
    "PROMPT_KINDS",
    "BadRequest",
    "Blocked",
    "Candidate",
    "Concept",
    "Copy",
    "CopyIndex",
    "FillOptions",
    "FillReport",
    "GeneratedImage",
    "GenerationCancelled",
    "GenerationError",
    "GenerationRequest",
    "GenerationSettings",
    "Generator",
    "GeneratorInfo",
    "GeneratorMismatch",
    "GeneratorUnavailable",
    "OnStep",
    "OutOfMemory",
    "Prompt",
    "PromptKind",
    "SafetyPolicy",
    "Step",
    "TooFewToTrain",
    "Verification",
    "fill_gap",
    "find_copy",
    "load_generator",
    "outline",
]


def __getattr__(name: str) -> Any:
    """Load a name with its module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
