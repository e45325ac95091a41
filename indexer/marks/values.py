"""Small readers that several kinds of marks share."""

from __future__ import annotations

import json
import re
from typing import Any

from .base import Mark

_GENERATORS = re.compile(
    r"(findmake|Midjourney|NovelAI|Adobe Firefly|DALL[-·]?E|OpenAI-API|ChatGPT|GPT-4o|gpt-image"
    r"|Bing Image Creator|Draw Things|Stable Diffusion|InvokeAI|ComfyUI|Fooocus|SwarmUI)(?![a-z])",
    re.IGNORECASE,
)


def known_software(name: str) -> Mark | None:
    """Recognise the name of a program or service that does nothing but generate pictures.

    A program that also edits, such as a raw converter, says nothing about a picture by its name.
    """
    found = _GENERATORS.match(name)
    if found is None:
        return None
    return Mark(name="findmake" if found[1].lower() == "findmake" else "Software", model=name[:200])


def json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object; anything else, also hostile nesting, is an empty one."""
    if text.lstrip()[:1] != "{":
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def string(value: object) -> str | None:
    """Give a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def integer(value: object) -> int | None:
    """Give a whole number of at most 64 bits, also one written as a text, else None."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value.strip(), re.ASCII):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
        return value
    return None


def from_findmake(values: object) -> Mark | None:
    """Read the JSON object that findmake writes."""
    if not isinstance(values, dict) or not isinstance(values.get("model"), str):
        return None
    if "seed" not in values:
        return None
    return Mark(
        name="findmake",
        model=string(values["model"]),
        prompt=string(values.get("prompt")),
        negative_prompt=string(values.get("negative_prompt")),
        seed=integer(values["seed"]),
    )
