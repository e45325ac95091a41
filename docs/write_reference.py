"""Write the reference of commands, settings and the HTTP API from the program itself.

    python docs/write_reference.py [DEST]        (default: docs/reference)

A test writes it anew and compares: what is not described here cannot be merged.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from indexer import ZOO, Collection
from tests.colour_encoder import ColourEncoder
from ui import cli, settings
from ui.api.app import create_app
from ui.api.options import ApiOptions
from ui.api.schemas.base import LARGEST_ID
from ui.api.service import Service
from ui.settings import Settings

_MADE = "<!-- Written by: python docs/write_reference.py -->\n"
_SHARED = ("--collection", "--model", "--device")
Parser = argparse.ArgumentParser


def main() -> None:
    """Write all three."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("reference")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _pages().items():
        (folder / f"{name}.md").write_text(_MADE + text, encoding="utf-8")


def _pages() -> dict[str, str]:
    return {"cli": commands(), "settings": variables(), "api": endpoints(), "models": models()}


# -- commands --------------------------------------------------------------------------------------------


def commands() -> str:
    """Describe every command with its options."""
    parser = cli._parser()
    parts = [
        "# Commands\n",
        "Data goes to stdout, everything else to stderr. Every command that opens a collection also takes\n"
        "`--collection DIR`, `--model NAME` and `--device auto|cpu|cuda|mps`; see [settings](settings.md).\n",
        f"```text\n{(parser.epilog or '').strip()}\n```\n",
    ]
    for name, command, told in _commands(parser):
        parts.append(f"## findmake {name}\n\n{_sentence(told)}\n")
        parts.append(_options(command))
    return "\n".join(part for part in parts if part)


