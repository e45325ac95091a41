"""What is put on top of a pipeline's weights: LoRA (Hu et al. 2022) and IP-Adapters (Ye et al. 2023)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadRequest, GeneratorUnavailable
from .model_files import fingerprint

LORA_FILE = "pytorch_lora_weights.safetensors"
_ENCODER = "image_encoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Weights that change a model a little.

    Attributes:
        path: a safetensors file, or a folder that holds one.
        scale: 0 for no effect, 1 for that which they were trained to have.
    """

    path: Path
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the scale.

        Raises:
            BadRequest: it is not a number, or far beyond use.
        """
        if not (math.isfinite(self.scale) and -4 <= self.scale <= 4):
            raise BadRequest(f"a LoRA scale of {self.scale}", "-4 to 4")

    @classmethod
    def parse(cls, text: str) -> Lora:
        """Read ``PATH`` or ``PATH=SCALE``.

        Raises:
            BadRequest: the scale is no number or out of range.
        """
        path, equals, scale = text.rpartition("=")
        if not equals:
            return cls(path=Path(text))
        try:
            return cls(path=Path(path), scale=float(scale))
        except ValueError as error:
            raise BadRequest(f"the LoRA {text!r}", "PATH or PATH=SCALE, such as mine=0.8") from error


def load_loras(pipeline: Any, loras: Sequence[Lora]) -> str:
    """Put LoRA weights on a pipeline.

    Returns:
        What they were, for the record: ``PATH@HASH=SCALE``, joined by semicolons.

    Raises:
        GeneratorUnavailable: they are not there, are no safetensors, or do not fit the model.
    """
    from safetensors import SafetensorError

    noted = []
    for number, lora in enumerate(loras):
        file = _lora_file(lora.path)
        try:
            pipeline.load_lora_weights(
                str(file.parent), weight_name=file.name, adapter_name=f"lora{number}", use_safetensors=True
            )
        except (OSError, ValueError, RuntimeError, LookupError, TypeError, SafetensorError) as error:
            raise _unfit(lora.path, error) from error
        if f"lora{number}" not in {name for names in pipeline.get_list_adapters().values() for name in names}:
            raise _unfit(lora.path, ValueError("none of its layers is one of the model's"))
        noted.append(f"{lora.path.absolute()}@{fingerprint(iter([file]))}={lora.scale:g}")
    if loras:
        pipeline.set_adapters(
            [f"lora{number}" for number in range(len(loras))], [each.scale for each in loras]
        )
    return ";".join(noted)


def load_ip_adapter(pipeline: Any, path: Path) -> str:
    """Put an IP-Adapter on a pipeline, so that it can follow the look of pictures.

    Args:
        pipeline: one of Stable Diffusion's family.
        path: the adapter's safetensors file, or a folder with one, as they lie on the hub: the encoder of
            pictures in ``image_encoder`` beside it or one folder up.

    Returns:
        What it was, for the record: ``PATH@HASH``.

    Raises:
        GeneratorUnavailable: it is not there, is no safetensors, or does not fit the model.
    """
    from safetensors import SafetensorError

    file = _adapter_file(path)
    encoder = _encoder_folder(file)
    if not hasattr(pipeline, "load_ip_adapter"):
        raise _unfit(path, ValueError(f"{type(pipeline).__name__} takes none"))
    try:
        pipeline.load_ip_adapter(
            str(encoder.parent),
            subfolder=str(file.parent.relative_to(encoder.parent)).removeprefix("."),
            weight_name=file.name,
            image_encoder_folder=f"./{_ENCODER}",
            local_files_only=True,
        )
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, SafetensorError) as error:
        raise _unfit(path, error) from error
    return f"{path.absolute()}@{fingerprint(iter([file]))}"


def _lora_file(path: Path) -> Path:
    if path.is_file() and path.suffix == ".safetensors":
        return path
    if (path / LORA_FILE).is_file():
        return path / LORA_FILE
    return _only_file(path, "a LoRA")


def _adapter_file(path: Path) -> Path:
    if path.is_file() and path.suffix == ".safetensors":
        return path
    folders = [path, path / "models", path / "sdxl_models"]
    held = [folder for folder in folders if folder.is_dir() and any(folder.glob("*.safetensors"))]
    return _only_file(held[0] if held else path, "an IP-Adapter")


def _only_file(folder: Path, what: str) -> Path:
    """Find the one safetensors file of a folder.

    Raises:
        GeneratorUnavailable: there is none, or there are several.
    """
    hint = "Name the safetensors file itself."
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if len(files) == 1:
        return files[0]
    if files:
        names = ", ".join(file.name for file in files)
        raise GeneratorUnavailable(str(folder), f"it is not clear which file is meant: {names}", hint)
    if folder.is_dir() and any(folder.glob("*.bin")):
        reason = "it holds a pickle, which can run code when it is read, and no safetensors file"
        raise GeneratorUnavailable(str(folder), reason, "Convert it to safetensors, or fetch that version.")
    raise GeneratorUnavailable(str(folder), f"{what} is a safetensors file, and there is none", hint)


def _encoder_folder(file: Path) -> Path:
    for folder in (file.parent / _ENCODER, file.parent.parent / _ENCODER):
        if folder.is_dir():
            _only_file(folder, "the encoder of pictures")
            return folder
    reason = f"there is no folder {_ENCODER} beside it, without which no picture can be read"
    raise GeneratorUnavailable(str(file), reason, f"Put the hub's {_ENCODER} folder beside the file.")


def _unfit(path: Path, error: Exception) -> GeneratorUnavailable:
    words = " ".join(str(error).split()) or type(error).__name__
    reason = f"it cannot be put on this model ({words[:200]})"
    return GeneratorUnavailable(str(path), reason, "Use one that was made for this kind of model.")
