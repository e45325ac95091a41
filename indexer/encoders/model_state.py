"""Noticing that a model may have changed under its name, without loading it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from . import loader

_WEIGHTS = Path(__file__).parent / "weights"
# What turns weights, pictures and texts into numbers.
_LIBRARIES = ("open_clip_torch", "pillow", "timm", "tokenizers", "torch", "torchvision", "transformers")


def model_state(name: str) -> str:
    """Give a checksum that changes whenever the embeddings of a model may have changed; takes milliseconds.

    It is made of the versions of the libraries, of the bytes of the starter's own weights, and of sizes and
    times of a model's files where the name tells where they are. Equal states mean equal embeddings; of
    unequal ones that may be seen only once the model is loaded.

    Args:
        name: of the model, as ``load_encoder`` takes it.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape"))
    for library in _LIBRARIES:
        digest.update(f" {library} {_version(library)}".encode())
    if name == loader.STARTER:
        for path in sorted(_WEIGHTS.glob("*.safetensors")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    for path in _files(name):
        status = path.stat()
        digest.update(f" {path.name} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"


def _files(name: str) -> Iterator[Path]:
    """List the files of a model that lies in a folder or is one file."""
    if not loader.is_local(name):
        return
    folder = Path(name)
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if path.is_file())
    else:
        yield Path(name.partition("@")[2])