def _commands(parser: Parser, before: str = "") -> Iterator[tuple[str, Parser, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield f"{before}{name}", command, told.get(name, "")
                yield from _commands(command, f"{before}{name} ")


def _options(command: Parser) -> str:
    formatter = command._get_formatter()
    rows = []
    for action in command._actions:
        skipped = isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
        if skipped or set(action.option_strings) & set(_SHARED):
            continue
        told = formatter._expand_help(action) if action.help else ""
        rows.append(f"| {_written(action)} | {_cell(told)} |")
    return "| | |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""


def _written(action: argparse.Action) -> str:
    name = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    value = " ".join(name) if isinstance(name, tuple) else str(name)
    if action.choices is not None:
        value = "\\|".join(map(str, action.choices))
    if not action.option_strings:
        more = " ..." if action.nargs in ("*", "+") else ""
        return f"`{value}{more}`"
    takes = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"`{option}{takes}`" for option in action.option_strings)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# -- settings --------------------------------------------------------------------------------------------


def variables() -> str:
    """Describe every environment variable."""
    rows = []
    for name in sorted(names()):
        field = field_of(name)
        rows.append(f"| `{name}` | {_cell(_docs()[field])} | {_default(field)} |")
    head = (
        "# Settings\n\nAn option on the command line counts first, then the variable, then the default. "
        "Nothing else is read from\nthe environment, and there is no file of settings.\n\n"
        "| variable | what it says | default |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def names() -> list[str]:
    """List the variables that the program reads."""
    return [value for value in vars(settings).values() if str(value).startswith("FINDMAKE_")]


def field_of(name: str) -> str:
    """Find the setting that a variable changes, by trying."""
    before, after = Settings.read({}), Settings.read({name: "/tried"})
    [changed] = [
        each.name for each in fields(Settings) if getattr(before, each.name) != getattr(after, each.name)
    ]
    return changed


def _docs() -> dict[str, str]:
    """Read the docstring of ``Settings``: a description for each attribute."""
    found = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", Settings.__doc__ or "", re.MULTILINE)
    return {
        name: f"{text[:1].upper()}{text[1:]}".replace("``", "`").replace("None", "none")
        for name, text in found
    }


def _default(field: str) -> str:
    if field == "collection":
        return "`collection` in the user's data folder for `findmake`"
    value = getattr(Settings.read({}), field)
    return {None: "none", (): "none", True: "on"}.get(value, f"`{value}`")


# -- models ----------------------------------------------------------------------------------------------


def models() -> str:
    """List the encoders that are recommended, with their published figures."""
    rows = [
        f"| `{each.name}` | {each.dim} | {each.size_mb or 'none'} | {each.imagenet_top1 or '-'} "
        f"| {each.flickr30k_r1 or '-'} | {each.coco_r1 or '-'} | {each.languages} | {each.licence} |"
        for each in ZOO
    ]
    head = (
        "# Models\n\nFor `--model`; any other of open_clip's models works too. Published figures, per cent: "
        "zero-shot on ImageNet,\nand text to picture, recall at 1. `findmake models` says which work on your "
        "machine without a download;\n`--json` names the sources. The starter's own figures, on other data, "
        "stand in its [card](../../data/starter/MODEL_CARD.md).\n\n"
        "| name | width | MB to download | ImageNet | Flickr30k | COCO | reads | licence of the weights |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


# -- the API ---------------------------------------------------------------------------------------------


def document() -> dict[str, Any]:
    """Make the OpenAPI document, as a server with a token gives it."""
    with tempfile.TemporaryDirectory() as folder:
        encoder = ColourEncoder()
        collection = Collection.create(Path(folder) / "c", encoder)
        options = ApiOptions(token="a" * 16)
        service = Service(
            Settings(collection=collection.folder), options, collection=collection, encoder=encoder
        )
        try:
            made: dict[str, Any] = create_app(service).openapi()
        finally:
            service.close()
    return made


def endpoints() -> str:
    """Describe every route, and everything that goes in and comes out."""
    made = document()
    parts = [
        "# The HTTP API\n",
        "What each route takes and gives. How to use it stands in [the guide](../api.md). The same as\n"
        "OpenAPI is at `/openapi.json` of a server. Failures are answered with a [Problem](#problem).\n",
    ]
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            parts.append(_route(method.upper(), path, operation))
    parts.append("## What goes in and comes out\n")
    for name, schema in sorted(made["components"]["schemas"].items()):
        parts.append(_schema(name, schema))
    return "\n".join(parts)


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [f"## {method} {path}\n", f"{operation.get('description', '').strip()}\n"]
    rows = []
    for each in operation.get("parameters", []):
        where = {"query": "query", "path": "path", "header": "header"}[each["in"]]
        needed = ", required" if each.get("required") else ""
        what = each.get("description") or each["schema"].get("description", "")
        rows.append(f"| `{each['name']}` ({where}{needed}) | {_type(each['schema'])} | {_cell(what)} |")
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        rows.append(f"| body, `{media}` | {_type(content['schema'])} | |")
    for status, answer in operation["responses"].items():
        if status[0] in "23":
            shapes = [_type(content.get("schema", {})) for content in answer.get("content", {}).values()]
            told = _cell(answer.get("description", "").replace("Successful Response", ""))
            rows.append(f"| answer {status} | {', '.join(shapes)} | {told} |")
    return "\n".join(lines) + "\n| | | |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _schema(name: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = []
    for field, value in schema.get("properties", {}).items():
        default = "required" if field in needed else f"`{value['default']!r}`" if "default" in value else ""
        rows.append(f"| `{field}` | {_type(value)} | {default} | {_cell(value.get('description', ''))} |")
    head = f"### {name}\n\n{schema.get('description', '').strip()}\n"
    return head + "\n| field | type | default | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for many in ("anyOf", "oneOf"):
        if many in schema:
            return " or ".join(_type(each) for each in schema[many])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if high == LARGEST_ID:
        high = None
    if low is None and high is None:
        return kind
    return f"{kind}, at least {low}" if high is None else f"{kind}, {'' if low is None else low} to {high}"


if __name__ == "__main__":
    main()
