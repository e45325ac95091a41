"""From a request to a pipeline's call, with all that can be wrong found before any work."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ..errors import BadRequest
from ..request import GenerationRequest, GenerationSettings
from .pictures import check_side, resized, resized_mask, size_like
from .pipelines import IMAGE, INPAINT, TEXT, Pipelines
from .prompt_length import Wording
from .schedulers import Defaults, check_steps, make_scheduler, name_of

Extras = dict[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """One request, worked out.

    Attributes:
        mode: which pipeline.
        scheduler: name of the sampler; None for the model's own.
        arguments: for the pipeline's call.
        settings: to be kept with each picture, but for its seed.
        start, mask: of the final size, where there are any.
    """

    mode: str
    scheduler: str | None
    arguments: dict[str, Any]
    settings: GenerationSettings
    start: Image.Image | None = None
    mask: Image.Image | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planner:
    """Works out requests to one model.

    Attributes:
        pipelines: of the model.
        defaults: what is taken where a request leaves the choice.
        revision: of the model.
        wording: cuts prompts.
        extras: facts about the model that go into every picture's settings.
        reads_styles: it has an IP-Adapter.
    """

    pipelines: Pipelines
    defaults: Defaults
    revision: str
    wording: Wording
    extras: Extras
    reads_styles: bool

    def plan(self, request: GenerationRequest) -> Plan:
        """Work out a request.

        Raises:
            BadRequest: this model cannot serve it.
        """
        mode = TEXT if request.start is None else IMAGE if request.mask is None else INPAINT
        self._check(request, mode)
        settings, scheduler = self._settings(request, mode), request.scheduler or self.defaults.scheduler
        size = (settings.width, settings.height)
        start = resized(request.start, size) if request.start is not None else None
        mask = resized_mask(request.mask, size) if request.mask is not None else None
        arguments = {
            "prompt": settings.prompt,
            "negative_prompt": settings.negative_prompt or None,
            "num_inference_steps": settings.steps,
            "guidance_scale": settings.guidance,
            "image": start,
            "mask_image": mask,
            "strength": request.strength if start is not None else None,
            "width": size[0] if mode != IMAGE else None,  # there, the start picture's size counts
            "height": size[1] if mode != IMAGE else None,
            "ip_adapter_image": [_styles(request)] if self.reads_styles else None,
        }
        taken = inspect.signature(type(self.pipelines.of(mode)).__call__).parameters
        arguments = {key: value for key, value in arguments.items() if key in taken and value is not None}
        return Plan(
            mode=mode, scheduler=scheduler, arguments=arguments, settings=settings, start=start, mask=mask
        )

    def _check(self, request: GenerationRequest, mode: str) -> None:
        if request.styles and not self.reads_styles:
            raise BadRequest("style pictures", "a generator with an IP-Adapter; give one with --ip-adapter")
        if mode != INPAINT and self.pipelines.paints_in_only:
            name = self.pipelines.name
            raise BadRequest(f"{mode} by {name!r}", "a start picture and a mask: it only paints in")

    def _settings(self, request: GenerationRequest, mode: str) -> GenerationSettings:
        guidance = self.defaults.guidance if request.guidance is None else request.guidance
        prompt, negative = self.wording.cut(request.prompt), self.wording.cut(request.negative_prompt)
        named = request.scheduler or self.defaults.scheduler
        scheduler = make_scheduler(named, self.pipelines.own_scheduler)
        strength = 1.0 if mode == TEXT else request.strength
        steps = request.steps or max(self.defaults.steps, math.ceil(1 / max(strength, 1e-3)))
        check_steps(scheduler, steps, strength)
        width, height = self._size(request)
        return GenerationSettings(
            model=self.pipelines.name,
            revision=self.revision,
            mode=mode,
            prompt=prompt,
            negative_prompt=negative if guidance > 1 else "",  # without guidance, it is not read
            seed=request.seed,
            steps=steps,
            guidance=guidance,
            scheduler=name_of(scheduler),
            width=width,
            height=height,
            extras=self._extras(request, mode, prompt),
        )

    def _extras(self, request: GenerationRequest, mode: str, prompt: str) -> Extras:
        extras: Extras = self.extras | {"precision": str(self.pipelines.dtype).removeprefix("torch.")}
        if mode != TEXT:
            extras["strength"] = request.strength
        if request.styles:
            extras |= {"styles": len(request.styles), "style_weight": request.style_weight}
        if prompt != request.prompt:
            extras["prompt_cut"] = True
        return extras

    def _size(self, request: GenerationRequest) -> tuple[int, int]:
        width, height = self.pipelines.size
        multiple = self.pipelines.multiple
        if request.start is not None:
            width, height = size_like(request.start, width * height, multiple)
        width = check_side("width", request.width or width, multiple)
        return width, check_side("height", request.height or height, multiple)


def _styles(request: GenerationRequest) -> list[Image.Image]:
    """Give the style pictures; an adapter that is there must be shown one, if only to make nothing of it."""
    return [style.convert("RGB") for style in request.styles] or [Image.new("RGB", (32, 32))]
