"""Any pipeline of diffusers as a Generator: Stable Diffusion in all its kinds, and what came after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from indexer import resolve_device, without_warnings

from ..errors import GenerationCancelled, GeneratorUnavailable
from ..generator import GeneratorInfo
from ..request import GeneratedImage, GenerationRequest, OnStep, Step
from . import model_files
from .adapters import Lora, load_ip_adapter, load_loras
from .pictures import LatentPreview, is_black, painted_in
from .pipelines import Pipelines
from .placement import memory_errors
from .plan import Extras, Plan, Planner
from .prompt_length import Wording
from .schedulers import Defaults, Traits, defaults_of

FLAGGED = "the model's own safety checker flagged it"
"""Why a picture is blocked; its image is then black, and not one to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionOptions:
    """How to load a pipeline.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        revision: branch, tag or commit, for a name on the hub.
        variant: of the weights, such as ``fp16``; None for what suits the device.
        loras: put on top of the weights.
        ip_adapter: folder or file of an IP-Adapter, with which style pictures can be followed.
    """

    device: str = "auto"
    revision: str | None = None
    variant: str | None = None
    loras: tuple[Lora, ...] = ()
    ip_adapter: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """Tells a caller about each step, and stops the pipeline if the caller says so."""

    on_step: OnStep | None
    preview: LatentPreview | None
    picture: int
    plan: Plan
    pictures: int

    def __call__(self, pipeline: Any, index: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Follow a step, as ``callback_on_step_end``.

        Raises:
            GenerationCancelled: the caller said so.
        """
        if self.on_step is None:
            return tensors
        steps = getattr(pipeline, "num_timesteps", None) or self.plan.settings.steps
        going_on = self.on_step(
            Step(
                step=index + 1,
                steps=steps,
                picture=self.picture,
                pictures=self.pictures,
                preview=self._drawing(tensors["latents"]),
            )
        )
        if not going_on:
            raise GenerationCancelled(index + 1, steps)
        return tensors

    def _drawing(self, latents: Any) -> Any:
        if self.preview is None or not self.preview.can_draw(latents):
            return None
        settings = self.plan.settings
        return partial(self.preview.draw, latents, (settings.width, settings.height))


class DiffusersGenerator:
    """Makes pictures by a pipeline of diffusers; see Generator.

    One picture at a time, so that each is what a request for it alone gives, and memory is that of one.

    Args:
        name: a folder that diffusers' ``save_pretrained`` wrote, or ``ORG/NAME`` on the hub.
        options: how to load it.

    Raises:
        GeneratorUnavailable: it, or what goes on top of it, is not here, broken, or of no use.
        OutOfMemory: its weights do not fit into memory.
    """

    def __init__(self, name: str | Path, options: DiffusionOptions | None = None) -> None:
        options = options or DiffusionOptions()
        name = str(name)
        folder = model_files.find_here(name, revision=options.revision)
        device = resolve_device(options.device, model=name, unavailable=GeneratorUnavailable)
        if folder is None:
            fetched = options.variant or (None if device == "cpu" else "fp16")
            folder = model_files.fetch(name, revision=options.revision, variant=fetched)
        self._pipelines = Pipelines(name, folder, device=device, variant=options.variant)
        extras = self._put_on(options)
        with memory_errors(name, self._pipelines.size):
            self._pipelines.place()
        wording = Wording(self._pipelines.main)
        self._info = GeneratorInfo(
            name=name,
            revision=model_files.revision_of(folder),
            encoder_sha256=None,
            size=self._pipelines.size,
            licence=model_files.licence_of(folder),
            prompt_tokens=wording.limit,
        )
        self._planner = Planner(
            pipelines=self._pipelines,
            defaults=self._defaults(folder, options.loras),
            revision=self._info.revision,
            wording=wording,
            extras=extras,
            reads_styles=options.ip_adapter is not None,
        )
        self._preview: LatentPreview | None = None

    @property
    def info(self) -> GeneratorInfo:
        """What this generator is."""
        return self._info

    @property
    def defaults(self) -> Defaults:
        """What it takes where a request leaves the choice."""
        return self._planner.defaults

    @property
    def reads_styles(self) -> bool:
        """Whether it can follow the look of pictures, for it has an IP-Adapter."""
        return self._planner.reads_styles

    def generate(self, request: GenerationRequest, *, on_step: OnStep | None = None) -> list[GeneratedImage]:
        """Make pictures; see Generator.

        Raises:
            BadRequest: this model cannot serve the request.
            GenerationCancelled: ``on_step`` returned False.
            GeneratorUnavailable: the model gives nothing but black.
            OutOfMemory: the machine's memory does not suffice.
        """
        plan = self._planner.plan(request)
        # The libraries warn of their own affairs, such as numpy's plans for their arrays.
        with without_warnings(), memory_errors(self._info.name, (plan.settings.width, plan.settings.height)):
            if self.reads_styles:
                self._pipelines.of(plan.mode).set_ip_adapter_scale(
                    request.style_weight if request.styles else 0.0
                )
            if on_step is not None and self._preview is None:
                self._preview = LatentPreview.of(self._pipelines.main)
            return [
                self._make(
                    replace(plan, settings=replace(plan.settings, seed=request.seed + number)),
                    _Watch(
                        on_step=on_step,
                        preview=self._preview,
                        picture=number,
                        plan=plan,
                        pictures=request.count,
                    ),
                )
                for number in range(request.count)
            ]

    def _make(self, plan: Plan, watch: _Watch) -> GeneratedImage:
        image, flagged = self._run(plan, watch)
        if not flagged and is_black(image) and self._pipelines.is_half:
            self._pipelines.widen()  # numbers left the range of float16, which ends in black
            image, flagged = self._run(plan, watch)
            if not flagged and is_black(image):
                raise GeneratorUnavailable(self._info.name, "it gives nothing but black, in float32 too")
            extras = {**plan.settings.extras, "precision": "float32"}
            plan = replace(plan, settings=replace(plan.settings, extras=extras))
        if flagged:
            return GeneratedImage(image=image, settings=plan.settings, blocked=FLAGGED)
        if plan.start is not None and plan.mask is not None:
            image = painted_in(plan.start, image, plan.mask)
        return GeneratedImage(image=image, settings=plan.settings)

    def _run(self, plan: Plan, watch: _Watch) -> tuple[Any, bool]:
        return self._pipelines.run(
            plan.mode, plan.arguments, scheduler=plan.scheduler, seed=plan.settings.seed, watch=watch
        )

    def _put_on(self, options: DiffusionOptions) -> Extras:
        extras: Extras = {}
        if options.loras:
            extras["loras"] = load_loras(self._pipelines.main, options.loras)
        if options.ip_adapter is not None:
            extras["ip_adapter"] = load_ip_adapter(self._pipelines.main, options.ip_adapter)
        return extras

    def _defaults(self, folder: Path, loras: Sequence[Lora]) -> Defaults:
        pipeline = self._pipelines.main
        unet = getattr(pipeline, "unet", None)
        names = [
            Path(self._info.name).name,
            model_files.card_head(folder),
            *(lora.path.name for lora in loras),
        ]
        traits = Traits(
            names="\n".join(names),
            pipeline=model_files.pipeline_class(folder),
            scheduler=type(self._pipelines.own_scheduler).__name__,
            guided_in_time=getattr(getattr(unet, "config", None), "time_cond_proj_dim", None) is not None,
        )
        return defaults_of(traits, type(pipeline).__call__)
