"""What the common tools write into the texts of a picture file.

The forms were taken from the tools' own writers: AUTOMATIC1111's and Forge's "infotext", ComfyUI's graphs,
InvokeAI's three generations of metadata, NovelAI, Fooocus, SwarmUI and Midjourney.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from .base import Mark
from .values import from_findmake, integer, json_object, known_software, string

_MAX_LINES = 100  # that look like a sampler's settings
_INFOTEXT = re.compile(r"^Steps: \d+, .*$", re.MULTILINE)
_SEED = re.compile(r", Seed: (-?\d{1,20})(?:,|$)", re.ASCII)
_SAMPLED = re.compile(r", (?:Sampler|CFG scale|Size|Model hash|Model): ")
_MODEL = re.compile(r', Model: (?:"((?:\\.|[^"\\])*)"|([^,]+))')
_NEGATIVE = "Negative prompt:"
_STEPS_OPTION, _SCALE_OPTION = re.compile(r"(?:^| )-s ?\d"), re.compile(r"(?:^| )-C ?[\d.]")
_SEED_OPTION = re.compile(r"(?:^| )-S ?(\d{1,20})", re.ASCII)
_JOB = re.compile(r"Job ID: [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$")
_GRAPH_HEAD = re.compile(r"\s*(prompt|workflow):\s*(?=\{)", re.IGNORECASE)

Texts = Mapping[str, str]


def mark_in_texts(texts: Texts) -> Mark | None:
    """Find a tool's mark.

    Args:
        texts: by PNG keyword, and EXIF fields by their names.

    Returns:
        The mark that tells most, or None.
    """
    for recognise in (_findmake, _infotext, _comfy, _invoke, _novel_ai, _json_parameters, _midjourney):
        if mark := recognise(texts):
            return mark
    return known_software(texts.get("Software", "").strip())


def _findmake(texts: Texts) -> Mark | None:
    return from_findmake(json_object(texts.get("findmake", "")))


def _infotext(texts: Texts) -> Mark | None:
    for keyword in ("parameters", "UserComment", "Comment", "ImageDescription"):
        text = texts.get(keyword, "")
        if "Steps: " not in text:
            continue
        for line in reversed(list(islice(_INFOTEXT.finditer(text), _MAX_LINES))):  # a prompt may hold one too
            seed, model = _SEED.search(line[0]), _MODEL.search(line[0])
            if seed and _SAMPLED.search(line[0]):
                prompt, negative = _prompts(text[: line.start()])
                return Mark(
                    name="AUTOMATIC1111",
                    model=string((model[1] or model[2] or "").strip()) if model else None,
                    prompt=prompt,
                    negative_prompt=negative,
                    seed=int(seed[1]),
                )
    return None


def _prompts(text: str) -> tuple[str | None, str | None]:
    lines = text.strip().split("\n")
    for i, line in enumerate(lines):
        if line.startswith(_NEGATIVE):
            negative = "\n".join([line[len(_NEGATIVE) :], *lines[i + 1 :]])
            return string("\n".join(lines[:i]).strip()), string(negative.strip())
    return string(text.strip()), None


def _comfy(texts: Texts) -> Mark | None:
    nodes = {key: node for key, node in _graph(texts, "prompt").items() if isinstance(node, dict)}
    nodes = {key: node for key, node in nodes.items() if isinstance(node.get("class_type"), str)}
    if nodes:
        inputs = {key: node["inputs"] for key, node in nodes.items() if isinstance(node.get("inputs"), dict)}
        return _from_graph(inputs)
    drawing = _graph(texts, "workflow")
    drawn = drawing.get("nodes")
    return (
        Mark(name="ComfyUI") if isinstance(drawn, list) and "links" in drawing and _are_nodes(drawn) else None
    )


def _graph(texts: Texts, name: str) -> dict[str, Any]:
    """Read a graph from its own PNG text, or from the EXIF field that holds it in WebP and JPEG."""
    if graph := json_object(texts.get(name, "")):
        return graph
    for field in ("Make", "Model", "UserComment", "ImageDescription"):
        head = _GRAPH_HEAD.match(texts.get(field, ""))
        if head and head[1].lower() == name:
            return json_object(texts[field][head.end() :])
    return {}


def _are_nodes(drawn: list[Any]) -> bool:
    return any(isinstance(node, dict) and isinstance(node.get("type"), str) for node in drawn)


def _from_graph(inputs: Mapping[str, dict[str, Any]]) -> Mark:
    """Follow a graph from its sampler to the words and the model."""

    def words(link: object) -> str | None:
        node = inputs.get(str(link[0]), {}) if isinstance(link, list) and link else {}
        return string(node.get("text"))

    def first(*names: str) -> Any:
        values = (node.get(name) for node in inputs.values() for name in names)
        return next((value for value in values if isinstance(value, str | int) and value != ""), None)

    sampler = next((node for node in inputs.values() if "positive" in node and "negative" in node), {})
    return Mark(
        name="ComfyUI",
        model=string(first("ckpt_name", "unet_name")),
        prompt=words(sampler.get("positive")) or string(first("text")),
        negative_prompt=words(sampler.get("negative")),
        seed=integer(first("seed", "noise_seed")),
    )


def _invoke(texts: Texts) -> Mark | None:
    new = json_object(texts.get("invokeai_metadata", ""))
    if "positive_prompt" in new or "generation_mode" in new:
        model = new.get("model")
        named = (model.get("name") or model.get("model_name")) if isinstance(model, dict) else model
        return Mark(
            name="InvokeAI",
            model=string(named),
            prompt=string(new.get("positive_prompt")),
            negative_prompt=string(new.get("negative_prompt")),
            seed=integer(new.get("seed")),
        )
    old = json_object(texts.get("sd-metadata", ""))
    if isinstance(image := old.get("image"), dict) and "seed" in image:
        prompt = image.get("prompt")
        if isinstance(prompt, list):
            prompt = prompt[0].get("prompt") if prompt and isinstance(prompt[0], dict) else None
        model = string(old.get("model_weights")) or string(old.get("model"))
        return Mark(name="InvokeAI", model=model, prompt=string(prompt), seed=integer(image["seed"]))
    return _dream(texts.get("Dream", ""))


def _dream(text: str) -> Mark | None:
    """Read a command of InvokeAI's first years: the prompt in quotes, then options."""
    prompt, _, options = text.rpartition('" ')
    if not (prompt.startswith('"') and _STEPS_OPTION.search(options) and _SCALE_OPTION.search(options)):
        return None
    seed = _SEED_OPTION.search(options)
    return Mark(name="InvokeAI", prompt=string(prompt[1:]), seed=int(seed[1]) if seed else None)


