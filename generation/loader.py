"""From a generator's name to the generator: ``starter``, a folder, or a pipeline on the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .diffusion.model_files import pipeline_class
from .errors import GeneratorUnavailable

if TYPE_CHECKING:
    from .diffusion.adapters import Lora
    from .generator import Generator

STARTER = "starter"
_STARTER_CLASS = "StarterPipeline"


def load_generator(
    name: str | Path,
    *,
    device: str = "auto",
    revision: str | None = None,
    variant: str | None = None,
    loras: Sequence[Lora] = (),
    ip_adapter: Path | None = None,
) -> Generator:
    """Load a generator by name.

    Args:
        name: ``starter``; a folder, of our own small model or of any diffusers pipeline; or ``ORG/NAME`` on
            the model hub.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; the small model runs on the CPU in any case.
        revision: branch, tag or commit, for a name on the hub.
        variant: of the weights, such as ``fp16``; None for what suits the device.
        loras: LoRA weights to put on top.
        ip_adapter: folder or file of an IP-Adapter, with which style pictures can be followed.

    Raises:
        GeneratorUnavailable: it is not here and cannot be fetched, is broken, or does not take what is to be
            put on it. Without a network, this takes seconds.
        OutOfMemory: its weights do not fit into memory.
    """
    folder = Path(name).expanduser()
    is_starter = str(name) == STARTER
    if is_starter or pipeline_class(folder) == _STARTER_CLASS:
        if loras or ip_adapter is not None:
            reason = "it takes neither LoRA nor IP-Adapter"
            raise GeneratorUnavailable(str(name), reason, "Use them with a Stable Diffusion folder.")
        from .starter.generator import load_starter

        return load_starter(None if is_starter else folder)
    from .diffusion.generator import DiffusersGenerator, DiffusionOptions

    options = DiffusionOptions(
        device=device, revision=revision, variant=variant, loras=tuple(loras), ip_adapter=ip_adapter
    )
    return DiffusersGenerator(str(name), options)
