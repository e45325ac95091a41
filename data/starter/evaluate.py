"""Measure the encoder that is shipped, end to end, on the development sets.

    python data/starter/evaluate.py DATA

Nothing is cached and nothing is shared with the training but the pictures of DATA: each goes through
``load_encoder("starter")`` as any picture does.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import metrics
import pyarrow.parquet as pq
import torch
from corpus import is_held_out
from PIL import Image
from torch import Tensor

from indexer import Encoder, load_encoder
from indexer.encoders.starter import model as starter
from indexer.encoders.starter import weights as starter_weights


def embed_pictures(encoder: Encoder, pictures: list[bytes]) -> Tensor:
    """Give (n, 512) embeddings of encoded pictures."""
    found = []
    for start in range(0, len(pictures), 64):
        opened = [Image.open(io.BytesIO(data)).convert("RGB") for data in pictures[start : start + 64]]
        found.append(torch.from_numpy(encoder.encode_images(opened)))
    return torch.cat(found)


@torch.inference_mode()
def classify(pictures: list[bytes]) -> Tensor:
    """Give the (n,) classes that the packaged classifier sees."""
    tower, preprocess = starter.image_tower(), starter.image_preprocessing()
    state = starter_weights.load_classifier(starter_weights.locate().image)
    found = []
    for data in pictures:
        features = tower(preprocess(Image.open(io.BytesIO(data)).convert("RGB"))[None])[:, :1280]
        found.append((features @ state["classifier.weight"].T + state["classifier.bias"]).argmax(dim=1))
    return torch.cat(found)


def held_out_clothing(data: Path) -> dict[str, list]:
    """Read the fifth of the clothing set that is not trained on."""
    table = pq.read_table(data / "clothing-train.parquet", columns=["file", "label", "image"]).to_pylist()
    rows = [row for row in table if is_held_out(row["file"])]
    return {name: [row[name] for row in rows] for name in ("label", "image")}


def development(data: Path, encoder: Encoder) -> metrics.Dev:
    """Embed the development sets."""
    flickr = pq.read_table(data / "flickr8k-dev.parquet").to_pydict()
    fashion = pq.read_table(
        data / "fashion-dev.parquet", columns=["title", "articleType", "image"]
    ).to_pydict()
    clothing = held_out_clothing(data)
    return metrics.Dev(
        flickr=embed_pictures(encoder, flickr["image"]),
        fashion=embed_pictures(encoder, fashion["image"]),
        clothing=embed_pictures(encoder, clothing["image"]),
        captions=flickr["captions"],
        teacher=classify(flickr["image"]),
        titles=fashion["title"],
        articles=fashion["articleType"],
        labels=clothing["label"],
    )


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    data = parser.parse_args().data
    encoder = load_encoder("starter")

    def embed(texts: list[str]) -> Tensor:
        return torch.from_numpy(encoder.encode_texts(texts))

    print(json.dumps(metrics.figures(embed, development(data, encoder)), indent=1))


if __name__ == "__main__":
    main()
