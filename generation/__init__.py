"""From what is lacking to pictures that are made, verified and marked.

Names are loaded when they are first used, for some of them bring torch along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diffusion.adapters import Lora
    from .diffusion.schedulers import SCHEDULERS
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
    from .fill.backlog import Attempted, Budget, fill_gaps
    from .fill.extras import PROBABILITY
    from .fill.fill import Candidate, FillReport, candidate_png, fill_gap
    from .fill.gaps import Attempt, Gap, find_gaps
    from .fill.near_copies import Copy, CopyIndex, find_copy, outline
    from .fill.plan import FillOptions, propose_prompt
    from .fill.prompts import PROMPT_KINDS, Prompt, PromptKind
    from .fill.regenerate import NO_PROMISE, Regenerated, generated_by, regenerate, regenerated_png
    from .fill.verify import Verification
    from .fill.wait_for_lock import patiently
    from .generator import Generator, GeneratorInfo
    from .loader import load_generator
    from .lora.checkpoints import CannotTrain
    from .lora.loop import LoraRecipe
    from .lora.train import LoraTrained, train_lora
    from .marks.certificates import Credential, load_credential, own_credential
    from .marks.credentials import CheckedCredentials, check_credentials, sign_image
    from .marks.metadata import mark_image, mark_png
    from .marks.watermark import Detection, add_watermark, detect_watermark
    from .request import GeneratedImage, GenerationRequest, GenerationSettings, OnStep, Step
    from .safety import Concept, SafetyPolicy
    from .starter.dataset import collect_examples
    from .starter.fit import FitReport, fit_generator
    from .starter.generator import GeneratorFacts
    from .starter.train import PRESETS, TrainingRecipe, TrainingStep

_HOMES = {
    "diffusion.adapters": ("Lora",),
    "fill.plan": ("FillOptions", "propose_prompt"),
    "fill.backlog": ("Attempted", "Budget", "fill_gaps"),
    "marks.certificates": ("Credential", "load_credential", "own_credential"),
    "fill.extras": ("PROBABILITY",),
    "fill.near_copies": ("Copy", "CopyIndex", "find_copy", "outline"),
    "marks.credentials": ("CheckedCredentials", "check_credentials", "sign_image"),
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
    "fill.fill": ("Candidate", "FillReport", "candidate_png", "fill_gap"),
    "fill.gaps": ("Attempt", "Gap", "find_gaps"),
    "starter.fit": ("FitReport", "fit_generator"),
    "generator": ("Generator", "GeneratorInfo"),
    "starter.dataset": ("collect_examples",),
    "loader": ("load_generator",),
    "lora.train": ("LoraTrained", "train_lora"),
    "lora.checkpoints": ("CannotTrain",),
    "lora.loop": ("LoraRecipe",),
    "marks.metadata": ("mark_image", "mark_png"),
    "fill.wait_for_lock": ("patiently",),
    "fill.prompts": ("PROMPT_KINDS", "Prompt", "PromptKind"),
    "fill.regenerate": ("NO_PROMISE", "Regenerated", "generated_by", "regenerate", "regenerated_png"),
    "request": ("GeneratedImage", "GenerationRequest", "GenerationSettings", "OnStep", "Step"),
    "safety": ("Concept", "SafetyPolicy"),
    "diffusion.schedulers": ("SCHEDULERS",),
    "starter.generator": ("GeneratorFacts",),
    "starter.train": ("PRESETS", "TrainingRecipe", "TrainingStep"),
    "fill.verify": ("Verification",),
    "marks.watermark": ("Detection", "add_watermark", "detect_watermark"),
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
