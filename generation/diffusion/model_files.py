"""Where a pipeline's files are: a folder, the hub's cache, or the hub itself; safetensors only."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer import hub_reachable

from ..errors import GeneratorUnavailable

INDEX = "model_index.json"
CARD = "README.md"
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth", "*.pkl")
_WHOLE_BYTES = 1 << 20  # smaller files are hashed whole
_LONGEST_HEAD = 100_000_000  # bytes, as the format itself demands
_SAMPLES, _SAMPLE_BYTES = 17, 1 << 16
_VARIANT = re.compile(r"^[^.]+\.(?P<variant>[A-Za-z0-9_]+?)(?:-\d{5}-of-\d{5})?\.safetensors$")
_SAVE = "Save it again with diffusers: pipeline.save_pretrained(FOLDER, safe_serialization=True)."


def find_folder(name: str, *, revision: str | None = None, variant: str | None = None) -> Path:
    """Find a pipeline's folder; fetch it where it is on the hub and not in the cache.

    Args:
        name: a folder, or ``ORG/NAME`` on the hub.
        revision: branch, tag or commit on the hub.
        variant: of the weights, such as ``fp16``, to fetch if the hub has it.

    Raises:
        GeneratorUnavailable: it is nowhere, not whole, or holds pickles instead of safetensors. Without a
            network, this takes seconds.
    """
    return find_here(name, revision=revision) or fetch(name, revision=revision, variant=variant)


def find_here(name: str, *, revision: str | None = None) -> Path | None:
    """Find a pipeline's folder on this machine; None if the hub has to be asked, and answers.

    Nothing heavy is imported, so that a person without a network waits for nothing but the network.

    Raises:
        GeneratorUnavailable: it cannot be had, or cannot be used.
    """
    local = Path(name).expanduser()
    if local.is_dir():
        check_weights(name, local)
        return local.absolute()
    if local.is_file():
        reason = "it is a single file, not a pipeline's folder"
        hint = "Convert it once with diffusers: StableDiffusionPipeline.from_single_file(FILE), then "
        raise GeneratorUnavailable(name, reason, f"{hint}save_pretrained(FOLDER).")
    if not _can_be_repository(name):
        hint = "Name a folder, an ORG/NAME of the model hub, or 'starter', which works without any download."
        raise GeneratorUnavailable(name, "there is no such folder", hint)
    cached = _cached(name, revision)
    if cached is not None:
        try:
            check_weights(name, cached)
            return cached
        except GeneratorUnavailable:
            pass  # a download that was broken off; the hub can mend it
    if not hub_reachable():
        state = "is not" if cached is None else "is only in part"
        raise GeneratorUnavailable(
            name,
            f"{name} {state} in this machine's cache, and the model hub cannot be reached",
            "Offline, '--generator starter' works, and so does any pipeline's folder on this machine.",
        )
    return None


def fetch(name: str, *, revision: str | None = None, variant: str | None = None) -> Path:
    """Fetch a pipeline from the hub into the cache; safetensors only.

    Args:
        name: ``ORG/NAME``.
        revision: branch, tag or commit.
        variant: of the weights, if the hub has it; else the plain ones.

    Raises:
        GeneratorUnavailable: the hub does not have it, or does not let it go.
    """
    from diffusers import DiffusionPipeline
    from huggingface_hub.errors import HfHubHTTPError

    # Its parents are what the client raises for whatever goes wrong on the network.
    failures: tuple[type[Exception], ...] = (OSError, ValueError, *HfHubHTTPError.__bases__)
    for wanted in dict.fromkeys((variant, None)):
        try:
            path = DiffusionPipeline.download(name, revision=revision, variant=wanted, use_safetensors=True)
        except failures as error:
            failed = error
        else:
            check_weights(name, Path(path))
            return Path(path)
    words = str(failed).splitlines()[0] if str(failed) else type(failed).__name__
    raise GeneratorUnavailable(name, f"it cannot be fetched ({words})") from failed


def check_weights(name: str, folder: Path) -> None:
    """Make sure that a folder is a pipeline's, whole, and free of need for pickles.

    Raises:
        GeneratorUnavailable: it is not.
    """
    for component in _models(name, folder):
        place = folder / component
        if not place.is_dir():
            raise GeneratorUnavailable(name, f"its part {component!r} is missing", "Copy or fetch it again.")
        if not (place / "config.json").is_file():  # a tokenizer, a scheduler, a preprocessor
            continue
        if not any(place.glob("*.safetensors")):
            pickles = sorted(path.name for pattern in _PICKLES for path in place.glob(pattern))
            if pickles:
                reason = f"{component}/{pickles[0]} is a pickle, which can run code when it is read"
                raise GeneratorUnavailable(name, f"{reason}, and there is no safetensors file beside", _SAVE)
            raise GeneratorUnavailable(name, f"{component} has no weights", "Copy or fetch it again.")
        for shard in _missing_shards(place):
            raise GeneratorUnavailable(name, f"{component}/{shard} is missing", "Copy or fetch it again.")


def pipeline_class(folder: Path) -> str:
    """Read the name of a pipeline's class from its folder; empty if it does not say."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(index.get("_class_name", "")) if isinstance(index, dict) else ""