def _novel_ai(texts: Texts) -> Mark | None:
    told = json_object(texts.get("Comment", ""))
    if texts.get("Software") != "NovelAI" and not ("uc" in told and "seed" in told and "steps" in told):
        return None
    return Mark(
        name="NovelAI",
        model=string(texts.get("Source")),
        prompt=string(texts.get("Description")) or string(told.get("prompt")),
        negative_prompt=string(told.get("uc")),
        seed=integer(told.get("seed")),
    )


def _json_parameters(texts: Texts) -> Mark | None:
    """Recognise Fooocus and SwarmUI, which put JSON where others put lines."""
    for keyword in ("parameters", "UserComment", "Comment"):
        told = json_object(texts.get(keyword, ""))
        swarm = told.get("sui_image_params")
        if isinstance(swarm, dict):
            name, told = "SwarmUI", swarm
        elif "base_model" in told and "metadata_scheme" in told:
            name = "Fooocus"
        else:
            continue
        return Mark(
            name=name,
            model=string(told.get("base_model")) or string(told.get("model")),
            prompt=string(told.get("prompt")),
            negative_prompt=string(told.get("negative_prompt")) or string(told.get("negativeprompt")),
            seed=integer(told.get("seed")),
        )
    return None


def _midjourney(texts: Texts) -> Mark | None:
    text = texts.get("Description", "")
    job = _JOB.search(text[-200:])
    if job is None:
        return None
    prompt = text[: len(text) - len(job[0])].partition(" --")[0]
    return Mark(name="Midjourney", prompt=string(prompt.strip()))
