"""The generator that works right after install: small pictures from embeddings of the starter encoder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from indexer import Embeddings

from ..errors import BadRequest, GenerationCancelled, GeneratorUnavailable
from ..generator import GeneratorInfo
from ..request import GeneratedImage, GenerationRequest, GenerationSettings, OnStep, Step
from .autoencoder import from_pixels, to_pixels
from .denoiser import NEIGHBOURS
from .pipeline import Condition, StarterPipeline, read_pipeline, write_pipeline
from .resize import enlarged, squared

NAME = "starter"
FACTS_FILE = "findmake.json"
"""Stands beside ``model_index.json`` and tells for which encoder the generator was trained."""

_FOLDER = Path(__file__).parents[1] / "weights" / NAME
_NEEDED = ("vae", "unet", "scaler", "bridge")
_PARTS = (*_NEEDED, "translator")  # that have weights
_SHOWN = 256  # pixels of what is kept and shown
_STEPS, _GUIDANCE = 25, 5.0
_SCHEDULER = "ddim"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorFacts:
    """What a trained generator must know of its training.

    Attributes:
        encoder_sha256: weights hash of the encoder whose embeddings it was trained on.
        trained_on: in words.
        licence: of the weights, in words.
    """

    encoder_sha256: str
    trained_on: str
    licence: str


class StarterGenerator:
    """Makes small pictures from embeddings; a ``Generator``.

    Args:
        pipeline: trained, in evaluation mode.
        facts: of its training.
        name: to be called by.
        revision: what tells this state of the weights from others.
    """

    def __init__(
        self, pipeline: StarterPipeline, facts: GeneratorFacts, *, name: str = NAME, revision: str = ""
    ) -> None:
        self._pipeline = pipeline
        self._facts = facts
        self._name = name
        self._revision = revision
        self._side = int(pipeline.unet.config.sample_size) * pipeline.vae.patch

    @property
    def info(self) -> GeneratorInfo:
        """What this generator is."""
        return GeneratorInfo(
            name=self._name,
            revision=self._revision,
            encoder_sha256=self._facts.encoder_sha256,
            size=(self._side, self._side),
            licence=self._facts.licence,
        )

    def generate(self, request: GenerationRequest, *, on_step: OnStep | None = None) -> list[GeneratedImage]:
        """Make pictures, one after the other; see ``Generator``.

        What is shown is enlarged to 256 pixels; the settings tell the true resolution.

        Raises:
            BadRequest: there is no embedding, one of another width, or a wish that needs a larger model.
            GenerationCancelled: ``on_step`` returned False.
        """
        self._check(request)
        condition = self._condition(request)
        return [self._make(request, condition, number, on_step) for number in range(request.count)]

    def _check(self, request: GenerationRequest) -> None:
        dim = int(self._pipeline.scaler.config.dim)
        if request.embedding is None:
            raise BadRequest("the starter generator and no embedding", "the embedding of a query")
        if request.embedding.shape != (dim,):
            raise BadRequest(
                f"an embedding of shape {request.embedding.shape}",
                f"{dim} numbers of the collection's own model",
            )
        if request.mask is not None:
            raise BadRequest("the starter generator and a mask", "a Stable Diffusion model for inpainting")
        if request.scheduler not in (None, _SCHEDULER):
            raise BadRequest(
                f"the starter generator and the scheduler {request.scheduler!r}", repr(_SCHEDULER)
            )
        for side in (request.width, request.height):
            if side not in (None, self._side):
                raise BadRequest(
                    f"the starter generator at {side} pixels", f"{self._side}, or a Stable Diffusion model"
                )

    def _condition(self, request: GenerationRequest) -> Condition:
        assert request.embedding is not None
        tokens = np.zeros((1 + NEIGHBOURS, len(request.embedding)), np.float32)
        mask = np.zeros(1 + NEIGHBOURS, np.float32)
        tokens[0], mask[0] = request.embedding, 1
        if request.neighbours is not None and len(request.neighbours) and request.style_weight > 0:
            near = _between(request.embedding, request.neighbours[:NEIGHBOURS], request.style_weight)
            tokens[1 : 1 + len(near)], mask[1 : 1 + len(near)] = near, 1
        start = None if request.start is None else self._small(request.start)
        return Condition(
            tokens=torch.from_numpy(tokens),
            mask=torch.from_numpy(mask),
            start=start,
            strength=request.strength if start is not None else 1.0,
        )

    def _small(self, picture: Image.Image) -> Tensor:
        return from_pixels(np.asarray(squared(picture.convert("RGB"), self._side))[None].copy())

    def _make(
        self, request: GenerationRequest, condition: Condition, number: int, on_step: OnStep | None
    ) -> GeneratedImage:
        steps = request.steps or _STEPS
        guidance = _GUIDANCE if request.guidance is None else request.guidance
        reached = [0, steps]

        def tell(step: int, of: int, latents: Tensor) -> bool:
            reached[:] = step, of
            if on_step is None:
                return True
            told = Step(
                step=step,
                steps=of,
                picture=number,
                pictures=request.count,
                preview=lambda: self._shown(self._pipeline.vae.project(latents)),
            )
            return on_step(told)

        picture = self._pipeline(
            condition,
            torch.Generator().manual_seed(request.seed + number),
            steps=steps,
            guidance=guidance,
            on_step=tell,
        )
        if picture is None:
            raise GenerationCancelled(*reached)
        settings = GenerationSettings(
            model=self._name,
            revision=self._revision,
            mode="embedding-to-image" if condition.start is None else "image-to-image",
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            seed=request.seed + number,
            steps=steps,
            guidance=guidance,
            scheduler=_SCHEDULER,
            width=self._side,
            height=self._side,
            extras={"style_weight": request.style_weight, "strength": condition.strength},
        )
        return GeneratedImage(image=self._shown(picture), settings=settings)

    def _shown(self, picture: Tensor) -> Image.Image:
        return enlarged(to_pixels(picture)[0], max(_SHOWN, self._side))


def _between(query: Embeddings, neighbours: Embeddings, weight: float) -> Embeddings:
    """Move neighbours (m, dim) towards the query, all the way at weight 0."""
    mixed = (1 - weight) * query + weight * neighbours
    unit: Embeddings = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-6)
    return unit.astype(np.float32)


def load_starter(folder: Path | None = None, *, device: str = "cpu") -> StarterGenerator:
    """Load the generator that is shipped, or one that ``train-generator`` made.

    Args:
        folder: of a trained generator; None for the shipped one.
        device: ``cpu``, ``cuda`` or ``mps``.

    Raises:
        GeneratorUnavailable: the folder holds no such generator.
    """
    place = folder or _FOLDER
    name = NAME if folder is None else str(folder)
    try:
        facts = GeneratorFacts(**json.loads((place / FACTS_FILE).read_text(encoding="utf-8")))
        parts = [part for part in _PARTS if (place / part).is_dir() or part in _NEEDED]
        weights = [place / part / "diffusion_pytorch_model.safetensors" for part in parts]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in weights))
        pipeline = read_pipeline(place)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        hint = "Train one with: findmake train-generator, or give the folder of a Stable Diffusion model."
        raise GeneratorUnavailable(name, f"{place} holds no usable generator ({error})", hint) from error
    pipeline.to(device)
    return StarterGenerator(pipeline, facts, name=name, revision=digest.hexdigest()[:16])


def save_generator(pipeline: StarterPipeline, facts: GeneratorFacts, folder: Path) -> None:
    """Write a generator as a diffusers folder in half precision, with what findmake must know of it.

    Raises:
        OSError: the folder cannot be written.
    """
    write_pipeline(pipeline, folder, dtype=torch.float16)
    values = {name: getattr(facts, name) for name in ("encoder_sha256", "trained_on", "licence")}
    (folder / FACTS_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
