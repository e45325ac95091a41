"""Embedding the same pictures by other tools and by ours: one architecture, random weights, files on disk.

    python -m venv PEERS && PEERS/bin/pip install sentence-transformers rclip
    python benchmarks/peers.py --peers PEERS/bin/python [--pictures 300]

Each contender runs in a process of its own, in turns; its model is loaded before the clock starts. All use
ViT-B-32-256 (that of rclip) in float32 on the processor. What each does is what its users get: rclip and ours
index the folder, with their databases; the others turn files into embeddings and keep them in memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ARCHITECTURE, SIZE = "ViT-B-32-256", 256
ROUNDS = 3
Run = Callable[[list[str], Path], Callable[[], object]]


def opened(paths: list[str]) -> list[object]:
    """Open and decode pictures."""
    from PIL import Image

    return [Image.open(path).convert("RGB") for path in paths]


def transformers_loop(batch: int) -> Run:
    """The loop of many tutorials: CLIPModel and its processor, so many pictures at a time."""

    def prepare(paths: list[str], models: Path) -> Callable[[], object]:
        import torch
        from transformers import CLIPImageProcessor, CLIPModel

        model = CLIPModel.from_pretrained(models / "transformers").eval()
        processor = CLIPImageProcessor.from_pretrained(models / "transformers")

        def run() -> None:
            with torch.inference_mode():
                for start in range(0, len(paths), batch):
                    pixels = processor(images=opened(paths[start : start + batch]), return_tensors="pt")
                    model.get_image_features(**pixels)

        return run

    return prepare


def sentence_transformers(paths: list[str], models: Path) -> Callable[[], object]:
    """sentence-transformers' CLIP, at its own batch size."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import CLIPModel

    model = SentenceTransformer(modules=[CLIPModel(str(models / "transformers"))], device="cpu")
    return lambda: model.encode(opened(paths))


def rclip(paths: list[str], models: Path) -> Callable[[], object]:
    """Rclip's own indexing, by its own onnxruntime session, with its default batch."""
    os.environ["RCLIP_DATADIR"] = str(models / "rclip")
    from rclip import db, model
    from rclip.main import RClip

    loaded = model.Model()
    loaded.compute_image_features(opened(paths[:2]), for_indexing=True)
    folder = str(Path(paths[0]).parent)

    def run() -> None:
        with tempfile.TemporaryDirectory() as made:
            RClip(loaded, db.DB(str(Path(made, "db.sqlite3"))), 8, None).ensure_index(folder)

    return run


def ours(paths: list[str], models: Path, runtime: str = "auto") -> Callable[[], object]:
    """Our indexing, the model prepared."""
    from architectures import prepared

    from indexer import Collection, index_sources, open_source

    encoder = prepared(ARCHITECTURE, models, runtime)
    encoder.encode_texts(["it reads both towers"])
    encoder.encode_images(opened(paths[:2]))  # type: ignore[arg-type]

    def run() -> None:
        with tempfile.TemporaryDirectory() as made:
            collection = Collection.create(Path(made, "collection"), encoder)
            index_sources(collection, encoder, [open_source(Path(paths[0]).parent)])
            collection.close()

    return run


CONTENDERS: dict[str, Run] = {
    "transformers, one picture at a time (baseline)": transformers_loop(1),
    "transformers, 16 at a time": transformers_loop(16),
    "sentence-transformers": sentence_transformers,
    "rclip, indexing": rclip,
    "findmake, indexing": ours,
    "findmake, indexing, in 8 bits": partial(ours, runtime="int8"),
}
PEERS = ("sentence-transformers", "rclip, indexing")


def save_models(models: Path) -> None:
    """Save the architecture in the form that each contender reads."""
    import onnx
    from architectures import prepared
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    from indexer.encoders.onnx import cache

    models.mkdir()
    config = CLIPConfig(vision_config={"image_size": SIZE, "patch_size": 32})
    CLIPModel(config).save_pretrained(models / "transformers")
    CLIPImageProcessor(size={"shortest_edge": SIZE}, crop_size=SIZE).save_pretrained(models / "transformers")
    save_tokenizer(models / "transformers")
    graph = onnx.load(cache.folder_of(prepared(ARCHITECTURE, models).spec) / cache.IMAGE_TOWER)
    for old, new in ((graph.graph.input[0].name, "input"), (graph.graph.output[0].name, "output")):
        rename(graph, old, new)
    place = models / "rclip" / "ViT-B-32-256-datacomp_s34b_b86k"
    place.mkdir(parents=True)
    onnx.save(graph, place / "visual.onnx")


def rename(model: object, old: str, new: str) -> None:
    """Give a value of an ONNX graph another name."""
    graph = model.graph  # type: ignore[attr-defined]
    for value in (*graph.input, *graph.output):
        value.name = new if value.name == old else value.name
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = new if name == old else name


def save_tokenizer(folder: Path) -> None:
    """Save CLIP's tokenizer, which sentence-transformers reads although nobody asks in words here."""
    import open_clip
    from transformers import CLIPTokenizerFast

    from indexer.encoders.onnx.tokenizer import exported_tokenizer

    made = exported_tokenizer(open_clip.tokenizer.SimpleTokenizer()).tokenizer
    CLIPTokenizerFast(
        tokenizer_object=made,
        bos_token="<start_of_text>",
        eos_token="<end_of_text>",
        unk_token="<end_of_text>",
    ).save_pretrained(folder)


def run_one(name: str, folder: Path, models: Path) -> None:
    """Run one contender; print images a second."""
    paths = sorted(str(path) for path in folder.iterdir())
    run = CONTENDERS[name](paths, models)
    started = time.perf_counter()
    run()
    print(f"rate {len(paths) / (time.perf_counter() - started)}")


def rate(name: str, python: str, folder: Path, models: Path) -> float | None:
    """Run a contender in a process of its own; None if that failed, which is told."""
    root = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [python, __file__, "--run", name, str(folder), str(models)],
        capture_output=True,
        text=True,
        env=environment,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("rate ")]
    if done.returncode or not found:
        print(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return float(found[-1].split()[1])


def main() -> None:
    """Run all contenders in turns, and print a table."""
    from pipeline_speed import picture

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--pictures", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder, models = Path(made, "photos"), Path(made, "models")
        folder.mkdir()
        for number in range(given.pictures):
            (folder / f"{number:05}.jpg").write_bytes(picture((640, 480), number))
        save_models(models)
        rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        for _ in range(ROUNDS):
            for name, found in rates.items():
                python = given.peers if name in PEERS else sys.executable
                one = rate(name, python, folder, models)
                found += [one] if one is not None else []
    first = statistics.median(rates[next(iter(CONTENDERS))])
    print(f"{given.pictures} JPEGs of 640 x 480, {ARCHITECTURE}, {os.cpu_count()} cores, {ROUNDS} rounds\n")
    print("| contender | images/s, median | best | ratio |\n|---|---|---|---|")
    for name, found in rates.items():
        if found:
            middle = statistics.median(found)
            print(f"| {name} | {middle:.1f} | {max(found):.1f} | {middle / first:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run_one(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