def find_variant(folder: Path, *, wanted: str | None, half: bool) -> str | None:
    """Choose which weights to load where a folder has several kinds.

    Args:
        folder: of the pipeline.
        wanted: what the person asked for; taken as it is.
        half: prefer ``fp16``, for the weights are going to be used in half precision.

    Returns:
        The variant, or None for the plain weights.
    """
    if wanted:
        return wanted
    parts = [folder / part for part in ("unet", "transformer") if (folder / part).is_dir()]
    names = [path.name for part in parts for path in part.glob("*.safetensors")]
    variants = {found["variant"] for name in names if (found := _VARIANT.match(name))}
    plain = any(not _VARIANT.match(name) for name in names)
    if "fp16" in variants and (half or not plain):
        return "fp16"
    return None if plain or not variants else min(variants)


def count_weights(folder: Path, variant: str | None) -> int:
    """Count the numbers that a variant would load, by the heads of its files."""
    total = 0
    for place in (path for path in folder.iterdir() if path.is_dir()):
        files = list(place.glob("*.safetensors"))
        chosen = [path for path in files if _variant_of(path) == variant] or files
        total += sum(math.prod(shape) for path in chosen for shape in _shapes(path))
    return total


def revision_of(folder: Path) -> str:
    """Tell one state of a folder's files from another.

    The hub's commit where the folder is in its cache; else a SHA-256 over names, sizes and bytes, of which
    those of large files are sampled at 17 places: any training changes bytes everywhere.
    """
    if folder.parent.name == "snapshots":
        return folder.name
    return fingerprint(
        path for path in folder.rglob("*") if path.suffix in (".json", ".txt", ".model", ".safetensors")
    )


def fingerprint(paths: Iterator[Path]) -> str:
    """Hash files by name, size and sampled bytes, 16 hexadecimal digits."""
    found = hashlib.sha256()
    for path in sorted(paths):
        size = path.stat().st_size
        found.update(f"{path.parent.name}/{path.name} {size}\n".encode())
        with path.open("rb") as file:
            if size <= _WHOLE_BYTES:
                found.update(file.read())
            else:
                for sample in range(_SAMPLES):
                    file.seek((size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                    found.update(file.read(_SAMPLE_BYTES))
    return found.hexdigest()[:16]


def licence_of(folder: Path) -> str:
    """Read the licence from the head of a model's card; ``unknown`` where there is none."""
    for line in card_head(folder).splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("license_name", "license") and value.strip() not in ("", "other"):
            return value.strip().strip("'\"")
    return "unknown"


def card_head(folder: Path) -> str:
    """Read the facts at the head of a model's card, between two lines of dashes; empty if there are none."""
    try:
        text = (folder / CARD).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    parts = re.split(r"^---\s*$", text, maxsplit=2, flags=re.MULTILINE)
    return parts[1] if len(parts) == 3 and not parts[0].strip() else ""


def _models(name: str, folder: Path) -> Iterator[str]:
    """Yield the names of a pipeline's parts that lie in folders of their own.

    Raises:
        GeneratorUnavailable: there is no index of parts, or it cannot be read.
    """
    hint = "A pipeline's folder is what diffusers' save_pretrained writes."
    try:
        index: Any = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GeneratorUnavailable(name, f"there is no {INDEX} in that folder", hint) from error
    except (OSError, ValueError) as error:
        raise GeneratorUnavailable(name, f"its {INDEX} cannot be read ({error})", hint) from error
    if not isinstance(index, dict) or not index.get("_class_name"):
        raise GeneratorUnavailable(name, f"its {INDEX} names no pipeline", hint)
    for part, kind in index.items():
        if not part.startswith("_") and isinstance(kind, list) and kind and kind[0] is not None:
            yield part


def _missing_shards(place: Path) -> list[str]:
    missing = []
    for listing in place.glob("*.safetensors.index*.json"):
        try:
            shards = set(json.loads(listing.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, AttributeError):
            return [listing.name]
        missing += sorted(shard for shard in shards if not (place / str(shard)).is_file())
    return missing


def _shapes(path: Path) -> list[list[int]]:
    """Read the shapes of a safetensors file's tensors; none if it is broken, which loading it will tell."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(min(length, _LONGEST_HEAD)))
        return [entry["shape"] for name, entry in head.items() if name != "__metadata__"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def _variant_of(path: Path) -> str | None:
    found = _VARIANT.match(path.name)
    return found["variant"] if found else None


def _can_be_repository(name: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return name.count("/") == 1 and not name.startswith(("/", ".", "~"))


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import constants, try_to_load_from_cache

    found = try_to_load_from_cache(name, INDEX, cache_dir=constants.HF_HUB_CACHE, revision=revision)
    return Path(found).parent if isinstance(found, str) else None
