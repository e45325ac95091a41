"""Where models lie that were exported to ONNX, one folder for each embedding space.

A cache: whatever is missing, broken or of another format there counts as not there, and is made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from ...items import EncoderSpec
from ..preprocess import PixelSettings
from .clean_text import CLEANINGS, Cleaning

TEXT_TOWER, IMAGE_TOWER, TOKENIZER, FACTS = "text.onnx", "image.onnx", "tokenizer.json", "facts.json"
SHORT = "int8.json"
"""Names the towers whose short form may be used, with the sizes of those files; there if they were made."""
_FORMAT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFacts:
    """What an exported model is, beside its towers.

    Attributes:
        spec: of the encoder that it was exported from.
        pixels: how it wants its pictures.
        context: tokens that its text tower reads at most.
        padding: the token that fills up shorter texts.
        cleaning: what is done to a text before.
        trims: whether texts are filled up to the longest one only, not to the whole context.
        sizes: bytes of each file, by name.
    """

    spec: EncoderSpec
    pixels: PixelSettings
    context: int
    padding: int
    cleaning: Cleaning
    trims: bool
    sizes: dict[str, int]


def folder_of(spec: EncoderSpec) -> Path:
    """Give the folder of an embedding space in this user's cache, whether it is there or not."""
    key = hashlib.sha256(f"{spec.weights_sha256} {spec.preprocessing_sha256} {spec.dim}".encode())
    root = platformdirs.user_cache_path("findmake", appauthor=False) / "onnx"
    return root / f"{_FORMAT}-{key.hexdigest()[:24]}"


def read_facts(folder: Path, spec: EncoderSpec) -> ExportedFacts | None:
    """Read what an exported model is; None if it is not there, not whole, or of another space."""
    try:
        told = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        facts = ExportedFacts(
            spec=EncoderSpec(**told["spec"]),
            pixels=PixelSettings(
                **told["pixels"] | {name: tuple(told["pixels"][name]) for name in ("mean", "std")}
            ),
            context=int(told["context"]),
            padding=int(told["padding"]),
            cleaning=CLEANINGS[CLEANINGS.index(told["cleaning"])],
            trims=bool(told["trims"]),
            sizes={str(name): int(size) for name, size in told["sizes"].items()},
        )
        found = {name: (folder / name).stat().st_size for name in (TEXT_TOWER, IMAGE_TOWER, TOKENIZER)}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None
    return facts if facts.sizes == found and facts.spec.same_space(spec) else None


def write_facts(folder: Path, facts: ExportedFacts) -> None:
    """Write what an exported model is, with the sizes of its files as they lie there."""
    sizes = {name: (folder / name).stat().st_size for name in (TEXT_TOWER, IMAGE_TOWER, TOKENIZER)}
    told = asdict(facts) | {"sizes": sizes}
    (folder / FACTS).write_text(json.dumps(told, indent=1), encoding="utf-8")


def short_name(tower: str) -> str:
    """Name the file of a tower's short form."""
    return tower.replace(".onnx", ".int8.onnx")


def short_towers(folder: Path) -> dict[str, Path]:
    """Find the short forms of an exported model's towers, by tower; those that are whole."""
    try:
        sizes = json.loads((folder / SHORT).read_text(encoding="utf-8"))
        towers = {tower: folder / short_name(tower) for tower in (TEXT_TOWER, IMAGE_TOWER)}
        return {
            tower: path
            for tower, path in towers.items()
            if path.name in sizes and path.stat().st_size == sizes[path.name]
        }
    except (OSError, ValueError, TypeError):
        return {}


@contextmanager
def replacing(folder: Path) -> Iterator[Path | None]:
    """Give an empty folder that takes the place of another one when all went well, and of older formats' too.

    None if another process is at it already: it will be there soon.

    Raises:
        OSError: the cache cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.parent / f"{folder.name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield None
        return
    made = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        yield made
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
        _, _, key = folder.name.partition("-")
        for old in folder.parent.glob(f"[0-9]-{key}"):
            if int(old.name.partition("-")[0]) < _FORMAT:
                shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        lock.release()
