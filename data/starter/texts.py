"""Texts of the training, each once, with what the packaged text network and a teacher make of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from indexer.encoders.starter.model import Tokenizer, text_tower

_BATCH = 128
_PART = 8_000  # texts between two savings

Encode = Callable[[list[str]], Tensor]
"""Gives (n, width) features of texts."""


class Texts:
    """Numbered texts with features of one text network, in files of a folder.

    Args:
        cache: folder of ``<name>.json`` and ``<name>.npy``.
        name: of the network.
        width: of its features.
        encode: the network.
    """

    def __init__(self, cache: Path, name: str, width: int, encode: Callable[[], Encode]) -> None:
        self._list, self._file, self._encode = cache / f"{name}.json", cache / f"{name}.npy", encode
        self._number: dict[str, int] = {}
        self.features = torch.zeros((0, width), dtype=torch.float16)
        if self._list.exists():
            self._number = {text: number for number, text in enumerate(json.loads(self._list.read_text()))}
            self.features = torch.from_numpy(np.load(self._file))

    def __contains__(self, text: str) -> bool:
        return text in self._number

    def every(self) -> list[str]:
        """Give all texts that are encoded."""
        return list(self._number)[: len(self.features)]

    def numbers(self, texts: Sequence[str]) -> Tensor:
        """Give the numbers of texts, (n,) int64; new ones are encoded by ``encode``."""
        return torch.tensor([self._number.setdefault(text, len(self._number)) for text in texts])

    def encode(self) -> None:
        """Encode what is new, and save it part by part."""
        new = list(self._number)[len(self.features) :]
        if not new:
            return
        network = self._encode()
        for start in range(0, len(new), _PART):
            part = new[start : start + _PART]
            order = sorted(range(len(part)), key=lambda i: len(part[i]))  # similar lengths: little padding
            rows = torch.empty((len(part), self.features.shape[1]), dtype=torch.float16)
            with torch.inference_mode():
                for first in range(0, len(part), _BATCH):
                    batch = order[first : first + _BATCH]
                    rows[batch] = network([part[i] for i in batch]).half()
            self.features = torch.cat([self.features, rows])
            np.save(self._file, self.features.numpy())
            self._list.write_text(json.dumps(list(self._number)[: len(self.features)]))
            print(f"{self._file.name}: {len(self.features)} texts", flush=True)

    def take(self, numbers: Tensor) -> Tensor:
        """Give the features of texts by number, (..., width) float32."""
        return self.features[numbers].float()


def packaged(cache: Path) -> Texts:
    """Open the texts as the starter's own text network sees them, 384 features."""

    def network() -> Encode:
        tower, tokenizer = text_tower(), Tokenizer()
        return lambda batch: tower(tokenizer(batch))

    return Texts(cache, "minilm", 384, network)


def teacher(cache: Path, folder: Path) -> Texts:
    """Open the texts as all-mpnet-base-v2 sees them, 768 features of length 1.

    Args:
        cache: folder of the features.
        folder: the model's files.
    """

    def network() -> Encode:
        from transformers import AutoModel, AutoTokenizer

        tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

        def encode(batch: list[str]) -> Tensor:
            tokens = tokenizer(batch, padding=True, truncation=True, max_length=64, return_tensors="pt")
            states, mask = model(**tokens).last_hidden_state, tokens["attention_mask"][..., None]
            return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)

        return encode

    return Texts(cache, "mpnet", 768, network)
