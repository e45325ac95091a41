"""Training without a planned end: it may be stopped at any time, and goes on from its last checkpoint.

The rate falls with the root of the steps, and the averaged weights reach back over a fixed share of all steps
(Karras et al. 2024, EDM2), so what is there at any moment is usable.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from generation.starter.checkpoints import Checkpoints, Progressed

_WARM_UP = 200
_REPORT = 50
_REACH = 8.0  # averages over about the last eighth of all steps
_SLOWEST = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How to train.

    Attributes:
        steps: to reach in all, over all runs.
        rate: of AdamW, after the warm-up.
        level: steps until which the rate stays; it falls with their root from then on.
        fall: steps at the end over which the rate falls to 0.
        save_minutes: between checkpoints.
    """

    steps: int
    rate: float
    level: int
    fall: int = 0
    save_minutes: float = 8.0

    def rate_at(self, step: int) -> float:
        """Give the rate of a step, counted from 0."""
        falling = min(1.0, (self.steps - step) / self.fall) if self.fall else 1.0
        return self.rate * min(1.0, (step + 1) / _WARM_UP) * max(1.0, step / self.level) ** -0.5 * falling


def train(
    module: nn.Module,
    loss: Callable[[int], Tensor],
    schedule: Schedule,
    folder: Path,
    evaluate: Callable[[int], None],
) -> Progressed:
    """Train a module until its steps are reached or the process is asked to end.

    Args:
        module: its averaged weights are left in it.
        loss: gives the loss of a step, all of whose random numbers follow from the step's number.
        schedule: how long, and at which rate.
        folder: of the checkpoints.
        evaluate: called with the averaged weights in the module before each checkpoint.
    """
    parameters = list(module.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=schedule.rate, betas=(0.9, 0.99), weight_decay=0.01)
    average = EMAModel(parameters, decay=_SLOWEST, use_ema_warmup=True, inv_gamma=_REACH, power=1.0)
    checkpoints = Checkpoints(folder, module, optimizer, average)
    done = checkpoints.resume(0.0)
    saved, losses = time.monotonic(), []
    with _requests_to_end() as asked:
        while done.step < schedule.steps and not asked:
            started = time.monotonic()
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate_at(done.step)
            losses.append(_take_step(loss(done.step), parameters, optimizer))
            average.step(parameters)
            minutes = done.minutes + (time.monotonic() - started) / 60
            done = replace(done, step=done.step + 1, minutes=minutes)
            if done.step % _REPORT == 0:
                said = f"step {done.step}: {minutes:.1f} min, loss {np.mean(losses):.4f}"
                print(f"{time.strftime('%H:%M:%S')} {said}", flush=True)
                losses.clear()
            if time.monotonic() - saved > schedule.save_minutes * 60:
                checkpoints.save(done)
                _evaluated(module, average, evaluate, done.step)
                saved = time.monotonic()
        checkpoints.save(done)
    average.copy_to(parameters)
    return done


def _take_step(loss: Tensor, parameters: list[nn.Parameter], optimizer: torch.optim.Optimizer) -> float:
    """Follow the gradient once, unless it is not finite; give the loss."""
    torch.autograd.backward(loss)
    if torch.isfinite(nn.utils.clip_grad_norm_(parameters, 1.0)):
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _evaluated(module: nn.Module, average: EMAModel, evaluate: Callable[[int], None], step: int) -> None:
    average.store(module.parameters())
    average.copy_to(module.parameters())
    with torch.inference_mode():
        evaluate(step)
    average.restore(module.parameters())


@contextmanager
def _requests_to_end() -> Iterator[list[int]]:
    """Give a list that is empty until the process is told to end."""
    asked: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
