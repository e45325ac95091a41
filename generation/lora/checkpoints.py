"""What a LoRA training leaves on disk: a checkpoint to go on from, then the weights, replaced as a whole."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from indexer import write_whole

from ..diffusion.adapters import LORA_FILE
from ..errors import GenerationError

CHECKPOINT = "checkpoint.safetensors"
FACTS = "lora.json"
SAMPLES = "samples.png"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class CannotTrain(GenerationError):
    """A training cannot start or go on; what was written stays."""

    def __init__(self, out: Path, reason: str, hint: str) -> None:
        self.out = out
        self.reason = reason
        super().__init__(f"Cannot train into {out}: {reason}. {hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How far a training is.

    Attributes:
        step: steps done.
        loss_before: on fixed draws, before the first step.
        seconds: spent so far.
    """

    step: int
    loss_before: float
    seconds: float


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Keep other processes from training into a folder; it is made where it is missing.

    Raises:
        CannotTrain: another process does, or the folder cannot be written.
    """
    lock = filelock.FileLock(out / ".training.lock")
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        reason = "another process is training there"
        raise CannotTrain(out, reason, "Wait until it ends, or choose another --out.") from error
    except OSError as error:
        raise CannotTrain(out, error.strerror or str(error), "Choose another --out.") from error
    try:
        yield
    finally:
        lock.release()


def check_start(out: Path, *, resume: bool) -> None:
    """Make sure that nothing of an earlier training is overwritten unasked.

    Raises:
        CannotTrain: there is something, and the training is not to go on from it; or there is nothing to.
    """
    begun = (out / CHECKPOINT).is_file()
    if begun and not resume:
        reason = "a training was begun there"
        raise CannotTrain(out, reason, "Go on from it with --resume, or choose another --out.")
    if (out / LORA_FILE).is_file() and not begun:
        raise CannotTrain(out, "it holds LoRA weights already", "Choose another --out.")
    if resume and not begun:
        raise CannotTrain(out, "there is no checkpoint to go on from", "Leave --resume away.")


def save_checkpoint(
    out: Path, parameters: Mapping[str, Any], optimizer: Any, *, done: Progressed, recipe: Mapping[str, Any]
) -> None:
    """Write weights, the optimizer's moments and how far the training is, in the place of an older state.

    Raises:
        CannotTrain: the folder cannot be written; the older state stays.
    """
    from safetensors.torch import save

    tensors = {}
    for name, parameter in parameters.items():
        tensors[f"{name}|weight"] = parameter.detach()
        state = optimizer.state.get(parameter, {})
        tensors |= {f"{name}|{moment}": state[moment] for moment in _MOMENTS if moment in state}
    facts = {"recipe": dict(recipe), "step": done.step, "seconds": done.seconds, "loss": done.loss_before}
    data = save(
        {name: tensor.contiguous().cpu() for name, tensor in tensors.items()},
        metadata={"facts": json.dumps(facts)},
    )
    replace_file(out / CHECKPOINT, data)


def load_checkpoint(
    out: Path, parameters: Mapping[str, Any], optimizer: Any, *, recipe: Mapping[str, Any]
) -> Progressed:
    """Put the state of a checkpoint into a model and its optimizer.

    Raises:
        CannotTrain: it is broken, or of a training by another recipe.
    """
    from safetensors import SafetensorError, safe_open

    hint = "Train again into another --out."
    try:
        with safe_open(out / CHECKPOINT, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            _check_recipe(out, facts["recipe"], recipe)
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        for name, parameter in parameters.items():
            parameter.data.copy_(stored[f"{name}|weight"])
            state = {m: stored[f"{name}|{m}"] for m in _MOMENTS if f"{name}|{m}" in stored}
            if state:
                optimizer.state[parameter] = {
                    moment: value if moment == "step" else value.to(parameter.device)
                    for moment, value in state.items()
                }
        return Progressed(step=facts["step"], loss_before=facts["loss"], seconds=facts["seconds"])
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise CannotTrain(out, f"its {CHECKPOINT} cannot be read ({error})", hint) from error


def _check_recipe(out: Path, kept: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    differing = [
        f"{key} was {kept.get(key)}, not {value}" for key, value in asked.items() if kept.get(key) != value
    ]
    if differing:
        reason = f"the training there is another: {'; '.join(differing)}"
        raise CannotTrain(out, reason, "Resume with what it was begun with, or choose another --out.")


def save_weights(out: Path, pipeline: Any, facts: Mapping[str, Any]) -> None:
    """Write the LoRA weights as diffusers reads them, and the facts about them beside.

    Raises:
        CannotTrain: the folder cannot be written; the checkpoint stays.
    """
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft.utils import get_peft_model_state_dict

    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(pipeline.unet))
    with tempfile.TemporaryDirectory() as folder:
        pipeline.save_lora_weights(folder, unet_lora_layers=layers, safe_serialization=True)
        data = (Path(folder) / LORA_FILE).read_bytes()
    replace_file(out / LORA_FILE, data)
    replace_file(out / FACTS, json.dumps(dict(facts), indent=1).encode())


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside and rename it, so that there is the old one or the new one, never half of one.

    Raises:
        CannotTrain: it cannot be written; the old one stays.
    """
    try:
        write_whole(path, data, beside=path.with_name(f".{path.name}.new"))
    except OSError as error:
        hint = "Free some space or mend the permissions, then run the same command again with --resume."
        raise CannotTrain(path.parent, error.strerror or str(error), hint) from error
