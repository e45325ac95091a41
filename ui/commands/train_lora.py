"""Fine-tune a Stable Diffusion to a collection: train-lora."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import common, say, settings, write_json

if TYPE_CHECKING:
    from generation import LoraTrained

    from .options import Commands


def add_train_lora(commands: Commands) -> None:
    """Add ``train-lora``."""
    help_text = "fine-tune a Stable Diffusion folder to the collection's pictures and their words"
    train = commands.add_parser("train-lora", parents=[common()], help=help_text)
    train.add_argument("base", metavar="FOLDER", help="a Stable Diffusion folder, or ORG/NAME on the hub")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to put the LoRA weights")
    train.add_argument("--steps", type=int, default=500, help="batches, over all runs (500)")
    train.add_argument("--rank", type=int, default=8, help="of the LoRA matrices (8)")
    train.add_argument("--lr", type=float, default=1e-4, metavar="RATE", help="learning rate (0.0001)")
    train.add_argument("--batch", type=int, default=1, help="pictures of a step (1)")
    train.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    train.add_argument(
        "--save-every", type=int, default=50, metavar="N", help="steps between checkpoints (50)"
    )
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    train.add_argument("--json", action="store_true", help="the figures as JSON")
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from generation import LoraRecipe, train_lora
    from indexer import Progress
    from ui.formats import progress
    from ui.services import operations

    chosen = settings(options)
    recipe = LoraRecipe(
        steps=options.steps,
        rank=options.rank,
        learning_rate=options.lr,
        batch=options.batch,
        seed=options.seed,
        device=chosen.device,
        save_every=options.save_every,
    )
    line = progress.ProgressLine()
    try:
        trained = train_lora(
            operations.open_collection(chosen),
            options.base,
            out=options.out,
            recipe=recipe,
            resume=options.resume,
            on_step=lambda done, total, _: line(Progress(done=done, total=total, images=0)),
        )
    except KeyboardInterrupt:
        line.close()
        if any(options.out.glob("checkpoint.*")):
            say(f"What was learned is in {options.out}; go on with the same command and --resume.")
        raise
    finally:
        line.close()
    _tell(trained, as_json=options.json)
    return 0


def _tell(trained: LoraTrained, *, as_json: bool) -> None:
    for item, reason in trained.unreadable.items():
        say(f"  left out: item {item}: {reason}")
    if as_json:
        write_json(
            {
                "out": str(trained.folder),
                "pictures": trained.pictures,
                "unreadable": len(trained.unreadable),
                "steps": trained.steps,
                "loss_before": trained.loss_before,
                "loss_after": trained.loss_after,
                "seconds": trained.seconds,
            }
        )
        return
    say(
        f"Learned from {trained.pictures:,} pictures in {trained.steps:,} steps, {trained.seconds:.0f} s. "
        f"Loss on fixed draws: {trained.loss_before:.4f} before, {trained.loss_after:.4f} after. "
        f"Look at {trained.folder / 'samples.png'}, then use it with --lora {trained.folder}"
    )
