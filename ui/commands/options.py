"""What several commands share: options, settings, and where output goes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ui.settings import Settings

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def common() -> argparse.ArgumentParser:
    """Options of every command that opens a collection."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--collection", type=Path, metavar="DIR", help="the collection's folder")
    common.add_argument("--model", help="an encoder by name; see: findmake models")
    common.add_argument("--device", help="auto, cpu, cuda or mps")
    return common


def hit_options() -> argparse.ArgumentParser:
    """Options of every command that prints hits."""
    hits = argparse.ArgumentParser(add_help=False)
    hits.add_argument("-k", type=int, default=10, help="how many hits (10)")
    hits.add_argument("--offset", type=int, default=0, help="skip that many hits")
    form = hits.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--paths-only", action="store_true", help="one path a line")
    return hits


def settings(options: argparse.Namespace) -> Settings:
    """Take the settings from the options, else from the environment."""
    return Settings.read(collection=options.collection, model=options.model, device=options.device)


def say(text: str) -> None:
    """Tell the person something, on stderr."""
    print(text, file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Write a line of data to stdout, at once: a reader may wait for it."""
    print(text, flush=True)


def write_json(value: Any) -> None:
    """Write one JSON value as a line of data."""
    write(json.dumps(value, ensure_ascii=False))
