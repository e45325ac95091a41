"""Observe the starter's verdict on pictures that its encoder never saw, of new domains and of known ones.

    python data/starter/observe.py DATA CACHE HEADS OUT --without GROUP

HEADS were trained by ``train.py --without GROUP``. Episodes may only be made with an encoder that never saw
the
pictures: on those that it was trained on, all answers look too clear. OUT is a pickle of ``domains.Asked``,
    read by
``calibrate.py`` and nothing else.
"""

from __future__ import annotations

import argparse
import pickle
from collections import Counter
from pathlib import Path

import packs
import texts
import torch
from domains import COLLECTIONS, Asked, Names, ask, known_domains, new_domains
from embedded import Embedded, load_heads
from landmarks import bank_of


def observe(data: Path, embedded: Embedded, without: str, collections: int) -> list[Asked]:
    """Ask all domains, new ones and known ones."""
    bank = bank_of(data, embedded, without)
    domains = [*new_domains(data, embedded, without), *known_domains(data, embedded, without)]
    names = Names(embedded, [str(label) for domain in domains for label in domain.labels])
    scenes = embedded.images("flickr8k-train")
    return [
        one
        for number, domain in enumerate(domains)
        for one in ask(bank, domain, names, scenes, seed=number, collections=collections)
    ]


def main() -> None:
    """Observe, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("heads", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", choices=sorted(packs.GROUPS), required=True)
    parser.add_argument("--collections", type=int, default=COLLECTIONS, help="of each domain")
    o = parser.parse_args()
    torch.set_num_threads(1)
    embedded = Embedded(o.cache, load_heads(o.heads), texts.packaged(o.cache))
    asked = observe(o.data, embedded, o.without, o.collections)
    o.out.write_bytes(pickle.dumps(asked))
    print(o.out, len(asked), dict(Counter(one.observation.domain for one in asked)))


if __name__ == "__main__":
    main()
