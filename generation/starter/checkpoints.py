"""Checkpoints of a training run: weights, averaged weights and the optimizer, without pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from diffusers.training_utils import EMAModel
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How far a run is.

    Attributes:
        step: steps done.
        minutes: spent on them.
        of: how many minutes, or steps, the run was to have when this was written.
    """

    step: int = 0
    minutes: float = 0.0
    of: float = 0.0


class Checkpoints:
    """Keeps the state of one module's training in a folder; replaces it as a whole or not at all.

    Args:
        folder: made when needed. ``last`` is the newest state; ``stable`` the one from before the learning
            rate began to fall, from which a longer run can go on.
        module: what is trained.
        optimizer: an AdamW over its parameters.
        average: their moving average.
    """

    def __init__(
        self, folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer, average: EMAModel
    ) -> None:
        self._folder = folder
        self._module = module
        self._optimizer = optimizer
        self._average = average

    def save(self, done: Progressed, name: str = "last") -> None:
        """Write the state."""
        tensors: dict[str, Tensor] = {}
        for number, parameter in enumerate(self._module.parameters()):
            tensors[f"{number}.weight"] = parameter.detach()
            tensors[f"{number}.average"] = self._average.shadow_params[number].detach()
            state = self._optimizer.state.get(parameter, {})
            for moment in ("exp_avg", "exp_avg_sq"):
                if moment in state:
                    tensors[f"{number}.{moment}"] = state[moment]
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"{name}.new"
        facts = asdict(done) | {"averaged": self._average.optimization_step}
        save_file(
            {name: tensor.contiguous().cpu() for name, tensor in tensors.items()},
            fresh,
            metadata={"facts": json.dumps(facts)},
        )
        fresh.replace(self._folder / f"{name}.safetensors")

    def keep_stable(self, done: Progressed) -> None:
        """Write the state from before the learning rate falls, once."""
        if not (self._folder / "stable.safetensors").exists():
            self.save(done, "stable")

    def resume(self, of: float) -> Progressed:
        """Go on from the newest state; a longer run than before, from before that one neared its end.

        Args:
            of: minutes, or steps, that the run shall have in all.
        """
        done = self._load("last")
        if done.of and done.of < of and (self._folder / "stable.safetensors").exists():
            done = self._load("stable")
            (self._folder / "stable.safetensors").unlink()
        return replace(done, of=of)

    def _load(self, name: str) -> Progressed:
        """Read a state, if there is one."""
        path = self._folder / f"{name}.safetensors"
        if not path.exists():
            return Progressed()
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            for number, parameter in enumerate(self._module.parameters()):
                parameter.data.copy_(file.get_tensor(f"{number}.weight"))
                self._average.shadow_params[number].copy_(file.get_tensor(f"{number}.average"))
                self._optimizer.state[parameter] = {
                    "step": torch.tensor(float(facts["step"])),
                    "exp_avg": file.get_tensor(f"{number}.exp_avg").to(parameter.device),
                    "exp_avg_sq": file.get_tensor(f"{number}.exp_avg_sq").to(parameter.device),
                }
        self._average.optimization_step = facts["averaged"]
        return Progressed(step=facts["step"], minutes=facts["minutes"], of=facts.get("of", 0.0))
