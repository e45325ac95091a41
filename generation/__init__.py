"""From what is lacking to pictures that are made, verified and marked.

Names are loaded when they are first used, for some of them bring torch along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adapters import Lora
    from .asking import FillOptions, propose_prompt
    from .backlog import Attempted, Budget, fill_gaps
    from .certificates import Credential, load_credential, own_credential
    from .conditions import PROBABILITY
    from .copies import Copy, CopyIndex, find_copy, outline
    from .credentials import CheckedCredentials, check_credentials, sign_image
    from .errors import (
        BadCredential,
        BadRequest,
        Blocked,
        CredentialsUnavailable,
        GenerationCancelled,
        GenerationError,
        GeneratorMismatch,
        GeneratorUnavailable,
        OutOfMemory,
        TooFewToTrain,
    )
    from .fill import Candidate, FillReport, candidate_png, fill_gap
    from .fit import FitReport, fit_generator
    from .gaps import Attempt, Gap, find_gaps
    from .generator import Generator, GeneratorInfo
    from .learning import collect_examples
    from .loading import load_generator
    from .lora import LoraTrained, train_lora
    from .lora_checkpoints import CannotTrain
    from .lora_training import LoraRecipe
    from .marking import mark_image, mark_png
    from .patience import patiently
    from .prompts import PROMPT_KINDS, Prompt, PromptKind
    from .regenerating import NO_PROMISE, Regenerated, generated_by, regenerate, regenerated_png
    from .request import GeneratedImage, GenerationRequest, GenerationSettings, OnStep, Step
    from .safety import Concept, SafetyPolicy
    from .schedulers import SCHEDULERS
    from .starter import GeneratorFacts
    from .train import PRESETS, TrainingRecipe, TrainingStep
    from .verify import Verification
    from .watermark import Detection, add_watermark, detect_watermark

_HOMES = {
    "adapters": ("Lora",),
    "asking": ("FillOptions", "propose_prompt"),
    "backlog": ("Attempted", "Budget", "fill_gaps"),
    "certificates": ("Credential", "load_credential", "own_credential"),
    "conditions": ("PROBABILITY",),
    "copies": ("Copy", "CopyIndex", "find_copy", "outline"),
    "credentials": ("CheckedCredentials", "check_credentials", "sign_image"),
    "errors": (
        "BadCredential",
        "BadRequest",
        "Blocked",
        "CredentialsUnavailable",
        "GenerationCancelled",
        "GenerationError",
        "GeneratorMismatch",
        "GeneratorUnavailable",
        "OutOfMemory",
        "TooFewToTrain",
    ),
    "fill": ("Candidate", "FillReport", "candidate_png", "fill_gap"),
    "gaps": ("Attempt", "Gap", "find_gaps"),
    "fit": ("FitReport", "fit_generator"),
    "generator": ("Generator", "GeneratorInfo"),
    "learning": ("collect_examples",),
    "loading": ("load_generator",),
    "lora": ("LoraTrained", "train_lora"),
    "lora_checkpoints": ("CannotTrain",),
    "lora_training": ("LoraRecipe",),
    "marking": ("mark_image", "mark_png"),
    "patience": ("patiently",),
    "prompts": ("PROMPT_KINDS", "Prompt", "PromptKind"),
    "regenerating": ("NO_PROMISE", "Regenerated", "generated_by", "regenerate", "regenerated_png"),
    "request": ("GeneratedImage", "GenerationRequest", "GenerationSettings", "OnStep", "Step"),
    "safety": ("Concept", "SafetyPolicy"),
    "schedulers": ("SCHEDULERS",),
    "starter": ("GeneratorFacts",),
    "train": ("PRESETS", "TrainingRecipe", "TrainingStep"),
    "verify": ("Verification",),
    "watermark": ("Detection", "add_watermark", "detect_watermark"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "NO_PROMISE",
    "PRESETS",
    "PROBABILITY",
    "PROMPT_KINDS",
    "SCHEDULERS",
    "Attempt",
    "Attempted",
    "BadCredential",
    "BadRequest",
    "Blocked",
    "Budget",
    "Candidate",
    "CannotTrain",
    "CheckedCredentials",
    "Concept",
    "Copy",
    "CopyIndex",
    "Credential",
    "CredentialsUnavailable",
    "Detection",
    "FillOptions",
    "FillReport",
    "FitReport",
    "Gap",
    "GeneratedImage",
    "GenerationCancelled",
    "GenerationError",
    "GenerationRequest",
    "GenerationSettings",
    "Generator",
    "GeneratorFacts",
    "GeneratorInfo",
    "GeneratorMismatch",
    "GeneratorUnavailable",
    "Lora",
    "LoraRecipe",
    "LoraTrained",
    "OnStep",
    "OutOfMemory",
    "Prompt",
    "PromptKind",
    "Regenerated",
    "SafetyPolicy",
    "Step",
    "TooFewToTrain",
    "TrainingRecipe",
    "TrainingStep",
    "Verification",
    "add_watermark",
    "candidate_png",
    "check_credentials",
    "collect_examples",
    "detect_watermark",
    "fill_gap",
    "fill_gaps",
    "find_copy",
    "find_gaps",
    "fit_generator",
    "generated_by",
    "load_credential",
    "load_generator",
    "mark_image",
    "mark_png",
    "outline",
    "own_credential",
    "patiently",
    "propose_prompt",
    "regenerate",
    "regenerated_png",
    "sign_image",
    "train_lora",
]


def __getattr__(name: str) -> Any:
    """Load a name with its module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
