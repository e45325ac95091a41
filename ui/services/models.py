"""The models that are known, and making one ready to run without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from indexer import (
    ZOO,
    Collection,
    ModelInfo,
    load_encoder,
    model_available,
    prepare,
    shorten,
    worth_preparing,
)

from ..settings import Settings


def models() -> list[dict[str, Any]]:
    """List the zoo, with what works on this machine without a download."""
    shown = [field.name for field in fields(ModelInfo) if field.name != "repositories"]
    return [
        {name: getattr(model, name) for name in shown} | {"available": model_available(model.name)}
        for model in ZOO
    ]


def prepare_model(name: str) -> str | None:
    """Export a model so that it runs on a processor without torch; see ``indexer.prepare``.

    Returns:
        Why it could not be done, in words; None if it was.

    Raises:
        ModelUnavailable: it is not here and cannot be fetched.
    """
    return prepare(load_encoder(name, device="cpu"))


def shorten_model(name: str) -> list[str]:
    """Make a prepared model's towers in 8 bits; tell in a line for each what came of it.

    Raises:
        ModelUnavailable: it is not here and cannot be fetched.
    """
    lines = []
    for found in shorten(load_encoder(name, device="cpu").spec):
        what = "is used" if found.kept else "is not used"
        told = f"{found.gain:.1f} times as quick, cosine at least {found.cosine:.4f}"
        lines.append(f"The {found.kind} tower in 8 bits {what}: {told}.")
    return lines


def prepare_for(settings: Settings, say: Callable[[str], None]) -> None:
    """Export the model of a collection that was just indexed, if people use it often and it was not yet.

    A failure is told and harms nothing: torch runs the model as before.
    """
    if settings.runtime == "torch":
        return
    collection = Collection.open(settings.collection)
    spec = collection.spec
    collection.close()
    if not worth_preparing(spec, settings.device):
        return
    say(f"Preparing {spec.name} to start without torch: once, about a minute. Ctrl-C puts it off.")
    reason = prepare_model(spec.name)
    if reason is not None:
        say(f"{spec.name} goes on running by torch: {reason}.")
