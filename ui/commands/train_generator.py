"""Fit a small generator to the collection's own pictures: train-generator."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from .options import common, say, settings, write_json

if TYPE_CHECKING:
    from generation import FitReport, TrainingRecipe

    from .options import Commands


def add_train_generator(commands: Commands) -> None:
    """Add ``train-generator``."""
    help_text = "fit a small generator to the collection's pictures; no captions needed"
    train = commands.add_parser("train-generator", parents=[common()], help=help_text)
    train.add_argument("out", type=Path, metavar="DIR", help="the generator's folder; run again to go on")
    train.add_argument(
        "--preset", choices=("cpu", "gpu"), default="cpu", help="how large the steps are (cpu)"
    )
    train.add_argument("--minutes", type=float, help="of training, over all runs (cpu: 120, gpu: 25)")
    train.add_argument("--steps", type=int, help="of each part, in place of minutes")
    train.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    train.add_argument("--json", action="store_true", help="the figures as JSON")
    train.set_defaults(run=_train)


def _recipe(options: argparse.Namespace) -> TrainingRecipe:
    from generation import PRESETS, BadRequest

    recipe = PRESETS[options.preset]
    changes = {name: getattr(options, name) for name in ("minutes", "steps") if getattr(options, name)}
    if options.preset == "gpu" and options.device == "cpu":
        raise BadRequest("--preset gpu on the CPU", "--preset cpu, or a GPU as --device")
    try:
        return replace(recipe, seed=options.seed, **changes)
    except ValueError as error:
        raise BadRequest(f"this training ({error})", "minutes and steps above 0") from error


def _train(options: argparse.Namespace) -> int:
    from generation import GeneratorFacts, TrainingStep, collect_examples, fit_generator
    from indexer import Progress, StorageFailure
    from ui.formats import progress
    from ui.services import operations

    chosen = settings(options)
    recipe = _recipe(options)
    collection = operations.open_collection(chosen)
    encoder = operations.open_encoder(collection, chosen)
    line = progress.ProgressLine()
    try:
        with _stop_on_interrupt() as stop:
            say("Reading the collection's pictures.")
            examples = collect_examples(
                collection,
                encoder,
                on_progress=lambda done, total: line(Progress(done=done, total=total, images=done)),
            )
            line.close()
            say(f"Learning from {len(examples):,} pictures; samples appear in {options.out}/samples.")

            def on_step(step: TrainingStep) -> bool:
                part = 0 if step.part == "decoder" else 1000
                line(Progress(done=part + round(1000 * step.share), total=2000, images=step.step))
                return not stop.is_set()

            facts = GeneratorFacts(
                encoder_sha256=collection.spec.weights_sha256,
                trained_on=f"{len(examples):,} pictures of the collection {collection.folder.name}",
                licence="that of the pictures it learned from",
            )
            report = fit_generator(examples, facts, recipe, options.out, on_step)
    except OSError as error:
        raise StorageFailure(options.out, error.strerror or str(error)) from error
    finally:
        line.close()
    _tell(report, options)
    return 0 if report.finished else 130


@contextmanager
def _stop_on_interrupt() -> Iterator[Event]:
    """Let the first Ctrl-C end the run after its step, with a checkpoint; a second one ends it at once."""
    stop = Event()

    def note(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(report: FitReport, options: argparse.Namespace) -> None:
    if options.json:
        write_json(asdict(report) | {"out": str(options.out)})
    elif report.finished:
        say(
            f"Trained {report.steps:,} steps in {report.minutes:.1f} minutes. "
            f"Use it with: findmake fill WORDS --generator {options.out}"
        )
    else:
        say(f"Stopped after {report.minutes:.1f} minutes. The same command goes on from there.")
