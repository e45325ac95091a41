"""Samplers by name, and how many steps and how much guidance a model wants."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from ..errors import BadRequest

# name -> (class of diffusers, settings that make it what the name says). Two of them clip to the range of
# pixels unless told otherwise, which would spoil latents.
_SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddpm": ("DDPMScheduler", {"clip_sample": False}),  # Ho et al. 2020
    "ddim": ("DDIMScheduler", {"clip_sample": False}),  # Song et al. 2021
    "dpmsolver++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),  # Lu et al. 2022
    "euler": ("EulerDiscreteScheduler", {}),  # Karras et al. 2022
    "lcm": ("LCMScheduler", {}),  # Luo et al. 2023
}
SCHEDULERS = tuple(_SCHEDULERS)
"""Names of the samplers that a request may ask for."""

_STEPS = 30  # for models of many steps: beyond it a person hardly sees a difference
_FEW_STEPS = 4
_FEW = re.compile(r"(?<![a-z])(lcm|latent[- ]consistency|turbo|lightning|hyper|schnell)(?![a-z])")
_COUNT = re.compile(r"(?<!\d)(\d)[-_ ]?steps?(?![a-z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What tells a model's kind.

    Attributes:
        names: its name, those of its LoRA folders, and the head of its card.
        pipeline: name of its class.
        scheduler: class name of the scheduler that it was saved with.
        guided_in_time: its denoiser takes the guidance scale as an input, as distilled ones do.
    """

    names: str
    pipeline: str
    scheduler: str
    guided_in_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What is taken where a request leaves the choice.

    Attributes:
        steps: denoising steps.
        guidance: classifier-free guidance scale; 1 for none.
        scheduler: name of a sampler; None for the model's own.
    """

    steps: int
    guidance: float
    scheduler: str | None = None


def defaults_of(traits: Traits, call: Any) -> Defaults:
    """Choose steps, guidance and sampler for a kind of model.

    Distilled models (LCM, Turbo, Lightning, Hyper, Schnell) want few steps and, for the guidance is distilled
    into them too, no guidance; with the ordinary settings they give burnt pictures.

    Args:
        traits: of the model.
        call: the pipeline's ``__call__``, whose defaults are those of its kind.
    """
    usual = {name: value.default for name, value in inspect.signature(call).parameters.items()}
    guidance = usual.get("guidance_scale")
    guidance = float(guidance) if isinstance(guidance, int | float) else 1.0
    names = traits.names.lower()
    few = _FEW.search(names)
    is_lcm = "LatentConsistency" in traits.pipeline or traits.scheduler == "LCMScheduler"
    is_lcm = is_lcm or traits.guided_in_time or (few is not None and few[1].startswith(("lcm", "latent")))
    if is_lcm:
        return Defaults(steps=_FEW_STEPS, guidance=8.5 if traits.guided_in_time else 1.0, scheduler="lcm")
    if few is not None:
        count = _COUNT.search(names)
        return Defaults(steps=int(count[1]) or _FEW_STEPS if count else _FEW_STEPS, guidance=1.0)
    steps = usual.get("num_inference_steps")
    return Defaults(steps=min(steps, _STEPS) if isinstance(steps, int) else _STEPS, guidance=guidance)


def make_scheduler(name: str | None, own: Any) -> Any:
    """Make a fresh sampler with the noise schedule of a model.

    Args:
        name: one of ``SCHEDULERS``; None for the model's own.
        own: the scheduler that the model was saved with; it is left as it is.

    Raises:
        BadRequest: there is no sampler of that name, or it does not fit the model.
    """
    if name is None:
        return type(own).from_config(own.config)
    if name not in _SCHEDULERS:
        raise BadRequest(f"the scheduler {name!r}", f"one of {', '.join(SCHEDULERS)}")
    if "Flow" in type(own).__name__:
        expected = "none to be named, for this model follows a flow and works with its own alone"
        raise BadRequest(f"the scheduler {name!r}", expected)
    import diffusers

    kind, settings = _SCHEDULERS[name]
    return getattr(diffusers, kind).from_config(own.config, **settings)


def name_of(scheduler: Any) -> str:
    """Tell a sampler's name: one of ``SCHEDULERS``, else that of its class."""
    kind = type(scheduler).__name__
    named = {known: name for name, (known, _) in _SCHEDULERS.items()}
    if kind == "DPMSolverMultistepScheduler" and scheduler.config.algorithm_type != "dpmsolver++":
        return kind
    return named.get(kind, kind)


def check_steps(scheduler: Any, steps: int, strength: float) -> None:
    """Make sure that a sampler can take so many steps.

    Args:
        scheduler: a fresh one.
        steps: asked for.
        strength: share of them that is taken; 1 unless there is a start picture.

    Raises:
        BadRequest: it cannot, or nothing would be done.
    """
    if int(steps * strength) < 1:
        needed = f"at least one step: {-(-1 // max(strength, 1e-3)):.0f} steps or more, or more strength"
        raise BadRequest(f"{steps} steps at strength {strength:g}", needed)
    most = scheduler.config.get("num_train_timesteps", 1000)
    if type(scheduler).__name__ == "LCMScheduler":
        most = min(most, scheduler.config.get("original_inference_steps", most))
    if steps > most:
        raise BadRequest(f"{steps} steps of {name_of(scheduler)}", f"at most {most}")
