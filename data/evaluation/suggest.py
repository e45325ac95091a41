"""Train completers on product titles and on captions, and measure them.

    python data/evaluation/suggest.py DATA [--steps 800]

Prints perplexity per token on held-out texts of the training file and on the development file, against an
interpolated Kneser-Ney bigram model of the same tokens; the time of a completion; and some completions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import pictures

from search import Completer, Recipe
from search.completion.bigram_baseline import Bigrams
from search.completion.train import is_held_out, perplexity, sentences, train

PREFIXES = {
    "fashion": ("red run", "nike", "women bl", "casual sh", "wat", "handbag ", "blue je", "black leather "),
    "flickr8k": ("a dog", "two child", "man on a b", "a red c", "girl ", "snow"),
}


def read(data: Path, name: str, part: str) -> list[str]:
    """Read the distinct titles or captions of a part, as a collection would give them."""
    column = "title" if name == "fashion" else "captions"
    values = pictures.read(data, f"{name}-{part}", [column])[column]
    texts: Iterable[str] = values if name == "fashion" else [text for five in values for text in five]
    return list(dict.fromkeys(sentence for text in texts for sentence in sentences(text)))


def measure(data: Path, name: str, steps: int) -> None:
    """Train on one set, and print the figures."""
    texts = read(data, name, "train")
    known = set(texts)
    started = time.process_time()
    model, tokenizer, trained = train(texts, Recipe(steps=steps))
    print(f"\n{name}: {trained}; {time.process_time() - started:.0f} s of processor time")
    learned, new = (
        [encoding.ids[:47] for encoding in tokenizer.encode_batch(part)]
        for part in (
            [text for text in texts if not is_held_out(text)],
            [text for text in read(data, name, "dev") if text not in known],
        )
    )
    bigrams = Bigrams(learned, tokenizer.get_vocab_size())
    print(
        f"{len(new)} new texts of {name}-dev: perplexity {perplexity(model, new):.2f}, "
        f"bigram {bigrams.perplexity(new):.2f}"
    )
    completer = Completer(model, tokenizer)
    completer.complete("warm")
    for prefix in PREFIXES[name]:
        wall, own = time.perf_counter(), time.process_time()
        found = completer.complete(prefix, 5)
        wall, own = time.perf_counter() - wall, time.process_time() - own
        shown = "; ".join(each.text for each in found)
        print(f"{prefix!r:18} {wall * 1e3:4.0f} ms ({own * 1e3:.0f} of processor)  {shown}", flush=True)
    print("richer:", completer.enrich(PREFIXES[name][-1].strip()))


def main() -> None:
    """Measure both sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("--steps", type=int, default=800)
    arguments = parser.parse_args()
    for name in PREFIXES:
        measure(arguments.data, name, arguments.steps)


if __name__ == "__main__":
    main()
