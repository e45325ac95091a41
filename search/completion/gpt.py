"""The small GPT behind query completion: its shape, and its files in a collection's folder.

Importing this module is quick; torch and transformers are imported when a model is made or read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer import StorageFailure

from ..errors import CompleterUnavailable

FOLDER = "suggest"
MODEL, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"
FORMAT = 1
END = "<end>"  # stands before and after every text, as in GPT-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The size of the model.

    Attributes:
        vocabulary: tokens.
        context: tokens that it looks back on.
        width: of its hidden states.
        layers, heads: as in any transformer.
    """

    vocabulary: int
    context: int = 48
    width: int = 128
    layers: int = 2
    heads: int = 4

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 1 or self.width % self.heads:
            raise ValueError(f"not the shape of a model: {self}")


def build(shape: Shape) -> Any:
    """Make a GPT-2 language model of some shape, with random weights from torch's generator."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=shape.vocabulary,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        bos_token_id=0,
        eos_token_id=0,
        resid_pdrop=0.0,  # it sees each text a few times only
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        tie_word_embeddings=False,  # a token as what was read is not the token as what comes next
    )
    return GPT2LMHeadModel(config)


def load(folder: Path) -> tuple[Any, Any]:
    """Load a model and its tokenizer from a collection's folder.

    Raises:
        CompleterUnavailable: none was trained, or a file is damaged.
    """
    own = _present(folder)
    try:
        about = json.loads((own / CONFIG).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise CompleterUnavailable(own, f"its files have format {about['format']}, not {FORMAT}")
        for name in (MODEL, TOKENIZER):
            if _sha256(own / name) != about["sha256"][name]:
                raise CompleterUnavailable(own, f"the checksum of {name} is wrong")
        return _load_model(own, Shape(**about["shape"])), _load_tokenizer(own)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CompleterUnavailable(own, f"a file is damaged ({error})") from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _present(folder: Path) -> Path:
    """Find the completer's folder; a run that was killed while it replaced the old one left that aside.

    Raises:
        CompleterUnavailable: none was trained.
    """
    for own in (folder / FOLDER, folder / f"{FOLDER}.old"):
        if (own / CONFIG).is_file():
            return own
    raise CompleterUnavailable(folder / FOLDER, "none has been trained yet")


def _load_model(own: Path, shape: Shape) -> Any:
    """Read the model; raises OSError or ValueError if it cannot be."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    model = build(shape)
    try:
        model.load_state_dict(load_file(own / MODEL))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{MODEL}: {error}") from error
    return model


def _load_tokenizer(own: Path) -> Any:
    """Read the tokenizer; raises ValueError if it cannot be."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str((own / TOKENIZER).read_text(encoding="utf-8"))


def save(folder: Path, model: Any, tokenizer: Any) -> None:
    """Put a completer in a collection's folder, in the place of an older one.

    It is written beside and then renamed, so that whoever loads gets the old one or the new one.

    Raises:
        StorageFailure: the folder cannot be written; the old completer stays.
    """
    from safetensors.torch import save_file

    new, own, old = folder / f"{FOLDER}.{uuid.uuid4().hex}", folder / FOLDER, folder / f"{FOLDER}.old"
    config = model.config
    shape = Shape(
        vocabulary=config.vocab_size,
        context=config.n_positions,
        width=config.n_embd,
        layers=config.n_layer,
        heads=config.n_head,
    )
    state = model.state_dict()
    try:
        new.mkdir(parents=True)
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, new / MODEL)
        (new / TOKENIZER).write_text(tokenizer.to_str(), encoding="utf-8")
        hashes = {name: _sha256(new / name) for name in (MODEL, TOKENIZER)}
        about = {"format": FORMAT, "shape": asdict(shape), "sha256": hashes}
        (new / CONFIG).write_text(json.dumps(about), encoding="utf-8")
        if own.exists():
            shutil.rmtree(old, ignore_errors=True)
            own.rename(old)
        new.rename(own)
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
